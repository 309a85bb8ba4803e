/**
 * The keys with which a client goes on with its connection: a fresh one with every welcome.
 *
 * Kept as hashes only. The key before stays good until it is clear that the client has the next one,
 * because a welcome may be lost on its way. A key alone opens nothing: it is shown with a fresh proof by
 * the key of the device.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { constantTimeEqual, hkdfExpand, randomBytes, sha256 } from "../crypto/primitives.ts";
import { type Secret } from "../crypto/secret.ts";

/** Length of a key in bytes. */
const KEY_BYTES = 32;

/** The hashes of the keys that are good. */
export interface ResumeKeys {
  /** Of the newest. */
  readonly current: Bytes;
  /** Of the one that the client surely has, or null where that is the newest. */
  readonly previous: Bytes | null;
  /** How many keys there have been. */
  readonly number: number;
}

/** Makes the n-th key of a connection. */
export type KeyMaker = (cid: string, number: number) => string;

/** Keys of a single process, which nobody else has to know. */
export const randomKeys: KeyMaker = (): string => toBase64Url(randomBytes(KEY_BYTES));

/** Keys that every instance of a service finds again, and nobody else. @param secret 32 bytes */
export function derivedKeys(secret: Secret): KeyMaker {
  return (cid, number) =>
    toBase64Url(hkdfExpand(secret.expose(), utf8(`${cid} ${number}`), KEY_BYTES));
}

/** A fresh key, and what is kept of it. @param previous the hash of the one that the client has */
export function freshKey(
  key: string,
  number: number,
  previous: Bytes | null,
): { readonly key: string; readonly keys: ResumeKeys } {
  return { key, keys: { current: hashOf(key), previous, number } };
}

/** What is kept of a key that was shown elsewhere and is known to be the n-th. */
export function shownKey(key: string, number: number): ResumeKeys {
  return { current: hashOf(key), previous: null, number };
}

/** The hash of a key that was shown, where it is a good one, or null. */
export function goodKey({ current, previous }: ResumeKeys, key: string): Bytes | null {
  const hash = hashOf(key);
  // Both are compared whatever comes of the first, so that the time says nothing.
  const isCurrent = constantTimeEqual(hash, current);
  const isPrevious = constantTimeEqual(hash, previous ?? current);
  return isCurrent || isPrevious ? hash : null;
}

function hashOf(key: string): Bytes {
  return sha256(utf8(key));
}
