/**
 * A lookup's proof taken apart for people: every step of its verification with its verdict, and the ways
 * through both trees that it shows.
 *
 *     note, policy, freshness, consistency, inclusion, VRF, ladder, prefix tree, openings, records
 *
 * It explains and decides nothing: whoever asks runs `verifyLookup` beside it, whose verdict counts. A
 * step that fails is the last one that is looked at.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { type SignedCheckpoint } from "../crypto/checkpoint.ts";
import { commit, vrfInput } from "../crypto/commitment.ts";
import { CryptoError } from "../crypto/error.ts";
import { advanceHead, extraOf, type LogIdentity, openHead } from "../crypto/head.ts";
import { decodeConfig, decodeEpochRoot } from "../crypto/log_entry.ts";
import { type LookupAnswer, type LookupState } from "../crypto/lookup.ts";
import {
  decodeLookupProof,
  type LookupPlan,
  type LookupProof,
  planLookup,
} from "../crypto/lookup_proof.ts";
import { checkPolicy } from "../crypto/policy.ts";
import { ABSENT } from "../crypto/prefix_hash.ts";
import { checkPrefixProof } from "../crypto/prefix_proof.ts";
import { parseTlogProof, type TlogProof } from "../crypto/proof.ts";
import { checkInclusion, leafHash } from "../crypto/tree.ts";
import { vrfVerifiedOutput } from "../crypto/vrf.ts";
import { type PrefixSight, prefixSightOf } from "./prefix_sight.ts";

/** One step of a verification. */
export type StepName =
  /** The log signed the head. */
  | "note"
  /** Enough witnesses cosigned it. */
  | "policy"
  /** And not too long ago. */
  | "freshness"
  /** It continues the head that was trusted. */
  | "consistency"
  /** Its last entry is the ROOT that the proof is about. */
  | "inclusion"
  /** The indexes searched for are this name's. */
  | "vrf"
  /** Which of them are there says which version is the newest. */
  | "ladder"
  /** Their ways lead to the ROOT's prefix tree. */
  | "prefix"
  /** The records shown are those that the leaves commit to. */
  | "commitment"
  /** Each record is signed by the one before it. */
  | "chain";

const STEPS: readonly StepName[] = [
  "note",
  "policy",
  "freshness",
  "consistency",
  "inclusion",
  "vrf",
  "ladder",
  "prefix",
  "commitment",
  "chain",
];

/** What became of a step. */
export interface Step {
  /** Which. */
  readonly name: StepName;
  /** `skipped`: an earlier one failed, or there was nothing to do. */
  readonly verdict: "passed" | "failed" | "skipped";
}

/** A version that was searched for. */
export interface VersionSight {
  /** Its number. */
  readonly version: number;
  /** Its index in the prefix tree, 32 bytes. */
  readonly vrfOutput: Bytes;
  /** Whether the newest tree has it. */
  readonly present: boolean;
  /** Whether its record is shown. */
  readonly opened: boolean;
}

/** What a proof shows, as far as it could be followed. */
export interface LookupSight {
  /** Every step, in order. */
  readonly steps: readonly Step[];
  /** Entries of the head, once its note opened. */
  readonly size: number | null;
  /** The hashes beside the newest ROOT's way to the head, the lowest first. */
  readonly inclusion: readonly Bytes[];
  /** When that ROOT was made, Unix milliseconds; null for a log without one. */
  readonly rootMs: number | null;
  /** The versions of the ladder and of the history, in the order of the proof. */
  readonly versions: readonly VersionSight[];
  /** Their ways through the prefix tree. */
  readonly prefix: PrefixSight | null;
}

/** Everything that is found out on the way. */
interface Walk {
  outer: TlogProof | null;
  head: SignedCheckpoint | null;
  proof: LookupProof | null;
  plan: LookupPlan | null;
  versions: VersionSight[];
  prefix: PrefixSight | null;
}

/**
 * Goes through an answer step by step.
 *
 * @param state as for `verifyLookup`; what is known of the name has to be nothing
 * @throws whatever is not the answer's fault
 */
