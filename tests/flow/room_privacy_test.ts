/**
 * What the service gets to see of rooms, invites, the door, the mailbox and pushes: who, when and how
 * much, and nothing of what is said or shown.
 *
 * Everything that it relayed, stored, logged and pushed is searched for everything that it must not
 * know. Each search runs again over the same bytes and one secret that is left in the clear at that very
 * place: a search that would not find that one proves nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { joinAsGuest } from "../../client/mod.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, concat, fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { parseInvite, roomKeys } from "../../crypto/invite.ts";
import { aesSeal, NONCE_BYTES, randomBytes, sha256 } from "../../crypto/primitives.ts";
import { DELIVERY_TOKEN, MAILBOX, METRICS } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { descriptionNeedles, grep, type Needle, sdpNeedles, textNeedle } from "../support/grep.ts";
import { type KeyTap, tapKeys } from "../support/key_tap.ts";
import { newSubscriber, startPushService } from "../support/push_service.ts";
import { refuses } from "../support/refuses.ts";
import { attend } from "../support/room_talk.ts";
import { storedEntries } from "../support/seen.ts";
import { type TestService } from "../support/service.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

const PUSH = { contact: "mailto:ops@calls.example", hosts: [], isLoopbackAllowed: true };

/** What people say and show, by where they do. */
const SAID = {
  "a room's metadata": "the quarterly zebra review",
  "a member's metadata": "raised hand of a heron",
  "another member's metadata": "lantern of a guest",
  "a knock": "let the otter in, please",
  "a message": "marmalade at nine",
  "a message to one": "only for the walrus",
  "a message for a receipt": "signed by the pelican",
  "a guest's message": "thanks from the badger",
  "a message in a mailbox": "read this at noon, magpie",
} as const;

/** What somebody could search, by who would see it. */
type Channel = "relayed" | "addresses" | "rows" | "files" | "logs" | "pushes";
/** All that was there. */
type Seen = Record<Channel, readonly (string | Bytes)[]>;

