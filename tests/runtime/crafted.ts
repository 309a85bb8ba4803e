/**
 * Vectors of the project's own, for what others leave out: signatures with a bad R under a good key,
 * keys of the wrong length, and keys that no parser saw.
 *
 * A signature with an R of small order satisfies SB = R + hA with S = ha, for whoever knows a: at
 * once where R is the identity, and after multiplying by eight with any other. One whose R has a
 * component of small order satisfies it after multiplying by eight only.
 *
 * @module
 */

import { type Bytes, toHex, utf8 } from "../../crypto/bytes.ts";
import { decodePoint, Point } from "../../crypto/edwards25519.ts";
import { ed25519FromSeed, sha512 } from "../../crypto/primitives.ts";
import { fromHex } from "../support/hex.ts";
import { type Algorithm, type Case } from "./checks/case.ts";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
/** A point of order eight. */
const TORSION = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
/** Encodings of points of small order that are not canonical: y of p or more, or a negative zero. */
const NOT_CANONICAL = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
] as const;

/** What a point's encoding is: canonical or not, and of which order. */
export function describePoint(hex: string): string {
  const bytes = fromHex(hex);
  const strict = decodePoint(bytes);
  const form = strict === null ? "non-canonical, " : "";
  let point = strict;
  try {
    point ??= Point.fromBytes(bytes, true);
  } catch {
    return "no point";
  }
  if (point.is0()) return `${form}identity`;
  if (point.isSmallOrder()) return `${form}small order`;
  return `${form}${point.isTorsionFree() ? "prime order" : "mixed order"}`;
}

/** Whether the second half of a signature is below the group's order. */
export function describeScalar(hex: string): string {
  return littleEndian(fromHex(hex)) < ORDER ? "S < L" : "S >= L";
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

function scalarBytes(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number(value >> BigInt(8 * i) & 255n));
}

/** A public key as its maker knows it: aB and a point of small order, and how it is written. */
interface Key {
  readonly scalar: bigint;
  readonly torsion: Point;
  readonly encoded: Bytes;
}

const MESSAGE = utf8("m");

function signed(key: Key, r: Bytes, s: bigint, id: number, says: string): Case {
  const [pk, point] = [toHex(key.encoded), toHex(r)];
  return {
    algorithm: "Ed25519",
    source: "crafted",
    id,
    says,
    why: `A ${describePoint(pk)}; R ${describePoint(point)}; S < L`,
    fields: { pk, msg: toHex(MESSAGE), sig: point + toHex(scalarBytes(s % ORDER)) },
  };
}

/** h, below the group's order as every implementation takes it (RFC 8032, section 5.1.7). */
function challenge(key: Key, r: Bytes): bigint {
  return littleEndian(sha512(r, key.encoded, MESSAGE)) % ORDER;
}

/** A signature that satisfies SB = R + hA as it stands, whatever the key's order. */
function satisfying(key: Key, id: number, says: string): Case {
  for (let r = 1n;; r++) {
    for (let rest = 0n; rest < 8n; rest++) {
      // R takes the key's small component away h times, and h is known only once R is chosen.
      const small = rest === 0n ? Point.ZERO : key.torsion.multiplyUnsafe(rest);
      const encoded = Point.BASE.multiply(r).subtract(small).toBytes() as Bytes;
      const h = challenge(key, encoded);
      if (h % 8n === rest) return signed(key, encoded, r + h * key.scalar, id, says);
    }
  }
}