export async function sightOf(
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  state: LookupState,
): Promise<LookupSight> {
  const walk: Walk = {
    outer: null,
    head: null,
    proof: null,
    plan: null,
    versions: [],
    prefix: null,
  };
  const passed: StepName[] = [];
  let failed: StepName | null = null;
  for (const [name, step] of stepsOf(walk, log, label, answer, state)) {
    try {
      await step();
      // Without witnesses there is no time to look at.
      if (name !== "freshness" || state.freshSinceMs !== null) passed.push(name);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      failed = name;
      break;
    }
  }
  return {
    steps: STEPS.map((name): Step => ({
      name,
      verdict: name === failed ? "failed" : passed.includes(name) ? "passed" : "skipped",
    })),
    size: walk.head?.size ?? null,
    inclusion: walk.outer?.hashes ?? [],
    rootMs: walk.proof === null ? null : rootOf(walk.proof.latestLeaf).timestampMs,
    versions: walk.versions,
    prefix: walk.prefix,
  };
}

type Work = () => void | Promise<void>;

function stepsOf(
  walk: Walk,
  log: LogIdentity,
  label: AccountLabel,
  answer: LookupAnswer,
  state: LookupState,
): readonly (readonly [StepName, Work])[] {
  return [
    ["note", async () => {
      walk.outer = parseTlogProof(answer.proof);
      walk.head = await openHead(log, walk.outer.checkpoint);
    }],
    ["policy", () => checkPolicy(log.policy, walk.head!, null)],
    ["freshness", () => checkPolicy(log.policy, walk.head!, state.freshSinceMs)],
    ["consistency", async () => {
      await advanceHead(log, walk.outer!.checkpoint, state, answer.consistency);
    }],
    ["inclusion", () => {
      const { index, hashes } = walk.outer!;
      const { size, root } = walk.head!;
      const proof = decodeLookupProof(extraOf(walk.outer!));
      if (index !== size - 1) throw new CryptoError("bad_proof", "Not the log's last entry");
      checkInclusion(index, size, leafHash(proof.latestLeaf), hashes, root);
      rootOf(proof.latestLeaf);
      walk.proof = proof;
      walk.plan = planLookup(proof.scope);
    }],
    ["vrf", () => {
      const { plan, proof } = walk;
      const { greatest } = proof!.scope;
      walk.versions = plan!.vrf.map((version, i) => ({
        version,
        vrfOutput: vrfVerifiedOutput(
          log.vrfPublicKey,
          vrfInput(label, version),
          proof!.vrfProofs[i]!,
        ),
        present: version <= (greatest ?? -1),
        opened: plan!.opened.includes(version),
      }));
    }],
    ["ladder", () => {
      const { results } = walk.proof!.prefix;
      const isAsSaid = results.length === walk.versions.length &&
        walk.versions.every(({ present }, i) => (results[i]!.kind === "inclusion") === present);
      if (!isAsSaid) throw new CryptoError("bad_proof", "The ladder does not end where it says");
    }],
    ["prefix", () => {
      const { prefix, latestLeaf } = walk.proof!;
      const searches = walk.versions.map(({ version, vrfOutput }) => {
        return { vrfOutput, commitment: commitmentOf(walk, label, version) };
      });
      if (!equal(checkPrefixProof(prefix, searches), rootOf(latestLeaf).prefixRoot)) {
        throw new CryptoError("bad_proof", "The prefix proof leads to another root");
      }
      walk.prefix = prefixSightOf(prefix, searches);
    }],
    // What is opened was hashed into the leaves, and so is proved by where they led.
    ["commitment", () => {}],
  ];
}

/** What the log committed to for a version, or null where it is proved to have none. */
function commitmentOf({ plan, proof }: Walk, label: AccountLabel, version: number): Bytes | null {
  if (version > (proof!.scope.greatest ?? -1)) return null;
  const opened = plan!.opened.indexOf(version);
  if (opened < 0) return proof!.commitments[plan!.committed.indexOf(version)]!;
  const { opening, record } = proof!.records[opened]!;
  return commit(opening, { label, version, value: record });
}

/** The log's last entry as a ROOT; CONFIG stands before the first leaf. */
function rootOf(latestLeaf: Bytes): { timestampMs: number | null; prefixRoot: Bytes } {
  if (latestLeaf[0] !== 0) return decodeEpochRoot(latestLeaf);
  decodeConfig(latestLeaf);
  return { timestampMs: null, prefixRoot: ABSENT };
}
