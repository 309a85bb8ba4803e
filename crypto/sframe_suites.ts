/**
 * SFrame (RFC 9605) whole: every cipher suite, every KID and CTR of 64 bits, and the AES-256
 * counterparts of suites 1 to 3 (draft-barnes-sframe-iana-256).
 *
 * For conformance and interoperation. Suites 1 to 3 and 6 to 8 truncate their tags, so calls have a
 * file of their own (`sframe.ts`), which knows none of them: a key of this file is no `FrameKey`, and
 * nothing of `client/` imports it. Like there, it counts nothing and refuses no replay.
 *
 * @module
 */

import { type CtrKey, ctrOpen, ctrSeal, importCtrKey } from "./aes_ctr.ts";
import { type Bytes, concat } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { aesOpen, aesSeal, importAesKey } from "./primitives.ts";
import { deriveKeyBytes } from "./sframe.ts";
import { be64, encodeWideHeader, type Uint64, uint64, type WideHeader } from "./sframe_header.ts";

/**
 * A cipher suite by its number: AES_128_CTR_HMAC_SHA256_80, _64 and _32, AES_128_GCM_SHA256_128,
 * AES_256_GCM_SHA512_128, and the draft's AES_256_CTR_HMAC_SHA512_80, _64 and _32.
 */
export type SframeSuite = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The key of one KID under any suite. */
export interface SframeKey {
  /** Which frames it belongs to; bound into the key. */
  readonly kid: Uint64;
  /** The cipher suite; bound into the key. */
  readonly suite: SframeSuite;
  /** WebCrypto's handles, not extractable: AES-GCM, or AES-CTR with HMAC. */
  readonly handle: CryptoKey | CtrKey;
  /** 12 secret bytes that every nonce is made of. */
  readonly salt: Bytes;
}

/** What a suite consists of. */
interface Suite {
  readonly isSha256: boolean;
  /** Nk. */
  readonly keyBytes: number;
  /** Nt of the suites with HMAC, null with AES-GCM, whose tags are whole. */
  readonly tagBytes: CtrKey["tagBytes"] | null;
}

const SUITES: Readonly<Record<SframeSuite, Suite>> = {
  1: { isSha256: true, keyBytes: 48, tagBytes: 10 },
  2: { isSha256: true, keyBytes: 48, tagBytes: 8 },
  3: { isSha256: true, keyBytes: 48, tagBytes: 4 },
  4: { isSha256: true, keyBytes: 16, tagBytes: null },
  5: { isSha256: false, keyBytes: 32, tagBytes: null },
  6: { isSha256: false, keyBytes: 96, tagBytes: 10 },
  7: { isSha256: false, keyBytes: 96, tagBytes: 8 },
  8: { isSha256: false, keyBytes: 96, tagBytes: 4 },
};

/** Whether a suite derives with SHA-256; the others do with SHA-512. */
export function usesSha256(suite: SframeSuite): boolean {
  return SUITES[suite].isSha256;
}

/** The key and salt of a base key for one KID (section 4.4.2). */
export async function deriveSframeKey(
  baseKey: Bytes,
  kid: Uint64,
  suite: SframeSuite,
): Promise<SframeKey> {
  const { isSha256, keyBytes, tagBytes } = SUITES[suite];
  const context = concat(be64(kid), new Writer().u16(suite).bytes());
  const { raw, salt } = deriveKeyBytes(baseKey, context, isSha256, keyBytes);
  const handle = tagBytes === null ? await importAesKey(raw) : await importCtrKey(raw, tagBytes);
  raw.fill(0);
  return { kid: uint64(kid), suite, handle, salt };
}

/** Encrypts one frame: header, ciphertext and tag. @param ctr never used before with this key */
export async function sealSframe(
  key: SframeKey,
  ctr: Uint64,
  metadata: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  const header = encodeWideHeader(key.kid, ctr);
  const [nonce, ad] = [nonceOf(key.salt, ctr), concat(header, metadata)];
  const sealed = "tagBytes" in key.handle
    ? await ctrSeal(key.handle, nonce, ad, plaintext)
    : await aesSeal(key.handle, nonce, ad, plaintext);
  return concat(header, sealed);
}

/** Decrypts one frame whose header was read from the same bytes. @throws CryptoError `bad_frame` */
export async function openSframe(
  key: SframeKey,
  header: WideHeader,
  metadata: Bytes,
  frame: Bytes,
): Promise<Bytes> {
  if (header.kid !== key.kid) throw new Error("bug: a key of another KID");
  const nonce = nonceOf(key.salt, header.ctr);
  const ad = concat(frame.subarray(0, header.length), metadata);
  const sealed = frame.subarray(header.length);
  const plaintext = "tagBytes" in key.handle
    ? await ctrOpen(key.handle, nonce, ad, sealed)
    : await aesOpen(key.handle, nonce, ad, sealed);
  if (plaintext === null) throw new CryptoError("bad_frame", "A media frame did not open");
  return plaintext;
}

/** salt XOR be96(CTR) */
function nonceOf(salt: Bytes, ctr: Uint64): Bytes {
  const counter = concat(new Uint8Array(4), be64(ctr));
  return salt.map((byte, i) => byte ^ counter[i]!);
}
