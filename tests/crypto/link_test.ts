import assert from "node:assert/strict";
import { type Bytes, concat, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { generateAgreementKeyPair } from "../../crypto/keys.ts";
import {
  type LinkPlace,
  openReveal,
  replyToLink,
  revealLink,
  startLink,
} from "../../crypto/link.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { flipped } from "../support/people.ts";

const PLACE: LinkPlace = { origin: "calls.example/kt/1", secret: new Uint8Array(16).fill(3) };

async function refused(work: Promise<unknown>, what?: string): Promise<void> {
  const error: unknown = await work.then(() => "accepted", (error) => error);
  assert.ok(error instanceof CryptoError, `${what}: ${error}`);
  assert.equal(error.code, "bad_handshake", what);
}

/** Both devices, with nobody in between. */
async function meeting(place = PLACE) {
  const start = await startLink();
  const answered = await replyToLink(start.commit);
  const revealed = await revealLink(place, start, answered.reply, utf8("hello"));
  return { start, answered, ...revealed };
}

Deno.test("two devices that meet show the same six digits, and read each other in both directions", async () => {
  const { answered, reveal, channel } = await meeting();
  const opened = await openReveal(PLACE, answered, reveal);
  assert.deepEqual(opened.payload, utf8("hello"));
  assert.match(channel.digits, /^[0-9]{6}$/);
  assert.equal(opened.channel.digits, channel.digits);
  for (const text of ["one", "two"]) {
    const up = await channel.send.seal(utf8(text));
    assert.deepEqual(await opened.channel.receive.open(up), utf8(text));
    const down = await opened.channel.send.seal(utf8(text));
    assert.deepEqual(await channel.receive.open(down), utf8(text));
    // Neither is a message of the other direction, nor comes twice.
    await assert.rejects(opened.channel.receive.open(down), { code: "bad_message" });
    await assert.rejects(opened.channel.receive.open(up), { code: "bad_message" });
  }
});

Deno.test("digits differ from meeting to meeting", async () => {
  const digits = new Set<string>();
  for (let i = 0; i < 8; i++) digits.add((await meeting()).channel.digits);
  assert.ok(digits.size >= 7);
});

Deno.test("whoever does not know the secret, or is at another log, gets no channel", async () => {
  const { answered, reveal } = await meeting();
  const secret = new Uint8Array(16).fill(4);
  await refused(openReveal({ ...PLACE, secret }, answered, reveal));
  await refused(openReveal({ ...PLACE, origin: "calls.example/kt/2" }, answered, reveal));
  await refused(openReveal({ origin: PLACE.origin, secret: new Uint8Array(5) }, answered, reveal));
  await openReveal(PLACE, answered, reveal);
});

Deno.test("a key other than the one committed to is refused, also by somebody who knows the secret", async () => {
  const start = await startLink();
  const answered = await replyToLink(start.commit);
  const other = await startLink();
  for (
    const changed of [
      { ...start, nonce: other.nonce },
      { ...start, ephemeral: other.ephemeral },
      // A man in the middle who commits to one key and reveals another, once the reply is there.
      { ...other, commit: start.commit },
    ]
  ) {
    const { reveal } = await revealLink(PLACE, changed, answered.reply, utf8("hello"));
    await refused(openReveal(PLACE, answered, reveal));
  }
});

Deno.test("a man in the middle who knows the secret makes the two devices show different digits", async () => {
  // He is the old device for the new one and the new device for the old one, with keys of his own.
  let equal = 0;
  for (let i = 0; i < 5; i++) {
    const start = await startLink();
    const between = await startLink();
    const answered = await replyToLink(between.commit);
    const posing = await replyToLink(start.commit);
    const revealed = await revealLink(PLACE, start, posing.reply, utf8("hello"));
    const forged = await revealLink(PLACE, between, answered.reply, utf8("hello"));
    const opened = await openReveal(PLACE, answered, forged.reveal);
    if (opened.channel.digits === revealed.channel.digits) equal++;
  }
  assert.equal(equal, 0, "once in a million meetings, and not five times");
});

Deno.test("messages that were changed, cut or extended are refused", async () => {
  const { start, answered, reveal } = await meeting();
  const tries: [string, Bytes, (bytes: Bytes) => Promise<unknown>][] = [
    ["commit", start.commit, (commit) => openReveal(PLACE, { ...answered, commit }, reveal)],
    ["reply", answered.reply, async (reply) => {
      const { reveal } = await revealLink(PLACE, start, reply, utf8("hello"));
      return await openReveal(PLACE, answered, reveal);
    }],
    ["reveal", reveal, (changed) => openReveal(PLACE, answered, changed)],
  ];
  for (const [what, bytes, attempt] of tries) {
    const bits = Array.from(bytes, (_, i) => 8 * i + i % 8);
    for (const bit of bits) await refused(attempt(flipped(bytes, bit)), `${what} ${bit}`);
    for (const length of [0, 1, bytes.length - 1]) {
      await refused(attempt(bytes.slice(0, length)), `${what} of ${length} bytes`);
    }
    await refused(attempt(concat(bytes, Uint8Array.of(0))), `${what} extended`);
  }
});

Deno.test("keys of small order are refused on either side", async () => {
  const zero = fromHex("00".repeat(32));
  const start = await startLink();
  const reply = concat(Uint8Array.of(0x41), zero, randomBytes(32));
  await refused(revealLink(PLACE, start, reply, utf8("hello")));
  const { reveal, answered } = await meeting();
  const changed = Uint8Array.from(reveal);
  changed.set(zero, 1);
  await refused(openReveal(PLACE, answered, changed));
  const fresh = await generateAgreementKeyPair();
  assert.notDeepEqual(fresh.publicKey, zero);
});
