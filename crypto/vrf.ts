/**
 * The verifiable random function that hides names in the log: ECVRF-EDWARDS25519-SHA512-TAI of RFC
 * 9381, section 5.5, suite 0x03. Of each input there is exactly one output under a key, only the
 * key's holder can compute it, and everyone can check it.
 *
 *     (x, prefix) = SHA-512(seed), x clamped      Y = x B       as Ed25519 derives them (RFC 8032)
 *     H     = 8 * first point among SHA-512(3 || 1 || Y || alpha || ctr || 0)[0..32), ctr = 0, 1, ...
 *     Gamma = x H          k = SHA-512(prefix || H) mod L
 *     c     = SHA-512(3 || 2 || Y || H || Gamma || k B || k H || 0)[0..16)
 *     s     = k + c x mod L
 *     pi    = Gamma[32] || c[16] || s[32]         integers little-endian
 *     beta  = SHA-512(3 || 3 || 8 Gamma || 0)
 *
 * To verify is to find c again with U = s B - c Y and V = s H - c Gamma. The number of tries to find
 * H depends on alpha, so its time does: alpha is never a client's secret. A key made here is used
 * for nothing else, in particular not to sign.
 *
 * @module
 */

import { type Bytes, concat, equal } from "./bytes.ts";
import { decodePoint, Point } from "./edwards25519.ts";
import { CryptoError } from "./error.ts";
import { sha512 } from "./primitives.ts";
import { Secret } from "./secret.ts";

/** Length of a VRF proof in bytes. */
export const VRF_PROOF_BYTES = 80;

const POINT_BYTES = 32;
const CHALLENGE_BYTES = 16;
/** How much of the 64-byte output names a leaf of the log's prefix tree. */
const LOG_OUTPUT_BYTES = 32;
const SUITE = 0x03;
const ENCODE_TO_CURVE = Uint8Array.of(SUITE, 0x01);
const CHALLENGE = Uint8Array.of(SUITE, 0x02);
const PROOF_TO_HASH = Uint8Array.of(SUITE, 0x03);
const BACK = Uint8Array.of(0x00);

/** The private half of a VRF, which stays with the operator of the directory. */
export interface VrfKey {
  /** 32 bytes, as Ed25519 encodes them. */
  readonly publicKey: Bytes;
  /** x mod L, little-endian. */
  readonly scalar: Secret;
  /** The second half of SHA-512(seed), which makes the nonces. */
  readonly prefix: Secret;
}

/** The VRF key of a 32-byte seed. */
export function vrfKeyFromSeed(seed: Bytes): VrfKey {
  if (seed.length !== 32) throw new Error("bug: a VRF seed has 32 bytes");
  const hash = sha512(seed);
  hash[0]! &= 0xf8;
  hash[31] = hash[31]! & 0x7f | 0x40;
  const scalar = Point.Fn.create(integer(hash.subarray(0, 32)));
  return {
    publicKey: Point.BASE.multiply(scalar).toBytes() as Bytes,
    scalar: new Secret(Point.Fn.toBytes(scalar) as Bytes),
    prefix: new Secret(hash.slice(32)),
  };
}

/** The 80-byte proof of the output for `alpha` (RFC 9381, section 5.1); deterministic. */
export function vrfProve(key: VrfKey, alpha: Uint8Array): Bytes {
  const x = Point.Fn.fromBytes(key.scalar.expose());
  const input = encodeToCurve(key.publicKey, alpha);
  const h = input.toBytes();
  const gamma = input.multiply(x);
  // Nonce of section 5.4.2.2. It depends on the secret: it and x take the constant-time product.
  const k = Point.Fn.create(integer(sha512(key.prefix.expose(), h)));
  const u = Point.BASE.multiply(k);
  const v = input.multiply(k);
  const c = challenge(key.publicKey, h, gamma.toBytes(), u, v);
  const s = Point.Fn.create(k + integer(c) * x);
  return concat(gamma.toBytes(), c, Point.Fn.toBytes(s));
}

/**
 * The 64-byte output for `alpha`, out of a proof that verifies (RFC 9381, section 5.3).
 *
 * The key may be anyone's: a non-canonical one, or one of small order, under which an input could
 * have several outputs, is refused (section 5.4.5).
 *
 * @throws CryptoError `bad_vrf` where key or proof is malformed or the proof is of something else
 */
