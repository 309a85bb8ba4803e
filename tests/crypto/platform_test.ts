import assert from "node:assert/strict";
import { answer, complete, confirm, finish } from "../../crypto/answer.ts";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { decodePoint, Point } from "../../crypto/edwards25519.ts";
import { parseVerifyingKey } from "../../crypto/keys.ts";
import { type NativeFunctions, nativeWays } from "../../crypto/native.ts";
import { native, nativeFunctions } from "../../crypto/platform.ts";
import {
  aesOpen,
  aesSeal,
  ed25519FromSeed,
  ed25519Sign,
  ed25519Verify,
  generateX25519,
  importAesKey,
  isX25519PublicKey,
  randomBytes,
  sha256,
  sha512,
  x25519,
} from "../../crypto/primitives.ts";
import { accept, initiate } from "../../crypto/x3dh.ts";
import { fromHex } from "../support/hex.ts";
import {
  flipped,
  makePerson,
  NOW_MS,
  ROOM,
  usedPrekeysOf,
  verifiedBundleOf,
} from "../support/people.ts";
import { loadNative, portably } from "../support/portable.ts";
import { importScalar } from "../support/scalar.ts";
import { vectors } from "../support/vectors.ts";

/** Both ways of one computation: the runtime's own, and the portable one. */
async function bothWays<T>(work: () => Promise<T> | T): Promise<readonly [T, T]> {
  await loadNative();
  const own = await work();
  return [own, await portably(work)];
}

/** Asserts that both ways give the same bytes, plain and over a buffer of their own. */
async function agrees(work: () => Promise<Bytes> | Bytes, what: string): Promise<Bytes> {
  const [own, portable] = await bothWays(work);
  assert.deepEqual(own, portable, what);
  for (const bytes of [own, portable]) {
    assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype, what);
    assert.equal(bytes.buffer.byteLength, bytes.length, what);
  }
  return own;
}

const LENGTHS = [0, 1, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1_000, 8_192, 8_193, 16_384];

Deno.test("this runtime has functions of its own, and without them the portable way is taken", async () => {
  assert.notEqual(nativeFunctions(), null);
  await loadNative();
  await portably(() => {
    assert.equal(nativeFunctions(), null);
    assert.equal(native(), null);
  });
  await loadNative();
});

Deno.test("a runtime that lacks one of the functions is treated as having none", async () => {
  await loadNative();
  const { process } = globalThis as unknown as { process: { getBuiltinModule: unknown } };
  const genuine = process.getBuiltinModule;
  const { sign: _, ...rest } = nativeFunctions()!;
  try {
    process.getBuiltinModule = () => rest;
    assert.equal(native(), null);
    await import("../../crypto/native.ts");
    await Promise.resolve();
    assert.equal(native(), null);
    assert.equal(nativeWays(rest as unknown as NativeFunctions), null);
    process.getBuiltinModule = () => undefined;
    assert.equal(nativeFunctions(), null);
    process.getBuiltinModule = () => ({});
    assert.equal(nativeFunctions(), null);
  } finally {
    process.getBuiltinModule = genuine;
  }
});

Deno.test("what was sealed and signed is what was there when it was asked for, either way", async () => {
  const key = await importAesKey(new Uint8Array(32));
  const { privateKey } = await ed25519FromSeed(new Uint8Array(32));
  const [nonce, ad] = [new Uint8Array(12), utf8("ad")];
  for (const length of [100, 10_000]) {
    const genuine = await aesSeal(key, nonce, ad, new Uint8Array(length));
    const signed = await ed25519Sign(privateKey, new Uint8Array(length));
    const work = async () => {
      const [plaintext, sealed] = [new Uint8Array(length), genuine.slice()];
      const pending = [
        aesSeal(key, nonce, ad, plaintext),
        aesOpen(key, nonce, ad, sealed),
        ed25519Sign(privateKey, plaintext),
      ];
      plaintext.fill(1);
      sealed.fill(1);
      return await Promise.all(pending);
    };
    const expected = [genuine, new Uint8Array(length), signed];
    assert.deepEqual(await bothWays(work), [expected, expected]);
  }
});