/** Signatures by whoever knows the secret: a bad R under a good key, a good R under bad keys. */
export async function craftedSignatures(): Promise<readonly Case[]> {
  const seed = new Uint8Array(32).fill(3);
  const { publicKey } = await ed25519FromSeed(seed);
  const clamped = sha512(seed).slice(0, 32);
  clamped[0]! &= 0xf8;
  clamped[31] = clamped[31]! & 0x7f | 0x40;
  const scalar = littleEndian(clamped) % ORDER;
  const good: Key = { scalar, torsion: Point.ZERO, encoded: publicKey };
  const cases = [satisfying(good, 0, "valid")];
  const r = 0x5eedn;
  const underGood = (encoded: Bytes, r: bigint) => {
    const s = r + challenge(good, encoded) * scalar;
    cases.push(signed(good, encoded, s, cases.length, "disputed"));
  };
  const underBad = (key: Key) => cases.push(satisfying(key, cases.length, "disputed"));
  let torsion = Point.ZERO;
  for (let i = 0; i < 8; i++, torsion = torsion.add(Point.fromBytes(fromHex(TORSION)))) {
    underGood(torsion.toBytes() as Bytes, 0n);
    underBad({ scalar: 0n, torsion, encoded: torsion.toBytes() as Bytes });
    if (i === 0) continue;
    underGood(Point.BASE.multiply(r).add(torsion).toBytes() as Bytes, r);
    const mixed = Point.BASE.multiply(scalar).add(torsion);
    underBad({ scalar, torsion, encoded: mixed.toBytes() as Bytes });
  }
  for (const hex of NOT_CANONICAL) {
    underGood(fromHex(hex), 0n);
    underBad({ scalar: 0n, torsion: Point.fromBytes(fromHex(hex), true), encoded: fromHex(hex) });
  }
  return cases;
}

/** A key like any other, and a scalar. */
const GENUINE = {
  public: "504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f9806829",
  private: "c8a9d5a91091ad851c668b0736c1c9a02936c0d3ad62670858088047ba057475",
  shared: "436a2c040cf45fea9b29a0cb81b1f41458f863d0d61b453d0a982720d6d61320",
} as const;

/** Every u below 2^255 that agrees to zero with any scalar: of the curve, of its twist, 0, p, p + 1. */
const ZERO_U = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
] as const;

/** The genuine key with bit 255 set, and 2 as p + 2; with what the scalar agrees with them to. */
const NOT_CANONICAL_U = [
  ["504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f98068a9", GENUINE.shared],
  [
    "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "a5f00a220f82ac43d0d41202117a6766372333090c42c94cf0a1b991c2d6c773",
  ],
] as const;

/** Tags over nothing with a key and a nonce of zeros, by their lengths; the first is NIST's. */
const OTHER_LENGTHS = [
  [24, 12, "cd33b28ac773f74ba00ed1f312572435"],
  [32, 8, "d77c1e0b274d9f54f9e1cb02b59420be"],
  [32, 16, "8312357a2111ea33b1b67eb2fe05fe86"],
] as const;

/** Keys and nonces of other lengths than the protocol's, and keys that agree to zero. */
export function craftedKeys(signed: Case): readonly Case[] {
  const cases: Case[] = [];
  const add = (algorithm: Algorithm, why: string, fields: Case["fields"]) => {
    cases.push({ algorithm, source: "crafted", id: cases.length, says: "invalid", why, fields });
  };
  const lengths = (genuine: string) => ["", genuine.slice(2), `${genuine}00`];
  for (const algorithm of ["X25519", "X25519 unparsed"] as const) {
    for (const key of lengths(GENUINE.public)) {
      add(algorithm, `key of ${key.length / 2} bytes`, { ...GENUINE, public: key });
    }
  }
  for (const key of lengths(signed.fields["pk"]!)) {
    add("Ed25519", `key of ${key.length / 2} bytes`, { ...signed.fields, pk: key });
  }
  for (const key of ZERO_U) {
    const fields = { ...GENUINE, public: key, shared: "00".repeat(32) };
    add("X25519", "low order", fields);
    add("X25519 unparsed", "low order", fields);
  }
  for (const [key, shared] of NOT_CANONICAL_U) {
    add("X25519", "non-canonical", { ...GENUINE, public: key, shared });
  }
  for (const [key, nonce, tag] of OTHER_LENGTHS) {
    const [keyHex, iv] = ["00".repeat(key), "00".repeat(nonce)];
    const fields = { key: keyHex, iv, aad: "", msg: "", ct: "", tag };
    add("AES-GCM", `key of ${key} bytes, nonce of ${nonce}`, fields);
  }
  return cases;
}
