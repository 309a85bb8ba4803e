/**
 * The connections of all instances: who has one, and what it takes to go on with it elsewhere.
 *
 *     ["connection", cid]               -> ConnectionRow
 *     ["connections", identity, cid]    -> { owner, device, isAway }, where somebody may be rung
 *     ["owned", instance, cid]          -> identity             what an instance leaves behind
 *     ["snapshot", cid, part]           -> bytes                its state, in values of their length
 *
 * The first row decides who has a connection: taking one over replaces it in a commit that checks it.
 *
 * @module
 */

import { type Bytes, concat } from "../crypto/bytes.ts";
import { answered, StoreError } from "./store_error.ts";

/** A connection. */
export interface ConnectionRow {
  /** The instance that has it, or had it last. */
  readonly owner: string;
  readonly identity: string;
  /** The account's device, or null. */
  readonly device: number | null;
  /** The room of a guest, or null. */
  readonly room: string | null;
  /** The public key that signed in, 32 bytes. */
  readonly signing: Bytes;
  /** How many sockets it has had. */
  readonly epoch: number;
  /** Which of its resume keys is the newest. */
  readonly keyNumber: number;
  /** Whether its socket is lost. */
  readonly isAway: boolean;
  /** Inboxes of earlier owners that may have something for it still. */
  readonly behind: readonly string[];
  /** Whether an owner is lost, and what it knew with it. */
  readonly isLost: boolean;
  /** How many parts its snapshot has, 0 where there is none. */
  readonly parts: number;
}

/** A connection as it was read. */
export interface ReadConnection {
  readonly row: ConnectionRow | null;
  readonly versionstamp: string | null;
}

/** Where somebody may be rung. */
export interface Reach {
  readonly cid: string;
  readonly owner: string;
  readonly device: number | null;
  readonly isAway: boolean;
}

/** Bytes of one part; the platform takes 64 KiB. */
const PART_BYTES = 60 * 1024;

/** The key of a connection's row. */
export function connectionKey(cid: string): Deno.KvKey {
  return ["connection", cid];
}

/** A connection. @throws StoreError */
export async function readConnection(kv: Deno.Kv, cid: string): Promise<ReadConnection> {
  const { value, versionstamp } = await answered(kv.get<ConnectionRow>(connectionKey(cid)));
  return { row: value, versionstamp };
}

/** Writes a connection. @param before what the row was, where another instance had it */
export function writeConnection(
  cid: string,
  row: ConnectionRow,
  before: ConnectionRow | null = null,
): Deno.KvMutation[] {
  const { owner, identity, device, isAway } = row;
  const moved = before !== null && before.owner !== owner;
  return [
    { type: "set", key: connectionKey(cid), value: row },
    { type: "set", key: ["connections", identity, cid], value: { owner, device, isAway } },
    { type: "set", key: ["owned", owner, cid], value: identity },
    ...moved ? [{ type: "delete", key: ["owned", before.owner, cid] } as const] : [],
  ];
}

/** Forgets a connection that is over. */
export function deleteConnection(
  cid: string,
  { owner, identity, parts }: Pick<ConnectionRow, "owner" | "identity" | "parts">,
): Deno.KvMutation[] {
  return [
    { type: "delete", key: connectionKey(cid) },
    { type: "delete", key: ["connections", identity, cid] },
    { type: "delete", key: ["owned", owner, cid] },
    ...deleteSnapshot(cid, parts),
  ];
}

/** Where somebody may be rung. @throws StoreError */
export async function listReach(kv: Deno.Kv, identity: string): Promise<readonly Reach[]> {
  const found: Reach[] = [];
  try {
    const rows = kv.list<Omit<Reach, "cid">>({ prefix: ["connections", identity] });
    for await (const { key, value } of rows) found.push({ cid: key[2] as string, ...value });
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return found;
}

/** The connections that an instance left behind. @throws StoreError */
export async function listOwned(kv: Deno.Kv, instance: string): Promise<readonly string[]> {
  const cids: string[] = [];
  try {
    for await (const { key } of kv.list({ prefix: ["owned", instance] }, { batchSize: 500 })) {
      cids.push(key[2] as string);
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return cids;
}

/** The parts of a snapshot: how many, and what writes them. */
export function writeSnapshot(
  cid: string,
  bytes: Bytes,
): { readonly parts: number; readonly mutations: readonly Deno.KvMutation[] } {
  const mutations: Deno.KvMutation[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    const key = ["snapshot", cid, mutations.length];
    mutations.push({ type: "set", key, value: bytes.slice(at, at + PART_BYTES) });
  }
  return { parts: mutations.length, mutations };
}

/** A snapshot whole, or null where a part is missing. @throws StoreError */
export async function readSnapshot(
  kv: Deno.Kv,
  cid: string,
  parts: number,
): Promise<Bytes | null> {
  if (parts === 0) return null;
  const keys = Array.from({ length: parts }, (_, i) => ["snapshot", cid, i]);
  const rows = await answered(kv.getMany<Bytes[]>(keys));
  const values = rows.map(({ value }) => value);
  return values.every((value) => value !== null) ? concat(...values) : null;
}

/** Forgets a snapshot. */
export function deleteSnapshot(cid: string, parts: number): Deno.KvMutation[] {
  return Array.from({ length: parts }, (_, i) => ({ type: "delete", key: ["snapshot", cid, i] }));
}
