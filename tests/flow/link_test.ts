/**
 * Linking a new device, and everything that must not come of it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type Joining, type Linking } from "../../client/mod.ts";
import { memoryStore, type Store, type Stored } from "../../client/store.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { decodeRecord, nextRecord, signRecord } from "../../crypto/record.ts";
import { Secret } from "../../crypto/secret.ts";
import { openReveal, replyToLink, revealLink, startLink } from "../../crypto/link.ts";
import { linkSlot, newLinkCode, parseLinkCode } from "../../crypto/link_code.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { linkPath } from "../../wire/paths.ts";
import { linkPayloadToBytes } from "../../wire/link.ts";
import { startLiar } from "../support/liar.ts";
import { read, write } from "../support/raw_store.ts";
import { asVerified } from "../support/records.ts";
import { refuses } from "../support/refuses.ts";
import { startService } from "../support/service.ts";
import { ORIGIN } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { ringing } from "../support/second_device.ts";
import { eventually } from "../support/werift.ts";

/** A stage, and devices that come to it; those that still wait at the end are closed. */
type Scene = Stage & { readonly came: Client[] };

async function scene(): Promise<Scene> {
  const play = await stage();
  const came: Client[] = [];
  return {
    ...play,
    came,
    async [Symbol.asyncDispose]() {
      for (const client of came) client.close();
      await play[Symbol.asyncDispose]();
    },
  };
}

/** A device without an account. */
async function fresh({ liar, came }: Scene): Promise<Client> {
  const client = await Client.open({ service: liar.url, store: memoryStore() });
  came.push(client);
  return client;
}

/** A new device and Bob's old one, before either person said anything. */
async function met(
  play: Scene,
  options: Parameters<Client["joinAccount"]>[0] = {},
): Promise<{ phone: Client; joining: Joining; linking: Linking }> {
  const phone = await fresh(play);
  const joining = await phone.joinAccount({ device: "phone", ...options });
  return { phone, joining, linking: await play.bob.linkDevice(joining.code) };
}

/** What passed through the slot of a code, as the service holds it. */
async function slotOf(play: Scene, code: string): Promise<Record<"new" | "old", string[]>> {
  const slot = toBase64Url(linkSlot(parseLinkCode(code)));
  const read = async (side: "new" | "old") => {
    const answer = await fetch(play.liar.target + linkPath(slot, side));
    return (await answer.json()).messages as string[];
  };
  return { new: await read("new"), old: await read("old") };
}

for (const kind of ["scanned", "typed"] as const) {
  for (const first of ["new", "old"] as const) {
    Deno.test(`a new device joins by a ${kind} code, when the ${first} one is confirmed first`, async () => {
      await using play = await scene();
      await play.alice.lookup("bob");
      const { phone, joining, linking } = await met(play, { kind });
      const { digits, name } = await linking.device;
      assert.deepEqual([digits, name], [await joining.digits, "phone"]);
      const [one, two] = first === "new" ? [joining, linking] : [linking, joining];
      one.confirm();
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(play.bob.devices().length, 1);
      let isTold = false;
      void joining.account.then(() => isTold = true);
      await new Promise((resolve) => setTimeout(resolve, 50));
      // Whose account it is leaves the old device with its person's word, and not before.
      assert.equal(isTold, first === "old");
      two.confirm();
      assert.deepEqual(await joining.account, { label: "bob", device: "" });
      assert.equal(await joining.done, "bob");
      await linking.done;
      assert.equal(phone.label, "bob");
      const names = (client: Client) => client.devices().map(({ id, name }) => [id, name]);
      assert.deepEqual(names(play.bob), [[1, ""], [2, "phone"]]);
      assert.deepEqual(names(phone), names(play.bob));
      // Everybody who knows Bob follows him silently, and calls both devices.
      assert.equal((await play.alice.lookup("bob")).isNew, false);
      await phone.goOnline();
      using device = ringing(phone, memoryStore());
      const call = await play.alice.call("bob", new TestStack());
      await device.nextRing();
      await (await play.nextRing()).decline();
      await call.ended;
    });
  }
}

