import assert from "node:assert/strict";
import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  EnvelopeStream,
  judge,
  MAX_ENVELOPE_PAYLOAD_BYTES,
  NEW_STREAM,
  openEnvelope,
  roomMessageKeys,
  type StreamSight,
} from "../../crypto/room_envelope.ts";
import { Secret } from "../../crypto/secret.ts";
import { MAX_CT_BYTES, MAX_META_BYTES } from "../../wire/limits.ts";

const NOW_MS = 1_790_000_000_000;
const room = randomBytes(16);
const secret = randomBytes(32);
const keys = roomMessageKeys(room, new Secret(secret.slice()));
const sender = await generateSigningKeyPair();
const REFUSED = { code: "bad_message" };

const stream = (to = ""): EnvelopeStream => new EnvelopeStream(keys, sender, to);
const say = (from: EnvelopeStream, text: string): Promise<Bytes> =>
  from.seal("message", utf8(text), NOW_MS);

Deno.test("an envelope says who sealed it, when, for whom, and what", async () => {
  const sealed = await stream("bob/1").seal("knock", utf8("hello"), NOW_MS);
  const opened = await openEnvelope(keys, sealed);
  assert.deepEqual(opened.sender, sender.publicKey);
  assert.deepEqual([opened.n, opened.kind, opened.to, opened.sentMs], [
    0,
    "knock",
    "bob/1",
    NOW_MS,
  ]);
  assert.deepEqual(opened.payload, utf8("hello"));
});

Deno.test("an envelope's length tells one of four sizes, and the longest fits a frame", async () => {
  const lengths = new Set<number>();
  for (const length of [0, 1, 300, 2_000, 8_000, MAX_ENVELOPE_PAYLOAD_BYTES]) {
    lengths.add(
      (await stream("x".repeat(255)).seal("message", new Uint8Array(length), NOW_MS)).length,
    );
  }
  assert.equal(lengths.size, 4);
  assert.ok(Math.max(...lengths) <= MAX_CT_BYTES);
  const longer = new Uint8Array(MAX_ENVELOPE_PAYLOAD_BYTES + 1);
  await assert.rejects(stream().seal("message", longer, NOW_MS), { code: "malformed" });
  const knock = await stream().seal("knock", new Uint8Array(256), NOW_MS);
  assert.ok(knock.length <= MAX_META_BYTES);
});

Deno.test("whatever bit of an envelope is flipped, and wherever it is cut, it is refused", async () => {
  const sealed = await say(stream(), "hello");
  for (let at = 0; at < sealed.length; at += at < 40 ? 1 : 37) {
    const flipped = sealed.slice();
    flipped[at]! ^= 1 << at % 8;
    await assert.rejects(openEnvelope(keys, flipped), REFUSED, `byte ${at}`);
    await assert.rejects(openEnvelope(keys, sealed.slice(0, at)), REFUSED, `${at} bytes`);
  }
});

Deno.test("an envelope opens in its room alone, and for those who have its secret", async () => {
  const sealed = await say(stream(), "hello");
  const elsewhere = roomMessageKeys(randomBytes(16), new Secret(secret.slice()));
  const without = roomMessageKeys(room, new Secret(randomBytes(32)));
  await assert.rejects(openEnvelope(elsewhere, sealed), REFUSED);
  await assert.rejects(openEnvelope(without, sealed), REFUSED);
});

Deno.test("a member who has the room's secret cannot say anything under another's key", async () => {
  const mallory = await generateSigningKeyPair();
  const posing = new EnvelopeStream(
    keys,
    { publicKey: sender.publicKey, privateKey: mallory.privateKey },
    "",
  );
  await assert.rejects(openEnvelope(keys, await say(posing, "hello")), REFUSED);
});

Deno.test("a stream is counted, and what is missing, moved or said again is seen", async () => {
  const from = stream();
  // Asked for at once: still one after the other.
  const sealed = await Promise.all(["0", "1", "2", "3", "4"].map((text) => say(from, text)));
  const opened = await Promise.all(sealed.map((each) => openEnvelope(keys, each)));
  assert.deepEqual(opened.map(({ n }) => n), [0, 1, 2, 3, 4]);
  const hear = (sight: StreamSight | null, i: number) => judge(sight, opened[i]!);
  const first = hear(NEW_STREAM, 0);
  assert.ok(first.kind === "fresh" && first.missing === 0);
  const second = hear(first.sight, 1);
  assert.ok(second.kind === "fresh" && second.missing === 0);
  const fourth = hear(second.sight, 4);
  assert.ok(fourth.kind === "fresh");
  assert.equal(fourth.missing, 2);
  for (const i of [0, 1, 2, 3, 4]) assert.equal(hear(fourth.sight, i).kind, "refused", `${i}`);
  // Whoever comes late hears from there on; a new stream that begins later has lost its beginning.
  const late = hear(null, 3);
  assert.ok(late.kind === "fresh" && late.missing === 0);
  const cut = hear(NEW_STREAM, 3);
  assert.ok(cut.kind === "fresh");
  assert.equal(cut.missing, 3);
});

Deno.test("an envelope that contradicts the one before it is refused", async () => {
  const from = stream();
  const [, second] = [await say(from, "0"), await openEnvelope(keys, await say(from, "1"))];
  const other = { next: 1, prev: randomBytes(32) };
  assert.equal(judge(other, second).kind, "refused");
  assert.equal(judge({ next: 1, prev: null }, second).kind, "fresh");
});

Deno.test("no two envelopes share a stream's name, and so none a key and a nonce", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const from = stream();
    for (const text of ["a", "b"]) seen.add(toHex((await say(from, text)).slice(0, 21)));
  }
  assert.equal(seen.size, 40);
});
