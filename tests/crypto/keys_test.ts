import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import {
  generateAgreementKeyPair,
  generateDeviceKeys,
  generateKemKeyPair,
  generateSigningKeyPair,
  parseAgreementKey,
  parseEncapsulationKey,
  parseVerifyingKey,
} from "../../crypto/keys.ts";
import { fromHex } from "../support/hex.ts";
import { flipped } from "../support/people.ts";

const BAD_KEY = { code: "bad_key" };
const P = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";

function add(hex: string, n: number): Bytes {
  const bytes = fromHex(hex);
  bytes[0]! += n;
  return bytes;
}

Deno.test("an X25519 key with bit 255 set, of p or more, or of small order is refused", () => {
  const genuine = fromHex("504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f9806829");
  assert.deepEqual(parseAgreementKey(genuine), genuine);
  assert.throws(() => parseAgreementKey(flipped(genuine, 255)), BAD_KEY);
  for (let n = -1; n <= 18; n++) {
    assert.throws(() => parseAgreementKey(add(P, n)), BAD_KEY, `p+${n}`);
  }
  assert.doesNotThrow(() => parseAgreementKey(add(P, -2)));
  const small = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  ];
  for (const hex of small) assert.throws(() => parseAgreementKey(fromHex(hex)), BAD_KEY, hex);
  for (const length of [0, 31, 33]) {
    assert.throws(() => parseAgreementKey(new Uint8Array(length).fill(9)), BAD_KEY);
  }
});

Deno.test("an Ed25519 key that is not canonical or not of prime order is refused", () => {
  const genuine = fromHex("7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa");
  assert.deepEqual(parseVerifyingKey(genuine), genuine);
  const bad = [
    // The identity, its non-canonical twin, and the identity with a negative zero.
    "0100000000000000000000000000000000000000000000000000000000000000",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    // Orders 2, 4 and 8.
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    // Large order with a small component (ed25519-speccheck).
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    // No point.
    "0200000000000000000000000000000000000000000000000000000000000000",
  ];
  for (const hex of bad) assert.throws(() => parseVerifyingKey(fromHex(hex)), BAD_KEY, hex);
  assert.throws(() => parseVerifyingKey(genuine.slice(1)), BAD_KEY);
});

Deno.test("an ML-KEM key with a coefficient of 3329 or more, or of another length, is refused", async () => {
  const { publicKey } = await generateKemKeyPair();
  assert.deepEqual(parseEncapsulationKey(publicKey), publicKey);
  // The first and the last coefficient: 12 bits each.
  for (const [at, low] of [[0, true], [1150, false]] as const) {
    const copy = Uint8Array.from(publicKey);
    const set = (value: number) => {
      const [a, b] = low ? [at, at + 1] : [at + 1, at];
      copy[a] = low ? value & 0xff : value >> 4;
      copy[b] = low ? copy[b]! & 0xf0 | value >> 8 : copy[b]! & 0x0f | (value & 0x0f) << 4;
    };
    set(3328);
    assert.doesNotThrow(() => parseEncapsulationKey(copy));
    set(3329);
    assert.throws(() => parseEncapsulationKey(copy), BAD_KEY);
  }
  assert.throws(() => parseEncapsulationKey(publicKey.slice(1)), BAD_KEY);
  assert.throws(() => parseEncapsulationKey(Uint8Array.of(...publicKey, 0)), BAD_KEY);
});

Deno.test("private keys leave WebCrypto only where a store asks for it", async () => {
  const { signing, identity } = await generateDeviceKeys();
  const pairs = [
    signing,
    identity,
    await generateSigningKeyPair(),
    await generateAgreementKeyPair(),
  ];
  for (const { privateKey } of pairs) {
    assert.equal(privateKey.extractable, false);
    await assert.rejects(crypto.subtle.exportKey("pkcs8", privateKey));
  }
  const kem = await generateKemKeyPair();
  assert.ok(kem.privateKey instanceof CryptoKey && !kem.privateKey.extractable);
  const stored = await generateDeviceKeys(true);
  assert.equal((await crypto.subtle.exportKey("pkcs8", stored.signing.privateKey)).byteLength, 48);
});
