import assert from "node:assert/strict";
import { type Bytes, concat, equal, toHex, utf8 } from "../../crypto/bytes.ts";
import { parseAgreementKey, parseEncapsulationKey, parseVerifyingKey } from "../../crypto/keys.ts";
import {
  aesOpen,
  aesSeal,
  constantTimeEqual,
  ed25519FromSeed,
  ed25519Sign,
  ed25519Verify,
  generateMlKem768,
  hkdfExpand,
  hkdfExtract,
  hmacSha256,
  importAesKey,
  type KemPrivateKey,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  randomBytes,
  sha256,
  sha512,
  x25519,
} from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { flipped } from "../support/people.ts";
import { withoutNativeKem } from "../support/portable.ts";
import { importScalar } from "../support/scalar.ts";
import { vectors } from "../support/vectors.ts";

type Case = Readonly<Record<string, string>> & {
  readonly tcId: number;
  readonly flags?: readonly string[];
  readonly size: number;
};
type Group = {
  readonly tests: readonly Case[];
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
  readonly publicKey: { readonly pk: string };
};

async function wycheproof(name: string): Promise<readonly Group[]> {
  const file = await vectors(`wycheproof/${name}_test.json`);
  return file === null ? [] : (file as { testGroups: Group[] }).testGroups;
}

/** The field of a vector; throws rather than test nothing. */
function field(test: Case, name: string): Bytes {
  const hex = test[name];
  if (typeof hex !== "string") throw new Error(`Vector ${test.tcId} has no ${name}`);
  return fromHex(hex);
}

function parses(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}

// --- hashes ------------------------------------------------------------------------------------

Deno.test("SHA-2 is over all parts as if they were one", () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(toHex(sha256(utf8("abc"))), abc);
  assert.equal(toHex(sha256(utf8("a"), utf8(""), utf8("bc"))), abc);
  assert.equal(toHex(sha512(utf8("ab"), utf8("c"))).slice(0, 16), "ddaf35a193617aba");
});

Deno.test("HMAC-SHA-256 agrees with Wycheproof", async () => {
  for (const { tests, tagSize } of await wycheproof("hmac_sha256")) {
    for (const test of tests) {
      const tag = hmacSha256(field(test, "key"), field(test, "msg")).slice(0, tagSize / 8);
      const same = constantTimeEqual(tag, field(test, "tag"));
      assert.equal(same, test.result === "valid", `vector ${test.tcId}`);
    }
  }
});

Deno.test("HKDF-SHA-256 agrees with Wycheproof", async () => {
  for (const { tests } of await wycheproof("hkdf_sha256")) {
    for (const test of tests) {
      const make = () => {
        const key = hkdfExtract(field(test, "salt"), field(test, "ikm"));
        return hkdfExpand(key, field(test, "info"), test.size);
      };
      if (test.result === "valid") assert.equal(toHex(make()), test.okm, `vector ${test.tcId}`);
      else assert.throws(make, `vector ${test.tcId}`);
    }
  }
});

Deno.test("the constant-time comparison sees every difference", () => {
  const bytes = randomBytes(32);
  assert.equal(constantTimeEqual(bytes, Uint8Array.from(bytes)), true);
  for (let bit = 0; bit < 256; bit++) {
    assert.equal(constantTimeEqual(bytes, flipped(bytes, bit)), false);
  }
  assert.equal(constantTimeEqual(bytes, bytes.slice(1)), false);
  assert.equal(constantTimeEqual(bytes, concat(bytes, Uint8Array.of(0))), false);
  assert.equal(constantTimeEqual(new Uint8Array(0), new Uint8Array(0)), true);
});

// --- AES-GCM -----------------------------------------------------------------------------------

Deno.test("AES-GCM with 12-byte nonces and full tags agrees with Wycheproof", async () => {
  for (const group of await wycheproof("aes_gcm")) {
    // Other sizes of keys, nonces and tags are not in the protocol.
    if (group.keySize === 192 || group.ivSize !== 96) continue;
    assert.equal(group.tagSize, 128);
    for (const test of group.tests) {
      const [nonce, ad, msg] = [field(test, "iv"), field(test, "aad"), field(test, "msg")];
      const key = await importAesKey(field(test, "key"));
      const sealed = concat(field(test, "ct"), field(test, "tag"));
      const opened = await aesOpen(key, nonce, ad, sealed);
      const valid = test.result === "valid";
      assert.deepEqual(opened, valid ? msg : null, `vector ${test.tcId}`);
      if (valid) assert.deepEqual(await aesSeal(key, nonce, ad, msg), sealed);
    }
  }
});