export function vrfVerify(publicKey: Uint8Array, alpha: Uint8Array, proof: Uint8Array): Bytes {
  const y = decodePoint(publicKey);
  if (y === null || y.isSmallOrder()) throw badVrf("its key is not a point of large order");
  const { gamma, c, s } = decodeProof(proof);
  const input = encodeToCurve(publicKey, alpha);
  const scalar = integer(c);
  const u = Point.BASE.multiplyUnsafe(s).subtract(y.multiplyUnsafe(scalar));
  const v = input.multiplyUnsafe(s).subtract(gamma.multiplyUnsafe(scalar));
  const expected = challenge(publicKey, input.toBytes(), proof.subarray(0, POINT_BYTES), u, v);
  if (!equal(c, expected)) throw badVrf("it does not verify");
  return outputOf(gamma);
}

/**
 * The output that a proof *claims* (RFC 9381, section 5.2); for one's own proofs only, since nothing
 * is verified.
 *
 * @throws CryptoError `bad_vrf` where the proof is malformed
 */
export function vrfProofToHash(proof: Uint8Array): Bytes {
  return outputOf(decodeProof(proof).gamma);
}

/** The 32 bytes of the output that the log uses, out of one's own proof: nothing is verified. */
export function vrfOutputOf(proof: Uint8Array): Bytes {
  return vrfProofToHash(proof).slice(0, LOG_OUTPUT_BYTES);
}

/** The 32 bytes of the output that the log uses, out of a proof that verifies. @throws CryptoError `bad_vrf` */
export function vrfVerifiedOutput(
  publicKey: Uint8Array,
  alpha: Uint8Array,
  proof: Uint8Array,
): Bytes {
  return vrfVerify(publicKey, alpha, proof).slice(0, LOG_OUTPUT_BYTES);
}

/** ECVRF_encode_to_curve_try_and_increment (section 5.4.1.1); the salt is the public key. */
function encodeToCurve(salt: Uint8Array, alpha: Uint8Array): Point {
  for (let counter = 0; counter < 256; counter++) {
    const hash = sha512(ENCODE_TO_CURVE, salt, alpha, Uint8Array.of(counter), BACK);
    const point = decodePoint(hash.subarray(0, POINT_BYTES))?.clearCofactor();
    if (point !== undefined && !point.is0()) return point;
  }
  // Each try finds a point with probability one half.
  throw new Error("bug: 256 hashes and no point among them");
}

/** ECVRF_challenge_generation (section 5.4.3). */
function challenge(
  publicKey: Uint8Array,
  h: Uint8Array,
  gamma: Uint8Array,
  u: Point,
  v: Point,
): Bytes {
  const hash = sha512(CHALLENGE, publicKey, h, gamma, u.toBytes(), v.toBytes(), BACK);
  return hash.slice(0, CHALLENGE_BYTES);
}

function outputOf(gamma: Point): Bytes {
  return sha512(PROOF_TO_HASH, gamma.clearCofactor().toBytes(), BACK);
}

interface Proof {
  readonly gamma: Point;
  readonly c: Uint8Array;
  readonly s: bigint;
}

/** ECVRF_decode_proof (section 5.4.4): Gamma canonical and on the curve, s below L. */
function decodeProof(proof: Uint8Array): Proof {
  if (proof.length !== VRF_PROOF_BYTES) throw badVrf(`it has ${proof.length} bytes, not 80`);
  const gamma = decodePoint(proof.subarray(0, POINT_BYTES));
  if (gamma === null) throw badVrf("its Gamma is not a point");
  const s = integer(proof.subarray(POINT_BYTES + CHALLENGE_BYTES));
  if (s >= Point.Fn.ORDER) throw badVrf("its s is not below the group's order");
  return { gamma, c: proof.subarray(POINT_BYTES, POINT_BYTES + CHALLENGE_BYTES), s };
}

/** The little-endian integer. */
function integer(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[i]!);
  return value;
}

function badVrf(why: string): CryptoError {
  return new CryptoError("bad_vrf", `Cannot accept VRF proof: ${why}`);
}