Deno.test("the service sees of two devices that meet neither the code, nor who they are", async () => {
  await using play = await scene();
  const { joining, linking } = await met(play);
  await joining.digits;
  linking.confirm();
  joining.confirm();
  const before = play.liar.passed.length;
  await Promise.all([joining.done, linking.done]);
  const messages = await slotOf(play, joining.code);
  assert.deepEqual([messages.new.length, messages.old.length], [3, 3]);
  const secret = joining.code.split(":")[1]!;
  const seen = [...play.liar.passed, ...play.liar.urls];
  assert.ok(before > 0 && seen.length > before);
  assert.ok(!seen.some((text) => text.includes(secret)));
  for (const text of [...messages.new, ...messages.old]) {
    const bytes = new TextDecoder("latin1").decode(fromBase64Url(text)!);
    for (const word of ["bob", "phone", "kind", "signing"]) assert.ok(!bytes.includes(word), word);
  }
});

Deno.test("a service that puts keys of its own in between is refused by both devices", async () => {
  await using play = await scene();
  const phone = await fresh(play);
  const joining = await phone.joinAccount();
  const between = await startLink();
  let revealed = "";
  play.liar.answerLie = async (path, value) => {
    if (!path.endsWith("/new")) return value;
    const [reply] = (await slotOf(play, joining.code)).old;
    if (reply === undefined) return { messages: [toBase64Url(between.commit)] };
    // It does not know the secret: any other one has to do.
    const place = { origin: ORIGIN, secret: new Uint8Array(16) };
    if (revealed === "") {
      const forged = await revealLink(place, between, fromBase64Url(reply)!, await aDevice());
      revealed = toBase64Url(forged.reveal);
    }
    return { messages: [revealed] };
  };
  const linking = await play.bob.linkDevice(joining.code);
  await refuses(linking.device, "link_failed");
  await refuses(linking.done, "link_failed");
  play.liar.answerLie = null;
  assert.equal(play.bob.devices().length, 1);
  // The new device has heard a genuine reply, and waits for what never comes.
  joining.confirm();
  assert.match(await joining.digits, /^[0-9]{6}$/);
});

Deno.test("a man in the middle who knows the code is told by the digits, and gets nothing before they are confirmed", async () => {
  await using play = await scene();
  const phone = await fresh(play);
  const joining = await phone.joinAccount({ device: "phone", kind: "typed" });
  const place = { origin: ORIGIN, secret: parseLinkCode(joining.code) };
  const slot = toBase64Url(linkSlot(place.secret));
  const real = async (side: "new" | "old") => (await slotOf(play, joining.code))[side];
  const between = await startLink();
  const [commit] = await real("new");
  const posing = await replyToLink(fromBase64Url(commit!)!);
  let reveal = "";
  play.liar.answerLie = async (path, value) => {
    // To the new device he is the old one, to the old one the new one.
    if (path === linkPath(slot, "old")) return { messages: [toBase64Url(posing.reply)] };
    if (path !== linkPath(slot, "new")) return value;
    const [reply] = await real("old");
    if (reply !== undefined && reveal === "") {
      const made = await revealLink(place, between, fromBase64Url(reply)!, await aDevice());
      reveal = toBase64Url(made.reveal);
    }
    const isFirst = reply === undefined;
    return { messages: isFirst ? [toBase64Url(between.commit)] : [reveal] };
  };
  const giveUp = new AbortController();
  const linking = await play.bob.linkDevice(joining.code, giveUp.signal);
  const { digits } = await linking.device;
  assert.notEqual(digits, await joining.digits);
  // He opens what the new device revealed, but the old one has told nothing yet.
  const { payload } = await openReveal(place, posing, fromBase64Url((await real("new"))[1]!)!);
  assert.ok(payload.length > 0);
  assert.equal((await real("old")).length, 1);
  giveUp.abort();
  await refuses(linking.done, "link_failed");
  assert.equal(play.bob.devices().length, 1);
});