Deno.test("AES-GCM opens nothing with a shortened tag", async () => {
  const key = await importAesKey(randomBytes(32));
  const [nonce, ad] = [randomBytes(12), utf8("ad")];
  const sealed = await aesSeal(key, nonce, ad, new Uint8Array(0));
  for (let length = 0; length < 16; length++) {
    assert.equal(await aesOpen(key, nonce, ad, sealed.slice(0, length)), null);
  }
  assert.deepEqual(await aesOpen(key, nonce, ad, sealed), new Uint8Array(0));
  assert.equal(await aesOpen(key, nonce, utf8("AD"), sealed), null);
});

// --- Ed25519 -----------------------------------------------------------------------------------

Deno.test("Ed25519 agrees with Wycheproof, whose keys are all of prime order", async () => {
  for (const { tests, publicKey } of await wycheproof("ed25519")) {
    const key = parseVerifyingKey(fromHex(publicKey.pk));
    for (const test of tests) {
      const verdict = await ed25519Verify(key, field(test, "msg"), field(test, "sig"));
      assert.equal(verdict, test.result === "valid", `vector ${test.tcId}`);
    }
  }
});

Deno.test("of the signatures implementations disagree about, the strict rule takes none", async () => {
  const file = await vectors("ed25519/speccheck.json");
  if (file === null) return;
  const cases = file as { message: string; pub_key: string; signature: string }[];
  assert.equal(cases.length, 12);
  const verdicts = await Promise.all(cases.map(async ({ message, pub_key, signature }) => {
    const key = fromHex(pub_key);
    if (!parses(() => parseVerifyingKey(key))) return "key";
    return await ed25519Verify(key, fromHex(message), fromHex(signature))
      ? "accepted"
      : "signature";
  }));
  // Cases 6 and 7 have a good key and an S that is not below L; all other keys are of small or
  // mixed order, or not canonical, and fall before a signature is looked at.
  const expected = cases.map((_, i) => i === 6 || i === 7 ? "signature" : "key");
  assert.deepEqual(verdicts, expected);
});

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

Deno.test("a signature whose R is the identity satisfies the equation, and is refused", async () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const seed = new Uint8Array(32).fill(3);
  const { publicKey } = await ed25519FromSeed(seed);
  const message = utf8("m");
  const secret = sha512(seed).slice(0, 32);
  secret[0]! &= 0xf8;
  secret[31] = secret[31]! & 0x7f | 0x40;
  const r = new Uint8Array(32);
  r[0] = 1;
  // S = h a gives S B = 0 + h A for whoever knows a.
  const s = littleEndian(sha512(r, publicKey, message)) * littleEndian(secret) % order;
  const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number(s >> BigInt(8 * i) & 255n));
  const signature = concat(r, bytes);
  const key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  assert.equal(await crypto.subtle.verify("Ed25519", key, signature, message), true);
  assert.equal(await ed25519Verify(publicKey, message, signature), false);
});

Deno.test("a signature is of one message and has 64 bytes", async () => {
  const { privateKey, publicKey } = await ed25519FromSeed(new Uint8Array(32).fill(3));
  const signature = await ed25519Sign(privateKey, utf8("m"));
  assert.equal(await ed25519Verify(publicKey, utf8("m"), signature), true);
  assert.equal(await ed25519Verify(publicKey, utf8("n"), signature), false);
  for (const length of [0, 63, 65]) {
    const other = new Uint8Array(length);
    other.set(signature.subarray(0, length));
    assert.equal(await ed25519Verify(publicKey, utf8("m"), other), false);
  }
});

Deno.test("the key pair of a seed is that of RFC 8032, section 7.1", async () => {
  const seed = fromHex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  const known = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
  assert.equal(toHex(publicKey), known);
  const signature = await ed25519Sign(privateKey, fromHex("af82"));
  assert.equal(toHex(signature).slice(0, 16), "6291d657deec2402");
  assert.equal(privateKey.extractable, false);
});

// --- X25519 ------------------------------------------------------------------------------------

Deno.test("X25519 agrees with Wycheproof, and what it calls low-order or non-canonical is no key", async () => {
  let refused = 0;
  for (const { tests } of await wycheproof("x25519")) {
    for (const test of tests) {
      const bytes = field(test, "public");
      const flags = test.flags!;
      const strict = !flags.includes("LowOrderPublic") && !flags.includes("NonCanonicalPublic");
      // Wycheproof calls those acceptable; here one strict rule for all runtimes refuses them.
      assert.equal(parses(() => parseAgreementKey(bytes)), strict, `vector ${test.tcId}`);
      if (!strict) {
        refused++;
        continue;
      }
      const shared = await x25519(await importScalar(field(test, "private")), bytes);
      assert.equal(toHex(shared), test.shared, `vector ${test.tcId}`);
    }
  }
  assert.ok(refused === 0 || refused > 30);
});

