/**
 * What this version of the client keeps in its store, and of which type: every key has one cell.
 *
 * The store itself does not know what its values mean; the types are believed here and nowhere else,
 * because only this client writes them.
 *
 * @module
 */

import { ClientError } from "./error.ts";
import { type Changes, type Store, type Stored } from "./store.ts";

/** A key of the store with the type of what is kept under it. */
export interface Cell<Value extends Stored> {
  /** The key. */
  readonly key: string;
  /** Never set: it carries the type. */
  readonly kept?: Value;
}

/** The values of some cells, null where nothing is kept. */
export type Values<Cells extends readonly Cell<Stored>[]> = {
  readonly [I in keyof Cells]: Cells[I] extends Cell<infer Value> ? Value | null : never;
};

/** What a decision changes, and what it gives. */
export interface Decision<T> {
  /** Made by `keep` and `forget`, and spread together. */
  readonly changes: Changes;
  /** The result once the changes are durable. */
  readonly result: T;
}

/** Names a cell. */
export function cell<Value extends Stored>(key: string): Cell<Value> {
  return { key };
}

/** The change that keeps a value in a cell. */
export function keep<Value extends Stored>({ key }: Cell<Value>, value: Value): Changes {
  return { [key]: value };
}

/** The change that empties a cell. */
export function forget({ key }: Cell<Stored>): Changes {
  return { [key]: null };
}

/** What a cell holds, or null. */
export function readCell<Value extends Stored>(
  store: Store,
  from: Cell<Value>,
): Promise<Value | null> {
  return change(store, [from], ([value]) => ({ changes: {}, result: value }));
}

/** Reads cells, decides, and writes what was decided, as one transaction. */
export function change<const Cells extends readonly Cell<Stored>[], T>(
  store: Store,
  cells: Cells,
  decide: (values: Values<Cells>) => Decision<T>,
): Promise<T> {
  const keys = cells.map(({ key }) => key);
  return kept(store.update<T>(keys, (values) => decide(values as Values<Cells>)));
}

/** A store that fails is no attack and no network: it has a code of its own. */
function kept<T>(update: Promise<T>): Promise<T> {
  return update.catch((cause) => {
    if (cause instanceof ClientError) throw cause;
    throw new ClientError("store_failed", "The store on this device failed", { cause });
  });
}
