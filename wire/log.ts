/**
 * The log's public answers that are not files of C2SP tlog-tiles: consistency between two sizes, and
 * one transition of the prefix tree with all that shows it.
 *
 * Anybody may ask; the `fromWire` functions are for clients, who believe nothing of it yet.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type EpochAnswer, type ProvenEntry } from "../crypto/transition_audit.ts";
import { asArray, asBytes, asObject } from "./json.ts";

/** The newest published checkpoint, as a signed note. */
export const CHECKPOINT = "/log/checkpoint";
/** The newest checkpoint that an auditor cosigned. */
export const AUDITED = "/log/audited";
/** Consistency proofs. */
export const CONSISTENCY = "/log/consistency";

/** One epoch, to be audited. */
export const AUDIT = "/log/audit";

/** The most hashes of one RFC 6962 proof over less than 2^53 entries. */
const MAX_HASHES = 64;

/** `GET /log/consistency?from=<size>&to=<size>`. */
export interface ConsistencyWire {
  readonly from: number;
  readonly to: number;
  /** PROOF(from, D[to]) of RFC 6962, base64url. */
  readonly hashes: readonly string[];
}

/** One entry with its proof. */
export interface ProvenEntryWire {
  /** The entry's bytes, base64url. */
  readonly entry: string;
  /** PATH(m, D[size]) of RFC 6962, base64url. */
  readonly hashes: readonly string[];
}

/** `GET /log/audit/<root index>[?size=<size>]`. */
export interface EpochWire {
  /** The entry that closes the epoch. */
  readonly index: number;
  /** Size of the tree in which the entries are proved. */
  readonly size: number;
  /** The ROOT before; CONFIG before the first epoch. */
  readonly before: ProvenEntryWire;
  readonly batch: ProvenEntryWire;
  readonly root: ProvenEntryWire;
  /** The encoded TransitionProof, base64url. */
  readonly transition: string;
}

/** Where an epoch is proved in the tree of a size. */
export function auditPath(index: number, size: number): string {
  return `${AUDIT}/${index}?size=${size}`;
}

/** Where the consistency of two sizes is proved. */
export function consistencyPath(from: number, to: number): string {
  return `${CONSISTENCY}?from=${from}&to=${to}`;
}

/** A consistency proof as JSON. */
export function consistencyToWire(
  from: number,
  to: number,
  hashes: readonly Bytes[],
): ConsistencyWire {
  return { from, to, hashes: hashes.map(toBase64Url) };
}

/** Reads a consistency proof; which sizes it is for, the asker knows. @throws WireError */
export function consistencyFromWire(value: unknown): readonly Bytes[] {
  const { hashes } = asObject(value, "the consistency proof");
  return hashesFromWire(hashes);
}

/** An epoch as JSON. */
export function epochToWire(index: number, size: number, answer: EpochAnswer): EpochWire {
  return {
    index,
    size,
    before: entryToWire(answer.before),
    batch: entryToWire(answer.batch),
    root: entryToWire(answer.root),
    transition: toBase64Url(answer.transition),
  };
}

/** Reads an epoch. @throws WireError */
export function epochFromWire(value: unknown): EpochAnswer {
  const { before, batch, root, transition } = asObject(value, "the epoch");
  return {
    before: entryFromWire(before),
    batch: entryFromWire(batch),
    root: entryFromWire(root),
    transition: asBytes(transition, "transition"),
  };
}

function entryToWire({ entry, hashes }: ProvenEntry): ProvenEntryWire {
  return { entry: toBase64Url(entry), hashes: hashes.map(toBase64Url) };
}

function entryFromWire(value: unknown): ProvenEntry {
  const { entry, hashes } = asObject(value, "an entry");
  return { entry: asBytes(entry, "entry"), hashes: hashesFromWire(hashes) };
}

function hashesFromWire(value: unknown): readonly Bytes[] {
  return asArray(value, "hashes", MAX_HASHES).map((hash) => asBytes(hash, "a hash"));
}