Deno.test("the service sees nothing of what rooms, invites, knocks, mail and pushes are about, wherever one looks", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    using tap = tapKeys();
    const kv = await Deno.openKv(`${folder}/kv.sqlite`);
    await using pushes = startPushService();
    await using play = await stage({ kv, push: PUSH, hasMetrics: true });
    const subscriber = newSubscriber();
    const rows: Bytes[] = [];
    const files: Bytes[] = [];
    const look = async () => {
      rows.push(...await storedEntries(kv));
      files.push(...await filesOf(folder));
    };
    const links = await meet(play, look);
    const token = randomBytes(32);
    await play.bob.enablePush(pushes.subscription(subscriber));
    const described = await callAndWrite(play, token, look);
    await pushes.sent(1);
    // A push service that refuses is one thing that is logged.
    pushes.answer = () => new Response(null, { status: 403 });
    await (await play.alice.call("bob", new TestStack())).hangUp();
    await eventually(() => play.faults.length > 0);
    // And one call that is told of as missed.
    await play.bob.disablePush();
    await refuses(play.alice.call("bob", new TestStack()), "peer_offline");
    await play.bob.goOnline();
    for await (const _missed of play.bob.missedCalls()) break;
    await look();
    const { passed, urls } = play.liar;
    const metrics = await (await fetch(play.liar.url + METRICS)).text();
    const seen: Seen = {
      relayed: passed,
      addresses: urls,
      rows,
      files,
      logs: [...play.faults, metrics],
      pushes: pushes.messages.flatMap(({ path, headers, body }) => {
        return [path, JSON.stringify([...headers]), body, subscriber.open(body)];
      }),
    };

    await t.step("it all happened, and what is sealed is where the service needs it", () => {
      const kinds = kindsOf(passed);
      for (const kind of ["knock", "meta", "signal", "ring", "mail", "joined", "knocking"]) {
        assert.ok(kinds.has(kind), `no ${kind} passed`);
      }
      const { offers } = passed.filter((text) => text.startsWith(`{"t":"ring"`))
        .map((text) => JSON.parse(text)).find((frame) => "offers" in frame);
      const offer = textNeedle("offer", String(offers[0].offer).slice(0, 200));
      assert.deepEqual([grep(rows, [offer]), grep(passed, [offer])], [["offer"], ["offer"]]);
      assert.match(metrics, /countersign_/);
      assert.ok(pushes.messages.length >= 1 && files.length > 0);
    });

    await t.step("nothing that was said, shown or described is anywhere", () => {
      const needles = [
        ...saidNeedles(),
        ...sdpNeedles(),
        ...descriptionNeedles("alice's", described),
      ];
      search(seen, needles);
    });
    await t.step("no link, no secret of one, no key of a room and no other key is anywhere", () => {
      search(seen, [...links.flatMap(linkNeedles), ...keysOf(tap)]);
    });
    await t.step("the right to write to somebody is stored as its hash alone", () => {
      const needle = { name: "the token", bytes: token };
      const { relayed, ...kept } = seen;
      search(kept, [needle]);
      assert.deepEqual(grep(relayed, [needle]), ["the token"], "it is shown to the service");
    });
    await t.step("no push says who calls, or whom, or where", () => {
      const room = parseInvite(links[0]!).room;
      const names = ["alice", "carol", "wilhelmina"].map((name) => textNeedle(name, name));
      search({ pushes: seen.pushes }, [...names, { name: "the room", bytes: room }]);
      const { t, id, ...more } = JSON.parse(subscriber.open(pushes.messages[0]!.body));
      assert.deepEqual([t, fromBase64Url(id)?.length, more], ["ring", 16, {}]);
    });
    await t.step("no log line and no measurement names anybody", () => {
      search(
        { logs: seen.logs },
        ["alice", "carol", "wilhelmina"].map((name) => textNeedle(name, name)),
      );
    });
    await t.step(
      "a secret that is really stored in the clear is found in rows and files",
      async () => {
        const [text] = saidNeedles();
        const key = randomBytes(32);
        await kv.set(["leak", 1], { meta: toBase64Url(text!.bytes), secret: key });
        const needles = [text!, { name: "a secret", bytes: key }];
        const names = needles.map(({ name }) => name);
        assert.deepEqual(grep(await storedEntries(kv), needles), names);
        assert.deepEqual(grep(await filesOf(folder), needles), names);
      },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Nothing of it is there; and left in the clear, each single one would be found. */
function search(seen: Partial<Seen>, needles: readonly Needle[]): void {
  for (const [channel, haystacks] of Object.entries(seen)) {
    assert.deepEqual(grep(haystacks, needles), [], channel);
    const leaking = needles.map(({ bytes }) => leakOf(channel as Channel, bytes));
    assert.deepEqual(grep([...haystacks, ...leaking], needles), needles.map(({ name }) => name));
  }
}

/** How a secret would look at that place if somebody forgot to seal it. */
function leakOf(channel: Channel, secret: Uint8Array): string | Bytes {
  // Among other bytes of a message, or as people write it.
  const wrapped = concat(randomBytes(7), secret, randomBytes(7));
  const [text, written] = [toBase64Url(wrapped), fromUtf8(secret) ?? toBase64Url(secret)];
  switch (channel) {
    case "relayed":
      return JSON.stringify({ t: "knock", id: "k", room: "AAAA", ct: text });
    case "addresses":
      return `http://127.0.0.1/v1/rooms?q=${text}`;
    case "rows":
    case "files":
      return wrapped;
    case "logs":
      return `fault in knock: ${written}`;
    case "pushes":
      return `{"t":"ring","id":"AAAA","from":"${written}"}`;
  }
}

/** Alice's room, with Bob as its member and a guest who knocks; everybody says and shows something. */
async function meet(play: Stage, look: () => Promise<void>): Promise<readonly string[]> {
  const host = attend(await play.alice.createRoom({ meta: utf8(SAID["a room's metadata"]) }));
  const links = [
    await host.meeting.invite({ uses: 2 }),
    await host.meeting.invite({ role: "knocker" }),
  ];
  const bob = attend(await play.bob.joinRoom(links[0]!));
  const guest = attend(await joinAsGuest({ link: links[1]! }));
  await guest.meeting.knock(utf8(SAID["a knock"]));
  const { member } = await host.next("knock");
  await look();
  await host.meeting.admit(member.id);
  await guest.meeting.entered;
  await bob.meeting.setMeta(utf8(SAID["a member's metadata"]));
  await guest.meeting.setMeta(utf8(SAID["another member's metadata"]));
  await host.say(SAID["a message"]);
  await host.say(SAID["a message to one"], host.meeting.members()[0]!.id);
  await host.meeting.sendForReceipt(utf8(SAID["a message for a receipt"]));
  await guest.say(SAID["a guest's message"]);
  await Promise.all([guest.heard(2), host.heard(1)]);
  await look();
  for (const { meeting } of [guest, bob, host]) await meeting.leave();
  return links;
}

/** A call that is stored until Bob wakes, and a message that is left; answers Alice's description. */
async function callAndWrite(play: Stage, token: Bytes, look: () => Promise<void>): Promise<string> {
  const service = { url: play.liar.url, now: Date.now } as TestService;
  const writer = await registered(service, "wilhelmina");
  const reader = await registered(service, "magnus");
  const signed = async (who: typeof writer, method: string, path: string, body?: unknown) => {
    const headers = await credentials(service, who, await tokenOf(service, who), method, path);
    const response = body === undefined
      ? await fetch(service.url + path, { method, headers })
      : await sendJson(service, method, path, body, headers);
    await response.body?.cancel();
    assert.ok(response.ok, `${path}: ${response.status}`);
  };
  const hash = toBase64Url(sha256(token));
  await signed(reader, "PUT", DELIVERY_TOKEN, { hash });
  const nonce = randomBytes(NONCE_BYTES);
  const text = utf8(SAID["a message in a mailbox"]);
  const ct = toBase64Url(
    concat(nonce, await aesSeal(randomBytes(32), nonce, new Uint8Array(), text)),
  );
  const delivery_token = toBase64Url(token);
  await signed(writer, "POST", messagesPath("magnus"), { id: "m1", ct, delivery_token });
  await signed(reader, "GET", MAILBOX);
  play.bob.goOffline();
  const alices = new TestStack();
  const call = await play.alice.call("bob", alices);
  await look();
  await play.bob.goOnline();
  const answered = await (await play.nextRing()).answer(new TestStack());
  await eventually(() => call.state === "connected");
  await answered.hangUp();
  play.bob.goOffline();
  // One that nobody hears.
  await (await play.alice.call("bob", new TestStack())).hangUp();
  await look();
  return alices.described[0]!;
}

function saidNeedles(): readonly Needle[] {
  return Object.entries(SAID).map(([name, text]) => textNeedle(name, text));
}

/** All that follows from what stands behind a link's `#`. */
function linkNeedles(link: string, i: number): readonly Needle[] {
  const [, fragment] = link.split("#");
  const { room, secret, seed } = parseInvite(link);
  const { meta, psk } = roomKeys({ room, secret });
  return [
    textNeedle(`link ${i}`, fragment!),
    ...Object.entries({ secret, seed, meta, psk }).map(([name, value]) => {
      return { name: `${name} of link ${i}`, bytes: value.expose() };
    }),
  ];
}

function keysOf({ secrets }: KeyTap): readonly Needle[] {
  const kinds = new Set(secrets.map(({ name }) => name.split(",")[0]));
  for (const kind of ["X25519 private key", "Ed25519 private key", "AES key", "shared secret"]) {
    assert.ok(kinds.has(kind), `no ${kind} was tapped`);
  }
  return secrets;
}

function kindsOf(passed: readonly string[]): ReadonlySet<unknown> {
  return new Set(
    passed.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text).t),
  );
}

async function filesOf(folder: string): Promise<Bytes[]> {
  const files = await Array.fromAsync(Deno.readDir(folder));
  return await Promise.all(files.map(({ name }) => Deno.readFile(`${folder}/${name}`)));
}
