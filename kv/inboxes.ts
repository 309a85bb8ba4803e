/**
 * The inbox of each instance: what others, and it itself, have for its connections.
 *
 *     ["inbox", to, from, n] -> bytes     items, each once, in the order of `from`'s commits
 *     ["rang", to, from]     -> n         the newest row of `from`
 *     ["bell", to]           -> text      what `to` watches; it says nothing
 *
 * All `rang` rows of an inbox are read at once, so they are one moment of the store: every row up to
 * them is there, and in the order of versionstamps none before it is missing. A row stays until all
 * whom it is for have it.
 *
 * A row's bytes: a kind, then items behind their length; an item that is longer than a value may be
 * fills several rows.
 *
 * @module
 */

import { type Bytes, concat } from "../crypto/bytes.ts";
import { Reader, Writer } from "../crypto/codec.ts";
import { StoreError } from "./store_error.ts";
import { commitInParts } from "./transact.ts";

/** Where a row is. */
export interface InboxPlace {
  readonly to: string;
  readonly from: string;
  readonly n: number;
}

/** A row as it was read. */
export interface InboxRow extends InboxPlace {
  readonly versionstamp: string;
  readonly bytes: Bytes;
}

/** Items of an inbox that came by one commit of one instance. */
export interface Arrival {
  readonly from: string;
  readonly versionstamp: string;
  /** The rows that they fill. */
  readonly places: readonly InboxPlace[];
  readonly items: readonly Bytes[];
}

/** Most bytes of one row; the platform takes 64 KiB. */
const MAX_ROW_BYTES = 60 * 1024;
/** How long a row outlives everybody whom it could be for, in milliseconds. */
const ROW_TTL_MS = 86_400_000;
/** Rows read at once. */
const PAGE = 500;

const WHOLE = 0;
const BEGINNING = 1;
const END = 2;

/** Items in rows. */
export interface Packed {
  readonly rows: readonly Bytes[];
  /** Of each item, its first row and its last. */
  readonly at: readonly (readonly [first: number, last: number])[];
}

/** Packs items into as few rows as hold them, in their order. */
export function packItems(items: readonly Bytes[]): Packed {
  const rows: Bytes[] = [];
  const at: (readonly [number, number])[] = [];
  let open: Uint8Array[] = [];
  let length = 0;
  const close = (): void => {
    if (open.length > 0) rows.push(concat(new Uint8Array([WHOLE]), ...open));
    open = [];
    length = 0;
  };
  for (const item of items) {
    const size = item.length + 4;
    if (length + size > MAX_ROW_BYTES) close();
    const first = rows.length;
    if (size > MAX_ROW_BYTES) {
      for (let from = 0; from < item.length; from += MAX_ROW_BYTES) {
        const kind = from + MAX_ROW_BYTES < item.length ? BEGINNING : END;
        rows.push(concat(new Uint8Array([kind]), item.subarray(from, from + MAX_ROW_BYTES)));
      }
      at.push([first, rows.length - 1]);
      continue;
    }
    open.push(new Writer().v32(item).bytes());
    length += size;
    at.push([first, first]);
  }
  close();
  return { rows, at };
}

/** What writes rows to an inbox and rings its bell. @param first the number of the first row */
export function writeRows(
  to: string,
  from: string,
  first: number,
  rows: readonly Bytes[],
  mark: string,
): Deno.KvMutation[] {
  const last = first + rows.length - 1;
  const written = rows.map((value, i): Deno.KvMutation => {
    return { type: "set", key: keyOf({ to, from, n: first + i }), value, expireIn: ROW_TTL_MS };
  });
  // What an instance writes down for its own connections it has in memory too.
  if (to === from) return written;
  return [
    ...written,
    { type: "set", key: ["rang", to, from], value: last, expireIn: ROW_TTL_MS },
    { type: "set", key: bellKey(to), value: mark, expireIn: ROW_TTL_MS },
  ];
}

/** What an instance watches. */
export function bellKey(instance: string): Deno.KvKey {
  return ["bell", instance];
}

