/**
 * The vectors of RFC 9605 and of the draft of its AES-256 suites, in a form that any runtime takes.
 *
 * @module
 */

import { vectors } from "./vectors.ts";

/** A header; integers as decimal digits, because JSON's numbers end at 2^53. */
export type HeaderVector = {
  readonly kid: string;
  readonly ctr: string;
  readonly encoded: string;
};

/** An AEAD of section 4.5.1 by itself. */
export type AeadVector = {
  readonly cipher_suite: number;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly pt: string;
  readonly ct: string;
};

/** A whole frame. */
export type FrameVector = {
  readonly cipher_suite: number;
  readonly kid: string;
  readonly ctr: string;
  readonly base_key: string;
  readonly sframe_salt: string;
  readonly metadata: string;
  readonly pt: string;
  readonly ct: string;
};

/** All of them. */
export type SframeVectors = {
  readonly header: readonly HeaderVector[];
  readonly aead: readonly AeadVector[];
  readonly frames: readonly FrameVector[];
};

/** Reads them, or says that the test skips and returns null. */
export async function sframeVectors(): Promise<SframeVectors | null> {
  const rfc = await vectors("sframe/rfc9605.json") as Record<string, readonly object[]> | null;
  const draft = await vectors("sframe/aes256.json") as Record<string, readonly object[]> | null;
  if (rfc === null || draft === null) return null;
  const all = {
    header: rfc.header!,
    aead: [...rfc.aes_ctr_hmac!, ...rfc.aes_256_ctr_hmac!],
    frames: [...rfc.sframe!, ...draft.sframe_aes_256_ctr_hmac!],
  };
  const decimal = (name: string, value: unknown) =>
    name === "kid" || name === "ctr" ? String(value) : value;
  return JSON.parse(JSON.stringify(all, decimal));
}
