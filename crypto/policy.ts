/**
 * A trust policy (C2SP tlog-policy): which logs are believed, and how many of which witnesses must
 * have cosigned a head.
 *
 *     log <vkey> [<url>]
 *     witness <name> <vkey> [<url>]
 *     group <name> all|any|<k> <member>...
 *     quorum <name>|none
 *
 * A group is witnessed as of the k-th latest time of its members, a witness as of its cosignature's;
 * so one number says whether the quorum is met and how fresh the head is. Only signatures that an
 * opened note lists as verified count, each key once, and a witness never stands for the log: log
 * keys are of type 0x01 or 0x06, witness keys 0x04 or 0x06, and no key or name is both.
 *
 * Names are compared as they are written. Reading and writing is `policy_text.ts`.
 *
 * @module
 */

import { type SignedCheckpoint } from "./checkpoint.ts";
import { cosignedAtMs } from "./cosignature.ts";
import { CryptoError } from "./error.ts";
import { noteVerifier, type Verifier, type VerifierKey } from "./note_key.ts";

/** A witness of a policy. */
export type PolicyWitness = {
  /** Its name within the policy, and there only. */
  readonly id: string;
  /** Its key, of type 0x04 or 0x06. */
  readonly key: VerifierKey;
  /** Its submission prefix (C2SP tlog-witness), as written; null where none is given. */
  readonly url: string | null;
};

/** A group of a policy: witnessed where `threshold` of its members are. */
export type PolicyGroup = {
  /** Its name within the policy. */
  readonly id: string;
  /** 1 to the number of its members. */
  readonly threshold: number;
  /** Witnesses and groups defined before it, each a member of no other group. */
  readonly members: readonly string[];
};

/** What makes a head believed. */
export type LogPolicy = {
  /** The logs, of type 0x01 or 0x06; several keys of one origin are alternatives. */
  readonly logs: readonly VerifierKey[];
  /** The witnesses. */
  readonly witnesses: readonly PolicyWitness[];
  /** The groups, members before those that name them. */
  readonly groups: readonly PolicyGroup[];
  /** The witness or group that must have witnessed a head; null asks for no witness. */
  readonly quorum: string | null;
};

/** The policy that believes one log without witnesses. */
export function logOnlyPolicy(key: VerifierKey): LogPolicy {
  return { logs: [key], witnesses: [], groups: [], quorum: null };
}

/** The keys that a note must be opened with before this policy is checked. */
export function policyVerifiers(policy: LogPolicy): readonly Verifier[] {
  return [...policy.logs, ...policy.witnesses.map(({ key }) => key)].map(noteVerifier);
}

/**
 * Requires that a log of the policy signed a head under its own origin and that the quorum is met.
 *
 * @param head opened with `policyVerifiers(policy)`
 * @param freshSinceMs Unix milliseconds that the quorum's cosignatures must not be older than, or
 * null; a policy without quorum has no freshness
 * @throws CryptoError `other_log`, `quorum_missing`, `stale_head`
 */
export function checkPolicy(
  policy: LogPolicy,
  head: SignedCheckpoint,
  freshSinceMs: number | null,
): void {
  const byLog = policy.logs.some((key) => key.name === head.origin && signatureOf(head, key));
  if (!byLog) throw new CryptoError("other_log", "No log of the policy signed this head");
  const freshMs = freshnessOf(policy, head);
  if (freshMs !== null && freshSinceMs !== null && freshMs < freshSinceMs) {
    throw new CryptoError("stale_head", "The witnesses' cosignatures of this head are too old");
  }
}

/**
 * The latest time T, in Unix milliseconds, such that the quorum is met by cosignatures of T or
 * later; null where the policy asks for no witness.
 *
 * @throws CryptoError `quorum_missing` where the quorum is not met at all
 */
export function freshnessOf(policy: LogPolicy, head: SignedCheckpoint): number | null {
  if (policy.quorum === null) return null;
  const times = new Map<string, number>();
  for (const { id, key } of policy.witnesses) {
    const line = signatureOf(head, key);
    times.set(id, line === undefined ? NEVER : cosignedAtMs(line, key.type) ?? NEVER);
  }
  for (const { id, threshold, members } of policy.groups) {
    const latestFirst = members.map((member) => times.get(member)!).sort(descending);
    times.set(id, latestFirst[threshold - 1]!);
  }
  const time = times.get(policy.quorum);
  if (time === undefined) throw new Error("bug: a policy without its quorum");
  if (time === NEVER) {
    throw new CryptoError("quorum_missing", "Too few witnesses of the policy cosigned this head");
  }
  return time;
}

const NEVER = -1;

function descending(a: number, b: number): number {
  return b - a;
}

function signatureOf(
  head: SignedCheckpoint,
  { name, keyId }: VerifierKey,
): SignedCheckpoint["note"]["signatures"][number] | undefined {
  return head.note.signatures.find((line) => line.name === name && line.keyId === keyId);
}
