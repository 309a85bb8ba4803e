/**
 * What the directory knows of a name: its state, and the values that the log committed to.
 *
 *     ["log", origin, "label", label]          -> LabelState
 *     ["log", origin, "value", label, version] -> RecordValue
 *
 * The state is claimed with the record's place in the pool, and completed by the epoch that takes
 * the record in: one version of a label in an epoch. Older versions stay readable, because a published
 * head may not cover the newest one yet.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { countRows, logKey, type LogStore, readRow, type Row } from "./log_key.ts";
import { type PublishedRow } from "./published.ts";
import { answered } from "./store_error.ts";

/** How far a name has come: its newest version, and whether that still waits for the log. */
export interface LabelState {
  /** The version's number. */
  readonly version: number;
  /** `recordHash` of it. */
  readonly recordHash: Bytes;
  /** Its place in the pool, or null once it is in the log. */
  readonly poolId: string | null;
}

/** What a commitment of the log opens to. */
export interface RecordValue {
  /** The SignedRecord. */
  readonly record: Bytes;
  /** 16 bytes. */
  readonly opening: Bytes;
  /** Shows which index the label has: 80 bytes, always the same ones. */
  readonly vrfProof: Bytes;
  /** The BATCH that holds its commitment. */
  readonly batchIndex: number;
}

/** A record that a head covers. */
export interface CoveredRecord extends RecordValue {
  /** Its version. */
  readonly version: number;
}

/** A record that the published head covers. */
export interface PublishedRecord extends CoveredRecord {
  /** Root of the published tree, 32 bytes. */
  readonly root: Bytes;
}

/** A name's state, or null where nobody has the name. */
export function readLabel(
  log: LogStore,
  label: AccountLabel,
): Promise<Row<LabelState> | null> {
  return readRow<LabelState>(log, logKey(log, "label", label));
}

/** That a name's state is still the one that was read; null for a name that nobody has. */
export function checkLabel(
  log: LogStore,
  label: AccountLabel,
  read: Row<LabelState> | null,
): Deno.AtomicCheck {
  return { key: logKey(log, "label", label), versionstamp: read?.versionstamp ?? null };
}

/** Sets a name's state. */
export function writeLabel(
  log: LogStore,
  label: AccountLabel,
  state: LabelState,
): Deno.KvMutation {
  return { type: "set", key: logKey(log, "label", label), value: state };
}

/** Takes a name's state away, of whose records none is in the log. */
export function deleteLabel(log: LogStore, label: AccountLabel): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "label", label) };
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

/** The versions of a name that have a value, ascending. */
export async function listVersions(log: LogStore, label: AccountLabel): Promise<number[]> {
  const versions: number[] = [];
  const selector = { prefix: logKey(log, "value", label) };
  for await (const { key } of log.kv.list(selector)) versions.push(key.at(-1) as number);
  return versions;
}

/** Erases a version's value, and with it all that its commitment opens to. */
export function deleteValue(
  log: LogStore,
  label: AccountLabel,
  version: number,
): Deno.KvMutation {
  return { type: "delete", key: logKey(log, "value", label, version) };
}

/** The newest version whose BATCH stands among the first `size` entries, or null where none does. */
export async function readCovered(
  log: LogStore,
  label: AccountLabel,
  size: number,
): Promise<CoveredRecord | null> {
  const row = await readLabel(log, label);
  if (row === null) return null;
  return await newestCovered(row.value, size, (version) => readValue(log, label, version));
}

/**
 * The newest version of a name that the published head covers, or null where it covers none: in one
 * trip to the store where the guess is right.
 *
 * @param guess which version it is likely to be @throws StoreError
 */
export async function readPublishedRecord(
  log: LogStore,
  label: AccountLabel,
  guess: number,
): Promise<PublishedRecord | null> {
  const [published, state, guessed] = await answered(
    log.kv.getMany<[PublishedRow, LabelState, RecordValue]>([
      logKey(log, "published"),
      logKey(log, "label", label),
      logKey(log, "value", label, guess),
    ]),
  );
  if (published.value === null || state.value === null) return null;
  const { size, root } = published.value;
  const covered = await newestCovered(
    state.value,
    size,
    (version) => version === guess ? guessed.value : readValue(log, label, version),
  );
  return covered === null ? null : { ...covered, root };
}

async function newestCovered(
  state: LabelState,
  size: number,
  valueOf: (version: number) => RecordValue | null | Promise<RecordValue | null>,
): Promise<CoveredRecord | null> {
  for (let { version } = state; version >= 0; version--) {
    const value = await valueOf(version);
    if (value !== null && value.batchIndex < size) return { version, ...value };
  }
  return null;
}

/** How many values there are. */
export function countValues(log: LogStore): Promise<number> {
  return countRows(log, "value");
}

/** The name of each value there is: as often as the name has values. */
export async function* listValues(log: LogStore): AsyncIterable<AccountLabel> {
  for await (const { key } of log.kv.list({ prefix: logKey(log, "value") })) {
    yield key[3] as AccountLabel;
  }
}

/** Every name with its state. */
export async function* listLabels(
  log: LogStore,
): AsyncIterable<{ readonly label: AccountLabel; readonly state: LabelState }> {
  for await (const { key, value } of log.kv.list<LabelState>({ prefix: logKey(log, "label") })) {
    yield { label: key.at(-1) as AccountLabel, state: value };
  }
}
