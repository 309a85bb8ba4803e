/**
 * What the directory knows of a name: its state, and the values that the log committed to.
 *
 *     ["log", origin, "label", label]          -> LabelState
 *     ["log", origin, "value", label, version] -> RecordValue
 *
 * The state is claimed with the record's place in the pool, and completed by the epoch that takes
 * the record in: one version of a label in an epoch.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { countRows, logKey, type LogStore, readRow, type Row } from "./log_key.ts";

/** The newest version of a name. */
interface LabelVersion {
  /** Its number. */
  readonly version: number;
  /** `recordHash` of it. */
  readonly recordHash: Bytes;
}

/** How far a name has come: its newest version waits in the pool, or is in the log. */
export type LabelState =
  /** `poolId` is its place in the pool. */
  | LabelVersion & { readonly poolId: string }
  /** `batchIndex` is the BATCH that holds its commitment. */
  | LabelVersion & { readonly batchIndex: number };

/** What a commitment of the log opens to. */
export interface RecordValue {
  /** The SignedRecord. */
  readonly record: Bytes;
  /** 16 bytes. */
  readonly opening: Bytes;
  /** Shows which index the label has: 80 bytes, always the same ones. */
  readonly vrfProof: Bytes;
}

/** A name's state, or null where nobody has the name. */
export function readLabel(
  log: LogStore,
  label: AccountLabel,
): Promise<Row<LabelState> | null> {
  return readRow<LabelState>(log, logKey(log, "label", label));
}

/** That nobody has the name. */
export function checkFree(log: LogStore, label: AccountLabel): Deno.AtomicCheck {
  return { key: logKey(log, "label", label), versionstamp: null };
}

/** Sets a name's state. */
export function writeLabel(
  log: LogStore,
  label: AccountLabel,
  state: LabelState,
): Deno.KvMutation {
  return { type: "set", key: logKey(log, "label", label), value: state };
}

/** A version's value, or null where it was never sequenced. */
export async function readValue(
  log: LogStore,
  label: AccountLabel,
  version: number,
): Promise<RecordValue | null> {
  const key = logKey(log, "value", label, version);
  return (await readRow<RecordValue>(log, key))?.value ?? null;
}

/** Writes a version's value. */
export function writeValue(
  log: LogStore,
  label: AccountLabel,
  version: number,
  value: RecordValue,
): Deno.KvMutation {
  return { type: "set", key: logKey(log, "value", label, version), value };
}

/** How many values there are. */
export function countValues(log: LogStore): Promise<number> {
  return countRows(log, "value");
}

/** Every name with its state. */
export async function* listLabels(
  log: LogStore,
): AsyncIterable<{ readonly label: AccountLabel; readonly state: LabelState }> {
  for await (const { key, value } of log.kv.list<LabelState>({ prefix: logKey(log, "label") })) {
    yield { label: key.at(-1) as AccountLabel, state: value };
  }
}
