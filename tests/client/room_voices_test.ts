/**
 * Who says what, with keys at hand and a clock to turn.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Contact } from "../../client/contact.ts";
import { Voices } from "../../client/room_voices.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { generateSigningKeyPair, type SigningKeyPair } from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { EnvelopeStream, roomMessageKeys } from "../../crypto/room_envelope.ts";
import { Secret } from "../../crypto/secret.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import { type Member } from "../../wire/frames.ts";
import { makePerson, NOW_MS } from "../support/people.ts";

const keys = roomMessageKeys(randomBytes(16), new Secret(randomBytes(32)));
const alice = await makePerson("alice");
const REFUSED = { code: "room_message_refused" };
const BOB = "bob/1";

function member(who: Partial<Member>): Member {
  const nobody = { account: null, device: null, guest: null };
  return { mid: "m", ...nobody, role: "member", away: false, meta: null, ...who };
}

const ALICE = member({ account: "alice", device: 1 });
const find = (): Promise<Contact> => Promise.resolve({ record: alice.record } as Contact);
const says = (key: SigningKeyPair, to = "") => new EnvelopeStream(keys, key, to);

Deno.test("an earlier visit, or an old message, is not played again", async () => {
  let now = NOW_MS;
  const voices = new Voices(keys, find, () => now);
  const [first, second] = [says(alice.keys.signing), says(alice.keys.signing)];
  const early = await first.seal("message", utf8("early"), now);
  const another = await first.seal("message", utf8("early, too"), now + 1);
  const late = await second.seal("message", utf8("late"), now + 1_000);
  await voices.hear(ALICE, late, "message", BOB);
  // It never came, and comes now that there is a later one.
  await assert.rejects(voices.hear(ALICE, early, "message", BOB), REFUSED);
  await assert.rejects(voices.hear(ALICE, another, "message", BOB), REFUSED);
  now += 300_000 + 1_001;
  const held = await second.seal("message", utf8("held back"), now - 300_001);
  await assert.rejects(voices.hear(ALICE, held, "message", BOB), REFUSED);
  const fresh = await second.seal("message", utf8("fresh"), now);
  assert.equal((await voices.hear(ALICE, fresh, "message", BOB)).missing, 1);
});

Deno.test("what somebody says who came just now begins with the first", async () => {
  const voices = new Voices(keys, find, () => NOW_MS);
  voices.came(ALICE);
  const stream = says(alice.keys.signing);
  await stream.seal("message", utf8("kept back"), NOW_MS);
  const second = await stream.seal("message", utf8("second"), NOW_MS);
  assert.equal((await voices.hear(ALICE, second, "message", BOB)).missing, 1);
  // To each addressee a stream of its own.
  const toBob = await says(alice.keys.signing, BOB).seal("message", utf8("x"), NOW_MS);
  assert.equal((await voices.hear(ALICE, toBob, "message", BOB)).missing, 0);
});

Deno.test("an account is heard by the log's key, and looked up again where it may have a new one", async () => {
  let lookups = 0;
  const voices = new Voices(keys, () => (lookups++, find()), () => NOW_MS);
  const stranger = await generateSigningKeyPair();
  const hear = async (key: SigningKeyPair, who: Member) =>
    await voices.hear(who, await says(key).seal("message", utf8("x"), NOW_MS), "message", BOB);
  assert.equal((await hear(alice.keys.signing, ALICE)).contact?.record, alice.record);
  await hear(alice.keys.signing, ALICE);
  assert.equal(lookups, 1);
  await assert.rejects(hear(stranger, ALICE), REFUSED);
  await assert.rejects(hear(alice.keys.signing, { ...ALICE, device: 2 }), REFUSED);
  assert.equal(lookups, 3);
});

Deno.test("a guest is heard by the key of its name, and a backend's user by the first that spoke", async () => {
  const voices = new Voices(keys, find, () => NOW_MS);
  const [one, other] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
  const hear = async (key: SigningKeyPair, guest: string) =>
    await voices.hear(
      member({ guest }),
      await says(key).seal("message", utf8("x"), NOW_MS),
      "message",
      BOB,
    );
  const name = `~${thumbprintOf(one.publicKey)}`;
  assert.equal((await hear(one, name)).contact, null);
  await assert.rejects(hear(other, name), REFUSED);
  await hear(one, "=user");
  await assert.rejects(hear(other, "=user"), REFUSED);
  await hear(one, "=user");
});

Deno.test("a knock is no message, and what is for somebody else is for nobody here", async () => {
  const voices = new Voices(keys, find, () => NOW_MS);
  const seal = (kind: "knock" | "message", to: string) =>
    says(alice.keys.signing, to).seal(kind, utf8("x"), NOW_MS);
  await assert.rejects(voices.hear(ALICE, await seal("knock", ""), "message", BOB), REFUSED);
  await assert.rejects(voices.hear(ALICE, await seal("message", ""), "knock", BOB), REFUSED);
  await assert.rejects(
    voices.hear(ALICE, await seal("message", "carol/1"), "message", BOB),
    REFUSED,
  );
  await assert.rejects(voices.hear(ALICE, randomBytes(549), "message", BOB), REFUSED);
});

Deno.test("a knock waits for whoever comes later, is told to who comes in again, and is else not repeated", async () => {
  let now = NOW_MS;
  const voices = new Voices(keys, find, () => now);
  const knock = await says(alice.keys.signing).seal("knock", utf8("me"), now);
  const early = await says(alice.keys.signing).seal("message", utf8("x"), now);
  now += 3_600_000;
  const hear = () => voices.hear(ALICE, knock, "knock", BOB);
  assert.equal((await hear()).missing, 0);
  await assert.rejects(voices.hear(ALICE, early, "message", BOB), REFUSED);
  await assert.rejects(hear(), REFUSED);
  voices.entered();
  assert.equal((await hear()).missing, 0);
  await assert.rejects(hear(), REFUSED);
  // Who has said anything since does not knock by it.
  const later = await says(alice.keys.signing).seal("message", utf8("x"), now);
  await voices.hear(ALICE, later, "message", BOB);
  voices.entered();
  await assert.rejects(hear(), REFUSED);
  now = NOW_MS + 86_400_001;
  await assert.rejects(new Voices(keys, find, () => now).hear(ALICE, knock, "knock", BOB), REFUSED);
});

Deno.test("however many speak, nobody's name is free again, and nothing that was said is", async () => {
  const voices = new Voices(keys, null, () => NOW_MS);
  const [one, other] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
  const hear = (who: Member, sealed: Bytes) => voices.hear(who, sealed, "message", BOB);
  const named = (guest: string) => member({ guest });
  const first = await says(one).seal("message", utf8("first"), NOW_MS);
  await hear(named("=user"), first);
  const crowd = says(other);
  for (let i = 0; i < 1_030; i++) {
    const word = await says(other).seal("message", utf8("x"), NOW_MS + 1);
    await hear(named(`=${i}`), word).catch(() => {});
  }
  await assert.rejects(
    hear(named("=user"), await crowd.seal("message", utf8("x"), NOW_MS)),
    REFUSED,
  );
  await assert.rejects(hear(named("=user"), first), REFUSED);
  // Those who are proven are forgotten, and what they said is not.
  const proven = new Voices(keys, null, () => NOW_MS);
  const guest = named(`~${thumbprintOf(one.publicKey)}`);
  await proven.hear(guest, first, "message", BOB);
  for (let i = 0; i < 1_030; i++) {
    const key = await generateSigningKeyPair();
    const word = await says(key).seal("message", utf8("x"), NOW_MS + 1);
    await proven.hear(named(`~${thumbprintOf(key.publicKey)}`), word, "message", BOB);
  }
  await assert.rejects(proven.hear(guest, first, "message", BOB), REFUSED);
  const fresh = await says(one).seal("message", utf8("x"), NOW_MS + 2);
  assert.equal((await proven.hear(guest, fresh, "message", BOB)).missing, 0);
});