Deno.test("an all-zero shared secret is an error even where the key was never parsed", async () => {
  const key = await importScalar(randomBytes(32));
  const small = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
  await assert.rejects(x25519(key, fromHex(small)), { code: "bad_key" });
  await assert.rejects(x25519(key, new Uint8Array(32)), { code: "bad_key" });
});

// --- ML-KEM-768 --------------------------------------------------------------------------------

async function nativeKey(seed: Bytes): Promise<CryptoKey> {
  const [format, usages] = ["raw-seed" as "raw", ["decapsulateBits"] as unknown as KeyUsage[]];
  return await crypto.subtle.importKey(format, seed, "ML-KEM-768", false, usages);
}

async function decapsulates(keyOf: (seed: Bytes) => Promise<KemPrivateKey>): Promise<void> {
  for (const { tests } of await wycheproof("mlkem_768")) {
    for (const test of tests) {
      const make = async () =>
        await mlKem768Decapsulate(await keyOf(field(test, "seed")), field(test, "c"));
      if (test.result === "valid") assert.equal(toHex(await make()), test.K, `vector ${test.tcId}`);
      else await assert.rejects(make, `vector ${test.tcId}`);
    }
  }
}

async function roundTrip(kind: "native" | "portable"): Promise<void> {
  const { publicKey, privateKey } = await generateMlKem768(false);
  assert.equal(privateKey instanceof CryptoKey, kind === "native");
  const { ciphertext, shared } = await mlKem768Encapsulate(parseEncapsulationKey(publicKey));
  assert.equal(ciphertext.length, 1088);
  assert.deepEqual(await mlKem768Decapsulate(privateKey, ciphertext), shared);
  // A wrong ciphertext gives another secret and no error: FIPS 203's implicit rejection.
  const other = await mlKem768Decapsulate(privateKey, flipped(ciphertext, 5000));
  assert.equal(other.length, 32);
  assert.equal(equal(other, shared), false);
  for (const bad of [ciphertext.slice(1), concat(ciphertext, Uint8Array.of(0))]) {
    await assert.rejects(mlKem768Decapsulate(privateKey, bad), { code: "malformed" });
  }
}

Deno.test("ML-KEM-768 of WebCrypto decapsulates as Wycheproof says", () => decapsulates(nativeKey));

Deno.test("ML-KEM-768 of noble decapsulates as Wycheproof says", () => {
  return withoutNativeKem(() => decapsulates((seed) => Promise.resolve(seed)));
});

Deno.test("ML-KEM-768 of WebCrypto makes keys and secrets", () => roundTrip("native"));

Deno.test("ML-KEM-768 of noble makes keys and secrets", () => {
  return withoutNativeKem(() => roundTrip("portable"));
});

Deno.test("each ML-KEM opens what the other sealed, under the same seed", async () => {
  const groups = await wycheproof("mlkem_768_keygen_seed");
  for (const test of groups.flatMap(({ tests }) => tests).slice(0, 20)) {
    const [seed, publicKey] = [field(test, "seed"), parseEncapsulationKey(field(test, "ek"))];
    const native = await mlKem768Encapsulate(publicKey);
    assert.deepEqual(await mlKem768Decapsulate(seed, native.ciphertext), native.shared);
    await withoutNativeKem(async () => {
      const portable = await mlKem768Encapsulate(publicKey);
      const key = await nativeKey(seed);
      // The key outlives its runtime's ML-KEM only in this test; the error says so plainly.
      await assert.rejects(mlKem768Decapsulate(key, portable.ciphertext), { code: "bad_key" });
      Object.assign(native, portable);
    });
    assert.deepEqual(
      await mlKem768Decapsulate(await nativeKey(seed), native.ciphertext),
      native.shared,
    );
  }
});

Deno.test("an ML-KEM key is refused exactly where Wycheproof says its coefficients overflow", async () => {
  for (const { tests } of await wycheproof("mlkem_768_encaps")) {
    for (const test of tests) {
      const accepted = parses(() => parseEncapsulationKey(field(test, "ek")));
      assert.equal(accepted, test.result === "valid", `vector ${test.tcId}`);
    }
  }
});