Deno.test("what two other devices said does not serve a second time", async () => {
  await using play = await scene();
  const first = await met(play);
  await first.joining.digits;
  const replayed = await slotOf(play, first.joining.code);
  const phone = await fresh(play);
  const joining = await phone.joinAccount();
  play.liar.answerLie = (path, value) => path.endsWith("/new") ? { messages: replayed.new } : value;
  const linking = await play.bob.linkDevice(joining.code);
  await refuses(linking.device, "link_failed");
  assert.equal(play.bob.devices().length, 1);
});

Deno.test("a code that is none, or of nobody who waits, links nothing", async () => {
  await using play = await scene();
  for (const code of ["", "https://example.com", "0000-000U", newLinkCode("typed").code]) {
    const linking = await play.bob.linkDevice(code);
    await refuses(linking.device, "link_failed");
    await refuses(linking.done, "link_failed");
  }
});

Deno.test("a person who gives up on one device ends it on the other", async () => {
  await using play = await scene();
  for (const side of ["new", "old"] as const) {
    const giveUp = new AbortController();
    const phone = await fresh(play);
    const options = side === "new" ? { signal: giveUp.signal } : {};
    const joining = await phone.joinAccount(options);
    const signal = side === "old" ? giveUp.signal : undefined;
    const linking = await play.bob.linkDevice(joining.code, signal);
    await Promise.all([joining.digits, linking.device]);
    (side === "new" ? linking : joining).confirm();
    giveUp.abort();
    await refuses(joining.done, "link_failed");
    await refuses(linking.done, "link_failed");
    assert.deepEqual([phone.label, play.bob.devices().length], [null, 1]);
  }
});

Deno.test("a new device that nobody links stops waiting after five minutes", async () => {
  await using service = await startService();
  const client = await Client.open({ service: service.url, store: memoryStore() });
  const joining = await client.joinAccount();
  service.advance(300_000);
  await refuses(joining.done, "link_failed");
  await refuses(joining.digits, "link_failed");
  client.close();
});

Deno.test("a device that has an account joins no other, and a name has its length", async () => {
  await using play = await scene();
  await refuses(play.alice.joinAccount(), "refused");
  const phone = await fresh(play);
  await refuses(phone.joinAccount({ device: "x".repeat(65) }), "bad_option");
  await refuses(phone.linkDevice("0000-0000"), "not_registered");
});

Deno.test("a device that died before it heard that it was taken in finds its account when it is opened again", async () => {
  await using play = await scene();
  const store = memoryStore();
  const phone = await Client.open({ service: play.liar.url, store });
  const joining = await phone.joinAccount({ device: "phone" });
  const linking = await play.bob.linkDevice(joining.code);
  await Promise.all([joining.digits, linking.device]);
  joining.confirm();
  let isHeard = false;
  play.liar.answerLie = (path, value) => {
    // The last message never arrives there.
    const { messages } = value as { messages?: string[] };
    if (!path.endsWith("/old") || messages === undefined) return value;
    if (messages.length > 0 && isHeard) return { messages: [] };
    isHeard ||= messages.length > 0 && messages.length < 3 && play.bob.devices().length === 2;
    return play.bob.devices().length === 2 ? { messages: [] } : value;
  };
  linking.confirm();
  await linking.done;
  assert.equal(phone.label, null);
  phone.close();
  play.liar.answerLie = null;
  const again = await Client.open({ service: play.liar.url, store });
  assert.equal(again.label, "bob");
  await again.goOnline();
  await eventually(() => again.online);
  again.close();
  const later = await Client.open({ service: play.liar.url, store });
  assert.equal(later.label, "bob");
  later.close();
});