/** The newest row of each sender, all of one moment. @throws StoreError */
export async function readRang(kv: Deno.Kv, to: string): Promise<ReadonlyMap<string, number>> {
  const rang = new Map<string, number>();
  try {
    const rows = kv.list<number>({ prefix: ["rang", to] }, { batchSize: PAGE, limit: PAGE });
    for await (const { key, value } of rows) rang.set(key[2] as string, value);
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return rang;
}

/** The rows of one sender behind `after`, up to `last`. @throws StoreError */
async function readRows(
  kv: Deno.Kv,
  to: string,
  from: string,
  after: number,
  last: number,
): Promise<readonly InboxRow[]> {
  const rows: InboxRow[] = [];
  try {
    const range = {
      start: keyOf({ to, from, n: after + 1 }),
      end: keyOf({ to, from, n: last + 1 }),
    };
    for await (const { key, value, versionstamp } of kv.list<Bytes>(range, { batchSize: PAGE })) {
      rows.push({ to, from, n: key[3] as number, versionstamp, bytes: value });
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return rows;
}

/** All that an inbox has up to the newest rows of one moment, in the order of commits. @throws StoreError */
export async function readInbox(
  kv: Deno.Kv,
  to: string,
  after: ReadonlyMap<string, number>,
): Promise<{ readonly arrivals: readonly Arrival[]; readonly rang: ReadonlyMap<string, number> }> {
  const rang = await readRang(kv, to);
  const behind = [...rang].filter(([from, last]) => last > (after.get(from) ?? 0));
  const read = await Promise.all(
    behind.map(([from, last]) => readRows(kv, to, from, after.get(from) ?? 0, last)),
  );
  return { arrivals: orderArrivals(read.flat()), rang };
}

/** Rows as arrivals, one a commit and sender, in the order of versionstamps. */
function orderArrivals(rows: readonly InboxRow[]): readonly Arrival[] {
  const ordered = rows.toSorted((a, b) =>
    compareText(a.versionstamp, b.versionstamp) || compareText(a.from, b.from) || a.n - b.n
  );
  const arrivals: (Arrival & { readonly places: InboxPlace[]; readonly items: Bytes[] })[] = [];
  let parts: Uint8Array[] = [];
  for (const { to, from, n, versionstamp, bytes } of ordered) {
    let last = arrivals.at(-1);
    if (last === undefined || last.versionstamp !== versionstamp || last.from !== from) {
      last = { from, versionstamp, places: [], items: [] };
      arrivals.push(last);
      parts = [];
    }
    last.places.push({ to, from, n });
    const kind = bytes[0];
    const rest = bytes.subarray(1) as Bytes;
    if (kind === WHOLE) last.items.push(...itemsOf(rest));
    else parts.push(rest);
    if (kind === END) {
      last.items.push(concat(...parts));
      parts = [];
    }
  }
  return arrivals;
}

/** Forgets rows. @throws StoreError */
export function deleteRows(kv: Deno.Kv, places: readonly InboxPlace[]): Promise<void> {
  return commitInParts(kv, places.map((place) => ({ type: "delete", key: keyOf(place) })));
}

/** Forgets a whole inbox, whose instance is gone. @throws StoreError */
export async function deleteInbox(kv: Deno.Kv, to: string): Promise<void> {
  const keys: Deno.KvKey[] = [bellKey(to)];
  try {
    for (const table of ["inbox", "rang"]) {
      for await (const { key } of kv.list({ prefix: [table, to] }, { batchSize: PAGE })) {
        keys.push(key);
      }
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  await commitInParts(kv, keys.map((key) => ({ type: "delete", key })));
}

/** All rows of an inbox, also those that rang no bell, in the order of commits. @throws StoreError */
export async function readLeft(kv: Deno.Kv, to: string): Promise<readonly Arrival[]> {
  const rows: InboxRow[] = [];
  try {
    for await (const row of kv.list<Bytes>({ prefix: ["inbox", to] }, { batchSize: PAGE })) {
      const [, , from, n] = row.key as [string, string, string, number];
      rows.push({ to, from, n, versionstamp: row.versionstamp, bytes: row.value });
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return orderArrivals(rows);
}

function itemsOf(bytes: Bytes): Bytes[] {
  const reader = new Reader(bytes, "a row of an inbox");
  const items: Bytes[] = [];
  for (let left = bytes.length; left > 0;) {
    const item = reader.v32();
    items.push(item);
    left -= item.length + 4;
  }
  return items;
}

function keyOf({ to, from, n }: InboxPlace): Deno.KvKey {
  return ["inbox", to, from, n];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