Deno.test("hashes are the same either way, at every length and in parts", async () => {
  for (const length of LENGTHS) {
    const [data, rest] = [randomBytes(length), randomBytes(7)];
    await agrees(() => sha256(data), `SHA-256 of ${length}`);
    await agrees(() => sha256(data, rest, data), `SHA-256 of ${length}, in parts`);
    await agrees(() => sha512(data), `SHA-512 of ${length}`);
    await agrees(() => sha512(rest, data, rest), `SHA-512 of ${length}, in parts`);
  }
  await agrees(() => sha256(), "SHA-256 of no parts");
});

Deno.test("what is sealed either way opens either way, and nothing that was changed does", async () => {
  for (const keyBytes of [16, 32]) {
    const key = await importAesKey(randomBytes(keyBytes));
    for (const length of LENGTHS) {
      const [nonce, ad, plaintext] = [randomBytes(12), randomBytes(41), randomBytes(length)];
      const sealed = await agrees(() => aesSeal(key, nonce, ad, plaintext), `${length} sealed`);
      const opened = await agrees(
        async () => (await aesOpen(key, nonce, ad, sealed))!,
        `${length} opened`,
      );
      assert.deepEqual(opened, plaintext);
      const wrong: [Bytes, Bytes, Bytes][] = [
        [nonce, ad, flipped(sealed, 8 * sealed.length - 1)],
        [nonce, ad, flipped(sealed, 0)],
        [nonce, flipped(ad, 3), sealed],
        [flipped(nonce, 3), ad, sealed],
        ...Array.from(
          { length: 16 },
          (_, i): [Bytes, Bytes, Bytes] => [nonce, ad, sealed.slice(0, sealed.length - 1 - i)],
        ),
      ];
      for (const [n, a, s] of wrong) {
        assert.deepEqual(await bothWays(() => aesOpen(key, n, a, s)), [null, null]);
      }
    }
  }
});

Deno.test("signatures are the same either way, and so are verdicts on changed ones", async () => {
  const { privateKey, publicKey } = await ed25519FromSeed(randomBytes(32));
  for (const length of LENGTHS) {
    const message = randomBytes(length);
    const signature = await agrees(() => ed25519Sign(privateKey, message), `${length} signed`);
    const verdicts = (s: Bytes, m: Bytes) => bothWays(() => ed25519Verify(publicKey, m, s));
    assert.deepEqual(await verdicts(signature, message), [true, true]);
    for (const bit of [0, 255, 256, 507, 511]) {
      assert.deepEqual(await verdicts(flipped(signature, bit), message), [false, false]);
    }
    assert.deepEqual(await verdicts(signature, concat(message, utf8("x"))), [false, false]);
  }
});

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

function bytes32(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));
}

/** Signs with an R of one's choice: r B, plus a point of small order. */
async function signedWith(torsion: Point, s: (value: bigint) => bigint): Promise<{
  publicKey: Bytes;
  message: Bytes;
  signature: Bytes;
}> {
  const seed = new Uint8Array(32).fill(3);
  const { publicKey } = await ed25519FromSeed(seed);
  const secret = sha512(seed).slice(0, 32);
  secret[0]! &= 0xf8;
  secret[31] = secret[31]! & 0x7f | 0x40;
  const [r, message] = [123_456_789n, utf8("m")];
  const encoded = Point.BASE.multiply(r).add(torsion).toBytes() as Bytes;
  const h = littleEndian(sha512(encoded, publicKey, message)) % ORDER;
  const value = s((r + h * littleEndian(secret)) % ORDER);
  return { publicKey, message, signature: concat(encoded, bytes32(value)) };
}

Deno.test("an R with a part of small order, or an S of the order or more, is refused either way", async () => {
  const eighth = decodePoint(
    fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  )!;
  const same = (value: bigint) => value;
  const verdicts = async (torsion: Point, s: (value: bigint) => bigint) => {
    const { publicKey, message, signature } = await signedWith(torsion, s);
    return await bothWays(() => ed25519Verify(publicKey, message, signature));
  };
  assert.deepEqual(await verdicts(Point.ZERO, same), [true, true]);
  assert.deepEqual(await verdicts(Point.ZERO, (value) => value + ORDER), [false, false]);
  let torsion = eighth;
  for (let i = 1; i < 8; i++) {
    assert.deepEqual(await verdicts(torsion, same), [false, false], `${i} times the point`);
    torsion = torsion.add(eighth);
  }
});