Deno.test("a new device that does not agree to its entry is not taken in, and nothing is asked of the log", async () => {
  await using play = await scene();
  const { code, secret } = newLinkCode("scanned");
  const slot = toBase64Url(linkSlot(secret));
  const say = async (n: number, message: Uint8Array) => {
    await fetch(`${play.liar.target}${linkPath(slot, "new")}/${n}`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ message: toBase64Url(message) }),
    });
  };
  const hear = async (n: number) => {
    const said = async () => (await slotOf(play, code)).old[n];
    while (await said() === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
    return fromBase64Url((await said())!)!;
  };
  const start = await startLink();
  await say(0, start.commit);
  const linking = await play.bob.linkDevice(code);
  const place = { origin: ORIGIN, secret };
  const { reveal, channel } = await revealLink(place, start, await hear(0), await aDevice());
  await say(1, reveal);
  assert.equal((await linking.device).digits, channel.digits);
  linking.confirm();
  await channel.receive.open(await hear(1));
  const binding = linkPayloadToBytes({ kind: "binding", binding: new Uint8Array(64) });
  play.liar.urls.length = 0;
  await say(2, await channel.send.seal(binding));
  await refuses(linking.done, "link_failed");
  assert.ok(!play.liar.urls.some((url) => url.endsWith("/v1/directory/bob")));
  assert.equal(play.bob.devices().length, 1);
});

/** A device that somebody made up. */
async function aDevice(): Promise<Uint8Array<ArrayBuffer>> {
  const { signing, identity } = await generateDeviceKeys();
  return linkPayloadToBytes({
    kind: "device",
    signing: signing.publicKey,
    identity: identity.publicKey,
    name: "phone",
  });
}

/** A phone that agreed to stand in Bob's account, and died before it heard that it was taken in. */
async function deadPhone(play: Scene): Promise<Store> {
  const store = memoryStore();
  const phone = await Client.open({ service: play.liar.url, store });
  const joining = await phone.joinAccount({ device: "phone" });
  const linking = await play.bob.linkDevice(joining.code);
  await Promise.all([joining.digits, linking.device]);
  joining.confirm();
  linking.confirm();
  let kept: Stored = null;
  while (kept === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    kept = await read(store, "account/joining");
  }
  await Promise.all([linking.done, joining.done]);
  phone.close();
  // What was on its disk when it died.
  const dead = memoryStore();
  await write(dead, { "account/joining": kept });
  return dead;
}

Deno.test("a join outlasts hours in which the log does not show it, and clocks that jump", async () => {
  await using play = await scene();
  const store = await deadPhone(play);
  // The record waits for its witnesses: the service does not know the device yet.
  play.liar.answerLie = (path, value) => {
    if (path !== "/v1/tokens") return value;
    play.liar.nextStatus = 403;
    return { ...(value as object), code: "unknown_device", status: 403, title: "x", detail: "x" };
  };
  for (const aheadMs of [0, 86_400_000, -86_400_000, 3_600_000]) {
    const now = () => Date.now() + aheadMs;
    const early = await Client.open({ service: play.liar.url, store, now });
    assert.equal(early.label, null);
    early.close();
  }
  play.liar.answerLie = null;
  const phone = await Client.open({ service: play.liar.url, store });
  assert.equal(phone.label, "bob");
  assert.equal(await read(store, "account/joining"), null);
  phone.close();
});

Deno.test("a device that is removed before it knew that it was in gives up, and may begin anew", async () => {
  await using play = await scene();
  const store = await deadPhone(play);
  const shown = play.liar.passed.length;
  await play.bob.removeDevice(2);
  const phone = await Client.open({ service: play.liar.url, store });
  assert.ok(play.liar.passed.length > shown);
  assert.equal(phone.label, null);
  await phone.register("phone");
  assert.equal(phone.label, "phone");
  phone.close();
});

