/**
 * The example of RFC 8291, section 5 and appendix A, byte for byte, and what the padding hides.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import {
  isP256PublicKey,
  P256_SEED_BYTES,
  p256FromScalar,
  p256FromSeed,
} from "../../crypto/p256.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { sealPush, sealPushWith } from "../../crypto/web_push.ts";
import { newSubscriber } from "../support/push_service.ts";

const bytes = (text: string): Bytes => fromBase64Url(text)!;

const PLAINTEXT = "When I grow up, I want to be a watermelon";
const AS_PRIVATE = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
const AS_PUBLIC =
  "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
const UA_PUBLIC = bytes(
  "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
);
const AUTH = bytes("BTBZMqHH6r4Tts7J_aSIgg");
const SALT = bytes("DGv6ra1nlYgDCS1FRnbzlw");
const MESSAGE = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml" +
  "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT" +
  "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

Deno.test("the example of RFC 8291 is sealed byte for byte", async () => {
  const ephemeral = await p256FromScalar(AS_PRIVATE, "ECDH", ["deriveBits"]);
  assert.equal(toBase64Url(ephemeral.publicKey), AS_PUBLIC);
  const sealed = await sealPushWith(
    { ephemeral, salt: SALT },
    { p256dh: UA_PUBLIC, auth: AUTH },
    utf8(PLAINTEXT),
    PLAINTEXT.length,
  );
  assert.equal(toBase64Url(sealed), MESSAGE);
});

Deno.test("messages of one padded length are as long, open to what was said, and share nothing", async () => {
  const subscriber = newSubscriber();
  const messages = await Promise.all(
    ["", "a", PLAINTEXT, PLAINTEXT].map((text) => sealPush(subscriber.keys, utf8(text), 100)),
  );
  assert.equal(new Set(messages.map(({ length }) => length)).size, 1);
  assert.deepEqual(messages.map((one) => subscriber.open(one)), ["", "a", PLAINTEXT, PLAINTEXT]);
  assert.notDeepEqual(messages[2]!.slice(0, 86), messages[3]!.slice(0, 86));
  const touched = Uint8Array.from(messages[2]!);
  touched[touched.length - 1]! ^= 1;
  assert.throws(() => subscriber.open(touched));
});

Deno.test("a key of a seed is the one that another implementation has of its scalar", async () => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const seeds = [
    new Uint8Array(P256_SEED_BYTES),
    new Uint8Array(P256_SEED_BYTES).fill(0xff),
    randomBytes(P256_SEED_BYTES),
  ];
  for (const seed of seeds) {
    const wide = BigInt(`0x${[...seed].map((b) => b.toString(16).padStart(2, "0")).join("")}`);
    const scalar = (wide % (order - 1n) + 1n).toString(16).padStart(64, "0");
    const other = createECDH("prime256v1");
    other.setPrivateKey(scalar, "hex");
    const { publicKey } = await p256FromSeed(seed);
    assert.equal(toBase64Url(publicKey), other.getPublicKey().toString("base64url"));
  }
});

Deno.test("what is no point of the curve, or not written out, is no key", async () => {
  assert.equal(isP256PublicKey(UA_PUBLIC), true);
  const off = Uint8Array.from(UA_PUBLIC);
  off[64]! ^= 1;
  const compressed = new Uint8Array([0x02, ...UA_PUBLIC.subarray(1, 33)]);
  const aboveField = Uint8Array.from(UA_PUBLIC).fill(0xff, 1, 33);
  const hybrid = new Uint8Array([0x06, ...UA_PUBLIC.subarray(1)]);
  for (const bad of [off, compressed, hybrid, aboveField, new Uint8Array(65), new Uint8Array(0)]) {
    assert.equal(isP256PublicKey(bad), false);
  }
  await assert.rejects(sealPush({ p256dh: off, auth: AUTH }, utf8("x"), 10), { code: "bad_key" });
});