Deno.test("key agreement is the same either way, and refuses a zero secret either way", async () => {
  for (let i = 0; i < 20; i++) {
    const [one, other] = [await generateX25519(i % 2 === 0), await generateX25519(false)];
    const shared = await agrees(() => x25519(one.privateKey, other.publicKey), "a secret");
    assert.deepEqual(await x25519(other.privateKey, one.publicKey), shared);
  }
  const { privateKey } = await generateX25519(false);
  const small = ["00", "01"].map((first) => fromHex(first.padEnd(64, "0")));
  for (const key of small) {
    const refusal = () => x25519(privateKey, key).then(() => "none", ({ code }) => code);
    assert.deepEqual(await bothWays(refusal), ["bad_key", "bad_key"]);
  }
});

Deno.test("a buffer that another key was written into is that other key, either way", async () => {
  const own = await generateX25519(false);
  const [one, other] = [await generateX25519(false), await generateX25519(false)];
  const expected = await x25519(own.privateKey, other.publicKey);
  const work = async () => {
    const buffer = Uint8Array.from(one.publicKey);
    await x25519(own.privateKey, buffer);
    buffer.set(other.publicKey);
    return await x25519(own.privateKey, buffer);
  };
  assert.deepEqual(await bothWays(work), [expected, expected]);
});

Deno.test("a caller without such functions and a callee with them set up one session, and the other way round", async () => {
  const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
  const input = { room: ROOM, nowMs: NOW_MS, ttlS: 60, payload: utf8("offer") };
  const here = async <T>(work: () => Promise<T>) => {
    await loadNative();
    return await work();
  };
  for (const [callers, callees] of [[portably, here], [here, portably]] as const) {
    const bundle = await callers(() => verifiedBundleOf(bob, 0));
    const { common, offers: [sealed] } = await callers(() =>
      initiate(alice.device, [bundle], input)
    );
    const message = { common, offer: sealed!.offer, nowMs: NOW_MS };
    const { payload, accepted } = await callees(() =>
      accept(bob.device, usedPrekeysOf(bob, 0), alice.device, message)
    );
    assert.deepEqual(payload, utf8("offer"));
    const answered = await callees(() => answer(accepted, utf8("answer")));
    const finished = await callers(() => finish(sealed!.pending, answered.answer));
    assert.deepEqual(finished.payload, utf8("answer"));
    const confirmed = await callers(() => confirm(finished.unconfirmed, utf8("confirm")));
    const done = await callees(() => complete(answered.unconfirmed, confirmed.confirm));
    assert.deepEqual(done.payload, utf8("confirm"));
  }
});

// --- vectors -----------------------------------------------------------------------------------

type Case = Readonly<Record<string, string>>;
type Group = { readonly tests: readonly Case[]; readonly publicKey: { readonly pk: string } };

async function wycheproof(name: string): Promise<readonly Group[]> {
  const file = await vectors(`wycheproof/${name}_test.json`);
  return file === null ? [] : (file as { testGroups: Group[] }).testGroups;
}

Deno.test("the portable way agrees with Wycheproof on AES-GCM, Ed25519 and X25519", () => {
  return portably(async () => {
    for (const { tests } of await wycheproof("aes_gcm")) {
      for (const { key, iv, aad, msg, ct, tag, result, tcId } of tests) {
        if (iv!.length !== 24 || key!.length === 48) continue;
        const imported = await importAesKey(fromHex(key!));
        const sealed = fromHex(ct! + tag!);
        const opened = await aesOpen(imported, fromHex(iv!), fromHex(aad!), sealed);
        assert.equal(opened && toHex(opened), result === "valid" ? msg : null, `GCM ${tcId}`);
      }
    }
    for (const { tests, publicKey } of await wycheproof("ed25519")) {
      const key = parseVerifyingKey(fromHex(publicKey.pk));
      for (const { msg, sig, result, tcId } of tests) {
        const verdict = await ed25519Verify(key, fromHex(msg!), fromHex(sig!));
        assert.equal(verdict, result === "valid", `Ed25519 ${tcId}`);
      }
    }
    for (const { tests } of await wycheproof("x25519")) {
      for (const { public: key, private: scalar, shared, tcId } of tests) {
        if (!isX25519PublicKey(fromHex(key!))) continue;
        const own = await importScalar(fromHex(scalar!));
        assert.equal(toHex(await x25519(own, fromHex(key!))), shared, `X25519 ${tcId}`);
      }
    }
  });
});
