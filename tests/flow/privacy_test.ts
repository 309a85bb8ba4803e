/**
 * What the service gets to see of a call: names, times, sizes, and nothing of what is said.
 *
 * Everything that it relayed and everything that it stored is searched for everything that it must
 * not know. Each search runs again over the same bytes and one payload that is left in the clear: a
 * search that would not find that one proves nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { describe } from "../../client/fingerprint.ts";
import { memoryStore } from "../../client/store.ts";
import { toBase64, toBase64Url } from "../../crypto/base64.ts";
import { concat, equal, toHex, utf8 } from "../../crypto/bytes.ts";
import { PADDED_BYTES } from "../../crypto/padding.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { CTX } from "../../crypto/schedule.ts";
import { NO_GOSSIP, payloadToBytes } from "../../wire/payload.ts";
import {
  callKeyNeedles,
  descriptionNeedles,
  grep,
  type Needle,
  sdpNeedles,
  textNeedle,
} from "../support/grep.ts";
import { type KeyTap, tapKeys } from "../support/key_tap.ts";
import { type Liar, startLiar } from "../support/liar.ts";
import {
  leftClear,
  messagesOf,
  paddedBytes,
  sealedFrames,
  storedEntries,
} from "../support/seen.ts";
import { startService } from "../support/service.ts";
import { type Connected, stage } from "../support/stage.ts";
import { CLEAR_FRAME, TestStack } from "../support/test_stack.ts";

Deno.test("the service sees no description, no candidate, no certificate and no key of a call, relayed or stored", async (t) => {
  using tap = tapKeys();
  await using play = await stage();
  const held = await play.connect();
  const keys = await keyNeedles(held, tap);
  const during = await storedEntries(play.kv);
  await held.call.hangUp();
  await held.answered.ended;
  const { passed, urls } = play.liar;
  const frames = sealedFrames(passed);
  const stored = await storedEntries(play.kv);
  const seen = [...passed, ...urls, ...during, ...stored];
  const sides = [held.alices, held.bobs].map(({ described }) => described[0]!);
  const descriptions = sides.map((sdp, i) => descriptionNeedles(["alice's", "bob's"][i]!, sdp));

  await t.step("the messages really passed, and the names are where the service needs them", () => {
    const kinds = frames.map((frame) => [frame.t, ...messagesOf(frame).map((one) => one[0]!)]);
    // Offer, answer, confirm, and the box of the hangup.
    assert.deepEqual(kinds, [["ring", 0x11], ["signal", 0x12], ["signal", 0x13], ["signal", 0x30]]);
    assert.deepEqual(grep(stored, [textNeedle("alice", "alice")]), ["alice"]);
    assert.deepEqual(grep(passed, [textNeedle("alice", "alice")]), ["alice"]);
  });

  await t.step("nothing of either description is anywhere", () => {
    assert.deepEqual(grep(seen, [...sdpNeedles(), ...descriptions.flat()]), []);
  });

  await t.step("the same search finds a description that is not sealed, on either side", () => {
    const described = sides.map(describe);
    const room = toBase64Url(randomBytes(16));
    const offer = payloadToBytes({
      kind: "offer",
      room,
      replaces: "",
      ...described[0]!,
      ...NO_GOSSIP,
    });
    const answer = payloadToBytes({ kind: "answer", ...described[1]!, ...NO_GOSSIP });
    for (const [i, payload] of [offer, answer].entries()) {
      const needles = [...sdpNeedles(), ...descriptions[i]!];
      const clear = leftClear(frames[i]!, payload);
      assert.deepEqual(grep([...seen, clear], needles), needles.map(({ name }) => name));
    }
  });

  await t.step(
    "no key is anywhere: not of the frames, the messages, the handshake, the device",
    () => {
      const kinds = new Set(tap.secrets.map(({ name }) => name.split(",")[0]));
      for (
        const kind of ["X25519 private key", "Ed25519 private key", "AES key", "shared secret"]
      ) {
        assert.ok(kinds.has(kind), `no ${kind} was tapped`);
      }
      assert.deepEqual(grep(seen, keys), []);
    },
  );

  await t.step("the same search finds every key that is sent along", () => {
    const clear = leftClear(frames[2]!, concat(...keys.map(({ bytes }) => bytes)));
    assert.deepEqual(grep([...seen, clear], keys), keys.map(({ name }) => name));
  });

  await t.step("the service keeps no message, sealed as it is", () => {
    const needles = frames.flatMap(messagesOf).map((message, i) => {
      return { name: `message ${i}`, bytes: message.subarray(-paddedBytes(message), -400) };
    });
    assert.deepEqual(grep([...during, ...stored], needles), []);
    assert.deepEqual(grep(passed, needles), needles.map(({ name }) => name));
  });

  await t.step("no frame of media is anywhere, although frames moved", async () => {
    const needle = textNeedle("a frame", CLEAR_FRAME);
    assert.ok(await held.alices.framesMoved() > 0 && await held.bobs.framesMoved() > 0);
    assert.deepEqual(grep(seen, [needle]), []);
    const clear = leftClear(frames[3]!, utf8(CLEAR_FRAME));
    assert.deepEqual(grep([...seen, clear], [needle]), ["a frame"]);
  });

  await t.step("a sealed payload has one of the padded sizes", () => {
    const sizes = frames.flatMap(messagesOf).map(paddedBytes);
    assert.deepEqual(sizes.filter((size) => !PADDED_BYTES.includes(size)), []);
    // What has nothing to say is as long as what ends the call.
    assert.equal(sizes[2], sizes[3]);
  });
});

Deno.test("an access token is in no URL and in no WebSocket subprotocol", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  await call.hangUp();
  await answered.ended;
  const { urls, subprotocols, passed } = play.liar;
  const tokens = tokensOf(passed);
  assert.equal(tokens.length, 3, "each of the three signed in once");
  assert.ok(urls.length > 10 && subprotocols.length === 3);
  // The token, and its signature alone.
  const needles = tokens.flatMap((token) => [token, token.split(".")[2]!])
    .map((text) => textNeedle(text, text));
  assert.deepEqual(grep([...urls, ...subprotocols], needles), []);
  assert.deepEqual(new Set(subprotocols), new Set(["rooms.v1"]));
  for (const url of urls) {
    assert.match(new URL(url).search, /^(\?[a-z]+=\d+(&[a-z]+=\d+)*)?$/);
  }
  const leaking = `${urls[0]}?access_token=${tokens[0]}`;
  assert.deepEqual(grep([...urls, leaking], needles), needles.slice(0, 2).map(({ name }) => name));
});

Deno.test("what the service logs of its own faults holds no name, no token and no message", async () => {
  const { kv, fail } = fragileKv(await Deno.openKv(":memory:"));
  const liar = startLiar();
  await using service = await startService({ kv, publicOrigin: liar.url });
  liar.target = service.url;
  const [caller, callee] = [await online(liar, "zephyrine"), await online(liar, "quentin")];
  const stack = new TestStack();
  // The store's own errors say all that could be said, as a stranger's might.
  liar.frameLie = (_, frame) => {
    if (frame.t === "ring") fail(`quentin and ${liar.passed.join(" and ")}`);
    return [frame];
  };
  await assert.rejects(caller.call("quentin", stack));
  await assert.rejects(caller.lookup("quentin"));
  fail(null);
  const { faults } = service;
  assert.ok(faults.length >= 2, "the ring and the lookup failed, and were logged");
  const [ring] = sealedFrames(liar.passed);
  const needles = [
    ...["zephyrine", "quentin", ...tokensOf(liar.passed)].map((text) => textNeedle(text, text)),
    ...[ring!.t === "ring" ? ring!.common : "", ...messagesOf(ring!).map(toBase64Url)]
      .flatMap((text) => [text.slice(0, 40), text.slice(-40)])
      .map((text) => textNeedle(text, text)),
  ];
  assert.equal(needles.length, 8);
  assert.deepEqual(grep(faults, needles), []);
  const control = [...faults, `fault: ${liar.passed.join(" and ")}`];
  assert.deepEqual(grep(control, needles), needles.map(({ name }) => name));
  for (const client of [caller, callee]) client.close();
  await liar.close();
});

Deno.test("the search finds a key in every spelling and at every alignment", () => {
  const key = randomBytes(32);
  const hex = toHex(key);
  const needle = { name: "key", bytes: key };
  const spellings = [hex, hex.toUpperCase(), hex.match(/../g)!.join(":"), key.join(",")];
  for (let before = 0; before < 4; before++) {
    const wrapped = concat(randomBytes(before), key, randomBytes(40));
    const inJson = concat(randomBytes(before), utf8(JSON.stringify({ key: hex })));
    assert.deepEqual(grep([wrapped], [needle]), ["key"]);
    for (const spell of [toBase64, toBase64Url]) {
      spellings.push(spell(wrapped), `path/${"x".repeat(before)}${spell(wrapped)}`, spell(inJson));
    }
  }
  const text = utf8("a text that ends its run");
  assert.deepEqual(grep([toBase64Url(text)], [textNeedle("text", "ends its run")]), ["text"]);
  for (const text of spellings) {
    assert.deepEqual(grep(["nothing", JSON.stringify({ ct: text })], [needle]), ["key"], text);
  }
  assert.deepEqual(grep([toBase64(randomBytes(4_096))], [needle]), []);
});

/** The keys of a call under way, and every other secret that anybody held so far. */
async function keyNeedles({ alices, bobs }: Connected, tap: KeyTap): Promise<readonly Needle[]> {
  const [mine, theirs] = [alices.keys!, bobs.keys!];
  const [secret, same] = [mine, theirs].map(({ exporter }) =>
    exporter("call", new Uint8Array(), 32)
  );
  assert.deepEqual(secret, same);
  const needles = callKeyNeedles(secret!);
  // The needles are derived here once more: they are what the stacks really use.
  for (const ctx of [CTX.mic, CTX.camera]) {
    const { salt } = await mine.sendKey(ctx);
    assert.ok(needles.some(({ bytes }) => equal(bytes, salt)));
    const { salt: other } = await theirs.sendKey(ctx);
    assert.ok(needles.some(({ bytes }) => equal(bytes, other)));
  }
  return [...needles, ...tap.secrets];
}

/** The access tokens among the answers that passed. */
function tokensOf(passed: readonly string[]): string[] {
  return [...new Set(passed.flatMap((text) => /"access_token":"([^"]+)"/.exec(text)?.[1] ?? []))];
}

async function online(liar: Liar, name: string): Promise<Client> {
  const client = await Client.open({ service: liar.url, store: memoryStore() });
  await client.register(name);
  await client.goOnline();
  return client;
}

/** A store that stops answering on demand, and then says this in its errors. */
function fragileKv(real: Deno.Kv): { kv: Deno.Kv; fail: (saying: string | null) => void } {
  let complaint: string | null = null;
  const kv = new Proxy(real, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (complaint !== null) throw new Error(complaint);
        return member.apply(target, args);
      };
    },
  });
  return { kv, fail: (saying) => void (complaint = saying) };
}
