/**
 * A verified head taken apart for people: who signed it and when, and what its tree is made of.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { cosignedAtMs } from "../crypto/cosignature.ts";
import { NOTE_KEY_TYPE } from "../crypto/note_key.ts";
import { freshnessOf, type LogPolicy } from "../crypto/policy.ts";
import { type AuditedEpoch } from "../crypto/transition_audit.ts";

/** A verified signature of a head. */
export interface HeadSignature {
  /** The key's name. */
  readonly name: string;
  /** Whose it is. */
  readonly by: "log" | "witness";
  /** How it is signed. */
  readonly scheme: "Ed25519" | "ML-DSA-44";
  /** When, Unix milliseconds; null for a signature that names no time. */
  readonly signedMs: number | null;
}

/** A complete subtree of the tree: the one number `index` of 2^`level` entries. */
export interface Subtree {
  /** How many times its entries are doubled from one. */
  readonly level: number;
  /** How many subtrees of its size are before it. */
  readonly index: number;
  /** 32 bytes. */
  readonly hash: Bytes;
}

/** A head that was verified. */
export interface HeadSight {
  /** Entries of the log. */
  readonly size: number;
  /** Root of the tree, 32 bytes. */
  readonly root: Bytes;
  /** Who signed it. */
  readonly signatures: readonly HeadSignature[];
  /** Signatures of keys that are not known, which say nothing. */
  readonly unknown: number;
  /** How many witnesses the policy names. */
  readonly witnesses: number;
  /** The time as of which enough of them vouch for this head; null where none are asked for. */
  readonly freshMs: number | null;
  /** Size of the head that this one was proved to continue; null for the first one seen. */
  readonly continues: number | null;
  /** The complete subtrees that the root is made of, left to right: their hashes lead to it. */
  readonly subtrees: readonly Subtree[];
  /** The newest epoch, audited; null before the first. */
  readonly epoch: AuditedEpoch | null;
}

/** What was found out about a head besides its note. */
export type HeadFindings = Pick<HeadSight, "continues" | "subtrees" | "epoch">;

/** Takes a head apart. @throws CryptoError `quorum_missing` */
export function headSightOf(
  policy: LogPolicy,
  head: SignedCheckpoint,
  findings: HeadFindings,
): HeadSight {
  return {
    size: head.size,
    root: head.root,
    signatures: signaturesOf(policy, head),
    unknown: head.note.unknown.length,
    witnesses: policy.witnesses.length,
    freshMs: freshnessOf(policy, head),
    ...findings,
  };
}

/**
 * The policy that the log states of itself, where it is about the log that is believed and that log's
 * witnesses were not chosen already.
 */
export function statedPolicy(pinned: LogPolicy, stated: LogPolicy): LogPolicy {
  const isSame = stated.logs.some(({ name, keyId }) =>
    pinned.logs.some((key) => key.name === name && key.keyId === keyId)
  );
  return isSame && pinned.quorum === null ? stated : pinned;
}

function signaturesOf({ logs, witnesses }: LogPolicy, { note }: SignedCheckpoint): HeadSignature[] {
  return note.signatures.map((line): HeadSignature => {
    const isOf = ({ name, keyId }: { readonly name: string; readonly keyId: number }) =>
      name === line.name && keyId === line.keyId;
    const log = logs.find(isOf);
    const key = log ?? witnesses.map((witness) => witness.key).find(isOf);
    if (key === undefined) throw new Error("bug: a verified signature of no key of the policy");
    return {
      name: line.name,
      by: log === undefined ? "witness" : "log",
      scheme: key.type === NOTE_KEY_TYPE.mlDsa44 ? "ML-DSA-44" : "Ed25519",
      signedMs: cosignedAtMs(line, key.type),
    };
  });
}
