/**
 * The prekey sets that the store holds: an index, a cell a set, and a cell a one-time prekey.
 *
 * The index is newest first. A one-time prekey has a cell of its own, so that spending one writes no
 * other. A set is erased with all that are left of it.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type AgreementKey } from "../crypto/keys.ts";
import { MAX_ONE_TIME_PREKEYS } from "../crypto/prekey.ts";
import { type KemPrivateKey } from "../crypto/primitives.ts";
import { type Cell, cell, forget } from "./cell.ts";
import { type Changes } from "./store.ts";

/** A set of this device in the index of its sets. */
export type SetName = {
  readonly hash: string;
  readonly number: number;
  readonly madeMs: number;
  /** When the next one is made. */
  readonly dueMs: number;
  readonly published: boolean;
  /** When the next set took its place, or null. */
  readonly replacedMs: number | null;
};

/** A set with the private halves that all its offers use. */
export type StoredSet = {
  readonly set: Bytes;
  readonly signature: Bytes;
  readonly opks: readonly AgreementKey[];
  readonly spk: CryptoKey;
  readonly kpk: KemPrivateKey;
};

/** Which sets there are, newest first. */
export const SETS = cell<readonly SetName[]>("prekeys");

/** Where a set is kept, without its one-time prekeys' private halves. */
export function setCell(hash: string): Cell<StoredSet> {
  return cell(`prekeys/${hash}`);
}

/** Where the private half of a one-time prekey is kept until it is spent. */
export function oneTimeCell(setHash: string, index: number): Cell<CryptoKey> {
  return cell(`opk/${setHash}/${index}`);
}

/** The change that erases every set: with a device's number its prekeys end. */
export function forgetPrekeys(sets: readonly SetName[] | null): Changes {
  return Object.assign({}, forget(SETS), ...(sets ?? []).map(forgetSet));
}

/** The change that erases a set with all its keys. */
export function forgetSet({ hash }: SetName): Changes {
  const opks = Array.from({ length: MAX_ONE_TIME_PREKEYS }, (_, i) => forget(oneTimeCell(hash, i)));
  return Object.assign({}, forget(setCell(hash)), ...opks);
}
