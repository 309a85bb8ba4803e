/**
 * The answer to a lookup, and its verification: the name's newest record, or that there is none, as of a
 * head that everybody sees.
 *
 * The order of checks: note, policy, freshness, consistency with the trusted head, inclusion of the log's
 * last entry, that no version went back, VRF of each version, prefix proof with the ladder's outcome and
 * the openings, what was shown before, record chain from what is known or from the first record. Nothing is stored here: the caller writes its state
 * once, with what this gives.
 *
 * @module
 */

import { type AccountLabel } from "./account_label.ts";
import { type Bytes, equal } from "./bytes.ts";
import { type SignedCheckpoint } from "./checkpoint.ts";
import { commit, vrfInput } from "./commitment.ts";
import { CryptoError } from "./error.ts";
import { advanceHead, extraOf, type HeadState, type LogIdentity } from "./head.ts";
import { ladderOf } from "./ladder.ts";
import { decodeConfig, decodeEpochRoot } from "./log_entry.ts";
import {
  decodeLookupProof,
  type LookupPlan,
  type LookupProof,
  planLookup,
} from "./lookup_proof.ts";
import { ABSENT } from "./prefix_hash.ts";
import { checkPrefixProof } from "./prefix_proof.ts";
import { parseTlogProof } from "./proof.ts";
import { decodeRecord, type VerifiedRecord, verifyNext } from "./record.ts";
import { checkInclusion, leafHash } from "./tree.ts";
import { vrfVerifiedOutput } from "./vrf.ts";

/** A server's answer: nothing of it is believed. */
export interface LookupAnswer {
  /** The tlog-proof text. */
  readonly proof: string;
  /** RFC 6962 consistency proof from the head the client named. */
  readonly consistency: readonly Bytes[];
}

/** A version of a name as a verified proof showed it. */
export type ShownVersion = {
  /** Its number. */
  readonly version: number;
  /** Its index: 32 bytes, always the same. */
  readonly vrfOutput: Bytes;
  /** What the log committed to, or null where it had no such version then. */
  readonly commitment: Bytes | null;
};

/** The record that a client knows of a name, and what was shown of its ladder. */
export interface KnownRecord {
  /** The record. */
  readonly record: VerifiedRecord;
  /** The versions of its ladder. */
  readonly shown: readonly ShownVersion[];
}

/** What an answer is compared with. */
export interface LookupState extends HeadState {
  /** What is known of the name, or null. */
  readonly known: KnownRecord | null;
  /** Records by version that earlier pages of this lookup proved. */
  readonly pages: ReadonlyMap<number, Bytes>;
}

/** What an answer proves. */
export type LookupResult =
  | {
    /** Nobody has the name. */
    readonly kind: "absent";
    readonly head: SignedCheckpoint;
  }
  | {
    /** The chain is longer than one proof: ask for the versions through `through`. */
    readonly kind: "partial";
    readonly head: SignedCheckpoint;
    readonly pages: ReadonlyMap<number, Bytes>;
    readonly through: number;
  }
  | {
    /** The name has ended. */
    readonly kind: "retired";
    readonly head: SignedCheckpoint;
  }
  | {
    /** The name has a record. */
    readonly kind: "present";
    readonly head: SignedCheckpoint;
    /** The newest record with its ladder. */
    readonly current: KnownRecord;
    /** The records after the known one, oldest first; all of them at first contact. */
    readonly chain: readonly VerifiedRecord[];
  };

/**
 * Verifies an answer about a label.
 *
 * @throws CryptoError `malformed`, `bad_note`, `other_log`, `bad_checkpoint`, `quorum_missing`,
 * `stale_head`, `head_rolled_back`, `log_forked`, `bad_proof`, `bad_vrf`, `version_rolled_back`, and
 * those of `verifyNext`
 */
export async function verifyLookup(
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  state: LookupState,
): Promise<LookupResult> {
  const outer = parseTlogProof(answer.proof);
  const head = await advanceHead(log, outer.checkpoint, state, answer.consistency);
  const proof = decodeLookupProof(extraOf(outer));
  if (outer.index !== head.size - 1) {
    throw new CryptoError("bad_proof", "The proof is not about the log's last entry");
  }
  const leaf = leafHash(proof.latestLeaf);
  checkInclusion(outer.index, head.size, leaf, outer.hashes, head.root);
  const { scope } = proof;
  const plan = planLookup(scope);
  const known = knownFor(proof, state.known);
  const shown = checkShown(log, label, proof, plan, known);
  checkMemory(shown, state.known);
  if (scope.greatest === null) return { kind: "absent", head };
  const pages = new Map(state.pages);
  plan.opened.forEach((version, i) => pages.set(version, proof.records[i]!.record));
  return await follow(log, label, scope.greatest, { state, head, pages, shown });
}

