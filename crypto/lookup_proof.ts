/**
 * What a lookup shows of a name under the log's newest ROOT: its greatest version, or that it has none.
 *
 *     LookupProof = u8 fmt=1 || v16 latest_leaf || LookupScope
 *                   || vrf_proof[80]   of each version searched for that the client does not remember
 *                   || commitment[32]  of each one that is included, not remembered and not opened
 *                   || opening[16] || v32 SignedRecord      of each version opened
 *                   || PrefixProof
 *     LookupScope = u8 has_greatest || u32 greatest || u8 has_known || u32 known || u8 count || u32 first
 *
 *     searched   = the ladder of `greatest`, then the versions of the history that are not in it
 *     remembered = the ladder of `known`, the version that the client was shown before
 *     opened     = the history, `first` and on, and `greatest` unless it is `known`
 *
 * How many of each there are follows from the scope, so there is no count to lie about. For an absent
 * name `has_greatest` and `greatest` are 0. `latest_leaf` is the log's last entry: a ROOT, or CONFIG in a
 * log that has no other.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { OPENING_BYTES } from "./commitment.ts";
import { CryptoError } from "./error.ts";
import { ladderOf } from "./ladder.ts";
import { encodePrefixProof, type PrefixProof, readPrefixProof } from "./prefix_proof.ts";
import { HASH_BYTES } from "./primitives.ts";
import { VRF_PROOF_BYTES } from "./vrf.ts";

const FORMAT = 1;
/** Most earlier records in one proof. */
export const MAX_HISTORY = 8;
/** Above any version that a log will ever hold, and below what would make a ladder of all versions. */
const MAX_VERSION = 2 ** 31;

/** The numbers from which it follows what a proof shows. */
export interface LookupScope {
  /** The greatest version, or null where the name is absent. */
  readonly greatest: number | null;
  /** The version that the client knows, or null. */
  readonly known: number | null;
  /** How many earlier records are shown, 0 to 8. */
  readonly count: number;
  /** The version of the first of them; 0 where there are none. */
  readonly first: number;
}

/** Which versions a proof is about, in the order of its parts. */
export interface LookupPlan {
  /** Every version that is searched for in the prefix tree. */
  readonly searched: readonly number[];
  /** Those whose VRF proofs are shown. */
  readonly vrf: readonly number[];
  /** Those whose commitments are shown. */
  readonly committed: readonly number[];
  /** Those whose records are shown, ascending. */
  readonly opened: readonly number[];
}

/** A record with what opens its commitment. */
export interface OpenedRecord {
  /** 16 bytes. */
  readonly opening: Bytes;
  /** The SignedRecord. */
  readonly record: Bytes;
}

/** A lookup proof. */
export interface LookupProof {
  /** The log's last entry. */
  readonly latestLeaf: Bytes;
  /** What it shows. */
  readonly scope: LookupScope;
  /** One for each of `vrf` of the plan: 80 bytes. */
  readonly vrfProofs: readonly Bytes[];
  /** One for each of `committed` of the plan: 32 bytes. */
  readonly commitments: readonly Bytes[];
  /** One for each of `opened` of the plan. */
  readonly records: readonly OpenedRecord[];
  /** Shows which of the versions searched for are in the prefix tree. */
  readonly prefix: PrefixProof;
}

/** What a scope asks a proof to show. */
export function planLookup({ greatest, known, count, first }: LookupScope): LookupPlan {
  const ladder = ladderOf(greatest);
  const history = Array.from({ length: count }, (_, i) => first + i);
  const searched = [...ladder, ...history.filter((version) => !ladder.includes(version))];
  const remembered = known === null ? [] : ladderOf(known);
  const opened = greatest === null || greatest === known ? history : [...history, greatest];
  const isShown = (version: number): boolean =>
    opened.includes(version) ||
    known !== null && version <= known && remembered.includes(version);
  return {
    searched,
    vrf: searched.filter((version) => !remembered.includes(version)),
    committed: searched.filter((version) => version <= (greatest ?? -1) && !isShown(version)),
    opened,
  };
}

/** The bytes of a lookup proof. */
export function encodeLookupProof(proof: LookupProof): Bytes {
  const { scope: { greatest, known, count, first } } = proof;
  const writer = new Writer()
    .u8(FORMAT)
    .v16(proof.latestLeaf)
    .u8(greatest === null ? 0 : 1)
    .u32(greatest ?? 0)
    .u8(known === null ? 0 : 1)
    .u32(known ?? 0)
    .u8(count)
    .u32(first);
  for (const vrfProof of proof.vrfProofs) writer.raw(vrfProof);
  for (const commitment of proof.commitments) writer.raw(commitment);
  for (const { opening, record } of proof.records) writer.raw(opening).v32(record);
  return writer.raw(encodePrefixProof(proof.prefix)).bytes();
}

/** Reads a lookup proof. @throws CryptoError `malformed` */
export function decodeLookupProof(bytes: Bytes): LookupProof {
  const reader = new Reader(bytes, "the lookup proof");
  reader.expect(reader.u8(), FORMAT, "format");
  const latestLeaf = reader.v16();
  const scope = readScope(reader);
  const plan = planLookup(scope);
  const proof: LookupProof = {
    latestLeaf,
    scope,
    vrfProofs: plan.vrf.map(() => reader.raw(VRF_PROOF_BYTES)),
    commitments: plan.committed.map(() => reader.raw(HASH_BYTES)),
    records: plan.opened.map(() => ({
      opening: reader.raw(OPENING_BYTES),
      record: reader.v32(),
    })),
    prefix: readPrefixProof(reader),
  };
  reader.end();
  return proof;
}

function readScope(reader: Reader): LookupScope {
  const greatest = readOptional(reader);
  const known = readOptional(reader);
  const count = reader.u8();
  const first = reader.u32();
  // The history lies between what is known and the greatest version, and none has one spelling.
  const from = known === null ? 0 : known + 1;
  const isHistory = count === 0
    ? first === 0
    : count <= MAX_HISTORY && first >= from && first + count <= (greatest ?? 0);
  const isNewer = known === null || (greatest ?? -1) >= known;
  if (!isHistory || !isNewer || (greatest ?? 0) > MAX_VERSION) {
    throw new CryptoError("malformed", "Cannot read the lookup proof: its versions make no sense");
  }
  return { greatest, known, count, first };
}

/** `u8 present || u32 value`, the value 0 where it is not. */
function readOptional(reader: Reader): number | null {
  const isPresent = reader.u8();
  const value = reader.u32();
  if (isPresent > 1 || (isPresent === 0 && value !== 0)) {
    throw new CryptoError("malformed", "Cannot read the lookup proof: a flag is neither 0 nor 1");
  }
  return isPresent === 1 ? value : null;
}