Deno.test("a service that shows the new device another account of that name is refused", async () => {
  await using play = await scene();
  // Another log of the same name, where Mallory is Bob; the slots are those of the real service.
  const front = startLiar();
  await using fake = await startService({
    secret: new Secret(new Uint8Array(32).fill(8)),
    publicOrigin: front.url,
  });
  front.target = fake.url;
  front.routeFor = (path) => path.startsWith("/v1/links/") ? play.liar.target : null;
  const spies = memoryStore();
  const spy = await Client.open({ service: front.url, store: spies });
  await spy.register("bob");
  const store = memoryStore();
  const phone = await Client.open({ service: front.url, store });
  const joining = await phone.joinAccount({ device: "phone" });
  const linking = await play.bob.linkDevice(joining.code);
  assert.equal((await linking.device).digits, await joining.digits, "the channel is the right one");
  const isBobs = (body: string) => body.includes('"record"') && body.includes("from");
  const from = play.liar.passed.length;
  linking.confirm();
  joining.confirm();
  await linking.done;
  await refuses(joining.done, "link_failed");
  phone.close();
  // The service reads the new device, which agreed to its entry, and puts it into its own Bob's record.
  const sent = play.liar.passed.slice(from).filter(isBobs)
    .map((body) => decodeRecord(fromBase64Url(JSON.parse(body).record)!))
    .find(({ devices }) => devices.length === 2)!;
  const account = { origin: ORIGIN, label: parseAccountLabel("bob") };
  const held = await read(spies, "account") as { record: Bytes; signing: CryptoKey };
  const before = asVerified(account, held.record);
  const signing = {
    publicKey: before.devices[0]!.entry.signing,
    privateKey: held.signing,
  };
  const devices = [...before.devices, sent.devices[1]!];
  const forged = await signRecord(
    account,
    nextRecord(before, { kind: "update", devices, issuedMs: Date.now() }),
    [{ role: "self", signing }, { role: "previous", signing }],
  );
  const taken = await fetch(`${front.url}/v1/directory/bob`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ record: toBase64Url(forged) }),
  });
  assert.equal(taken.status, 200, await taken.text());
  await refuses(Client.open({ service: front.url, store }), "proof_invalid");
  const again = await Client.open({ service: front.url, store });
  assert.equal(again.label, null);
  again.close();
  spy.close();
  await front.close();
});

Deno.test("of two devices that are linked at once both are in the account", async () => {
  await using play = await scene();
  const [one, two] = [await met(play, { device: "phone" }), await met(play, { device: "tablet" })];
  await Promise.all([one, two].flatMap(({ joining, linking }) => [joining.digits, linking.device]));
  for (const { joining, linking } of [one, two]) {
    joining.confirm();
    linking.confirm();
  }
  await Promise.all([one, two].flatMap(({ joining, linking }) => [joining.done, linking.done]));
  await play.bob.goOnline();
  const devices = play.bob.devices().map(({ id, name }) => [id, name]);
  assert.deepEqual(devices.map(([id]) => id), [1, 2, 3]);
  assert.deepEqual(devices.map(([, name]) => name).toSorted(), ["", "phone", "tablet"]);
  assert.deepEqual([one.phone.label, two.phone.label], ["bob", "bob"]);
});

Deno.test("a device that is linked while the account changes agrees to what the account is then", async () => {
  await using play = await scene();
  const { phone, joining, linking } = await met(play);
  await Promise.all([joining.digits, linking.device]);
  linking.confirm();
  // Between the number that the phone is told and its agreement to it, Bob sets a recovery key.
  await joining.account;
  const code = await play.bob.newRecoveryCode();
  await play.bob.setRecoveryKey(code);
  joining.confirm();
  await Promise.all([joining.done, linking.done]);
  assert.deepEqual(phone.devices().map(({ id }) => id), [1, 3]);
  const messages = await slotOf(play, joining.code);
  assert.deepEqual([messages.new.length, messages.old.length], [4, 4]);
  // The recovery key is what it was: linking changed nothing else.
  await (await fresh(play)).recover("bob", "", code);
});
