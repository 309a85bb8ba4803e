/**
 * The instances of a service on one store: who lives, who stopped, who was given up.
 *
 *     ["instance", id] -> Lease
 *     ["journal", id]  -> JournalHead
 *
 * An instance renews its lease; the others see by their own clocks that it did not, so no two clocks
 * are ever compared. Giving one up changes both rows in one commit that checks the lease: every later
 * commit of that instance checks its journal's head and fails. So a process that was only paused finds
 * out before it says anything for its connections.
 *
 * @module
 */

import { toHex } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/random.ts";
import { answered, StoreError } from "./store_error.ts";
import { commit, type Decision, transact } from "./transact.ts";

/** What an instance is. */
export interface Lease {
  /** `live` renews, `drained` stopped and left its connections' snapshots, `dead` was given up. */
  readonly state: "live" | "drained" | "dead";
  /** One more with each renewal. */
  readonly beat: number;
  /** Who changed the state, in this very write. */
  readonly by: string;
}

/** The newest commit of an instance. */
export interface JournalHead {
  /** Random: whose commit had no answer finds it here, or does not. */
  readonly id: string;
  /** Whether nothing of that instance is taken any more. */
  readonly isFenced: boolean;
}

/** A lease as it was read. */
export interface LeaseRow extends Lease {
  readonly instance: string;
  readonly versionstamp: string;
}

/** The key of an instance's journal head. */
export function journalKey(instance: string): Deno.KvKey {
  return ["journal", instance];
}

/** A fresh mark of a write. */
export function writeMark(): string {
  return toHex(randomBytes(16));
}

/** Founds an instance, whose id is fresh. @throws StoreError */
export async function foundInstance(kv: Deno.Kv, instance: string): Promise<void> {
  const mark = writeMark();
  const lease: Lease = { state: "live", beat: 0, by: mark };
  await transact(kv, async (): Promise<Decision<void>> => {
    const row = await answered(kv.get<Lease>(leaseKey(instance)));
    if (row.value?.by === mark) return { done: undefined };
    return {
      checks: [{ key: row.key, versionstamp: null }],
      mutations: [
        { type: "set", key: row.key, value: lease },
        { type: "set", key: journalKey(instance), value: { id: mark, isFenced: false } },
      ],
      then: undefined,
    };
  });
}

/**
 * Renews a lease; false where the instance was given up meanwhile.
 *
 * @param beat one more than the last time
 * @throws StoreError
 */
export function renewLease(kv: Deno.Kv, instance: string, beat: number): Promise<boolean> {
  return transact<boolean>(kv, async (): Promise<Decision<boolean>> => {
    const row = await answered(kv.get<Lease>(leaseKey(instance)));
    if (row.value?.state !== "live") return { done: false };
    if (row.value.beat >= beat) return { done: true };
    return {
      checks: [{ key: row.key, versionstamp: row.versionstamp }],
      mutations: [{ type: "set", key: row.key, value: { ...row.value, beat } }],
      then: true,
    };
  });
}

/** All leases. @throws StoreError */
export async function listLeases(kv: Deno.Kv): Promise<readonly LeaseRow[]> {
  const rows: LeaseRow[] = [];
  try {
    for await (const row of kv.list<Lease>({ prefix: ["instance"] }, { batchSize: 500 })) {
      rows.push({ ...row.value, instance: row.key[1] as string, versionstamp: row.versionstamp });
    }
  } catch (cause) {
    throw new StoreError("The store cannot be read", { cause });
  }
  return rows;
}

/** The lease of an instance, or null. @throws StoreError */
export async function readLease(kv: Deno.Kv, instance: string): Promise<LeaseRow | null> {
  const { value, versionstamp } = await answered(kv.get<Lease>(leaseKey(instance)));
  return value === null ? null : { ...value, instance, versionstamp };
}

/**
 * Gives an instance up, or ends one's own; false where it renewed meanwhile, or somebody else did it.
 *
 * @param row the lease as it was read
 * @throws StoreError
 */
export async function endLease(
  kv: Deno.Kv,
  row: LeaseRow,
  state: "drained" | "dead",
): Promise<boolean> {
  const mark = writeMark();
  const key = leaseKey(row.instance);
  const lease: Lease = { state, beat: row.beat, by: mark };
  const outcome = await commit(kv, [{ key, versionstamp: row.versionstamp }], [
    { type: "set", key, value: lease },
    { type: "set", key: journalKey(row.instance), value: { id: mark, isFenced: true } },
  ]);
  if (outcome === "committed") return true;
  const now = await answered(kv.get<Lease>(key));
  if (outcome === "unknown" && now.versionstamp === row.versionstamp) {
    throw new StoreError("The store does not say whether it took the end of a lease");
  }
  return now.value?.by === mark;
}

/** Forgets an instance, once nothing is left of it. */
export function forgetInstance(instance: string): Deno.KvMutation[] {
  return [
    { type: "delete", key: leaseKey(instance) },
    { type: "delete", key: journalKey(instance) },
  ];
}

function leaseKey(instance: string): Deno.KvKey {
  return ["instance", instance];
}