/** What is known of the name, as far as the proof builds upon it. */
function knownFor({ scope }: LookupProof, known: KnownRecord | null): KnownRecord | null {
  const version = known?.record.version ?? null;
  if (version !== null && (scope.greatest ?? -1) < version) {
    throw new CryptoError("version_rolled_back", "The name has fewer versions than it had before");
  }
  if (scope.known !== null && scope.known !== version) {
    throw new CryptoError("malformed", "The lookup proof builds upon a version that is not known");
  }
  return scope.known === null ? null : known;
}

/** Checks that exactly the versions up to the greatest are in the newest prefix tree. */
function checkShown(
  log: LogIdentity,
  label: AccountLabel,
  proof: LookupProof,
  plan: LookupPlan,
  known: KnownRecord | null,
): ShownVersion[] {
  const { scope: { greatest } } = proof;
  const remembered = new Map(known?.shown.map((one) => [one.version, one]));
  const shown = plan.searched.map((version): ShownVersion => {
    const at = plan.vrf.indexOf(version);
    const vrfOutput = at < 0
      ? memoryOf(remembered, version).vrfOutput
      : vrfVerifiedOutput(log.vrfPublicKey, vrfInput(label, version), proof.vrfProofs[at]!);
    const isIncluded = version <= (greatest ?? -1);
    return { version, vrfOutput, commitment: isIncluded ? commitmentTo(version) : null };
  });
  if (!equal(checkPrefixProof(proof.prefix, shown), prefixRootOf(proof.latestLeaf))) {
    throw new CryptoError("bad_proof", "The prefix proof does not lead to the newest ROOT");
  }
  return shown;

  function commitmentTo(version: number): Bytes {
    const opened = plan.opened.indexOf(version);
    if (opened >= 0) {
      const { opening, record } = proof.records[opened]!;
      return commit(opening, { label, version, value: record });
    }
    const at = plan.committed.indexOf(version);
    return at >= 0 ? proof.commitments[at]! : memoryOf(remembered, version).commitment!;
  }
}

/** What was committed to once stays so, whatever an answer builds upon. */
function checkMemory(shown: readonly ShownVersion[], known: KnownRecord | null): void {
  for (const { version, commitment } of known?.shown ?? []) {
    const now = shown.find((one) => one.version === version)?.commitment ?? null;
    if (commitment === null || now === null || equal(now, commitment)) continue;
    throw new CryptoError("bad_proof", "The log shows another record of a version than before");
  }
}

function memoryOf(
  remembered: ReadonlyMap<number, ShownVersion>,
  version: number,
): ShownVersion {
  const held = remembered.get(version);
  if (held === undefined) throw new Error("bug: a version of the known ladder was not kept");
  return held;
}

/** The root of the prefix tree under a log's last entry; CONFIG stands before the first leaf. */
function prefixRootOf(latestLeaf: Bytes): Bytes {
  if (latestLeaf[0] !== 0) return decodeEpochRoot(latestLeaf).prefixRoot;
  decodeConfig(latestLeaf);
  return ABSENT;
}

/** Follows the records from the known one, or the first, to the greatest. */
async function follow(
  log: LogIdentity,
  label: AccountLabel,
  greatest: number,
  { state, head, pages, shown }: {
    readonly state: LookupState;
    readonly head: SignedCheckpoint;
    readonly pages: ReadonlyMap<number, Bytes>;
    readonly shown: readonly ShownVersion[];
  },
): Promise<LookupResult> {
  let before = state.known?.record ?? null;
  const again = before === null ? undefined : pages.get(before.version);
  if (again !== undefined && !equal(again, before!.bytes)) {
    throw new CryptoError("bad_proof", "The log shows another record of a version than before");
  }
  for (let version = greatest; version > (before?.version ?? -1); version--) {
    if (pages.has(version)) continue;
    // What came before the end of a name is erased: nobody can show it any more.
    if (decodeRecord(pages.get(greatest)!).kind === "retire") return { kind: "retired", head };
    return { kind: "partial", head, pages, through: version };
  }
  const chain: VerifiedRecord[] = [];
  const account = { origin: log.origin, label };
  for (let version = (before?.version ?? -1) + 1; version <= greatest; version++) {
    before = await verifyNext(account, log.operatorKey, before, pages.get(version)!);
    chain.push(before);
  }
  if (before === null) throw new Error("bug: a chain without a record");
  if (before.kind === "retire") return { kind: "retired", head };
  const ladder = new Set(ladderOf(greatest));
  const current = { record: before, shown: shown.filter(({ version }) => ladder.has(version)) };
  return { kind: "present", head, current, chain };
}
