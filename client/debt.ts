/**
 * What the service owes: it was asked to show something that a service with one honest history can always
 * show, and did not. It is asked again until it does.
 *
 * An outage is no refusal. The hour starts, and ends, only when the service is there to be asked.
 *
 * @module
 */

import { type Cell, change, keep, readCell } from "./cell.ts";
import { type Store } from "./store.ts";

/** How long the service may refuse, in milliseconds. */
const PATIENCE_MS = 3_600_000;
/** Most debts of one kind that are kept. */
const MAX_DEBTS = 64;

/** Something that the service owes. */
export type Debt = {
  /** What. */
  readonly what: string;
  /** Since when it has refused though it was there, Unix milliseconds; null where it was not asked yet. */
  readonly sinceMs: number | null;
};

/** Debts of one kind, kept in one cell. */
export class Debts {
  readonly #store: Store;
  readonly #cell: Cell<readonly Debt[]>;

  /** Those that a store holds. */
  constructor(store: Store, cell: Cell<readonly Debt[]>) {
    this.#store = store;
    this.#cell = cell;
  }

  /** All of them, oldest first. */
  async all(): Promise<readonly string[]> {
    return (await readCell(this.#store, this.#cell) ?? []).map(({ what }) => what);
  }

  /** Notes one. */
  async owe(what: string): Promise<void> {
    await this.#note(what, null);
  }

  /** The service was there and refused: whether it has done so for too long. */
  async refused(what: string, nowMs: number): Promise<boolean> {
    const sinceMs = await this.#note(what, nowMs);
    return sinceMs !== null && nowMs - sinceMs >= PATIENCE_MS;
  }

  /** The service has shown it. */
  paid(what: string): Promise<void> {
    return change(this.#store, [this.#cell], ([held]) => {
      const left = (held ?? []).filter((debt) => debt.what !== what);
      const changes = left.length < (held ?? []).length ? keep(this.#cell, left) : {};
      return { changes, result: undefined };
    });
  }

  #note(what: string, sinceMs: number | null): Promise<number | null> {
    return change(this.#store, [this.#cell], ([held]) => {
      const debts = held ?? [];
      const debt = debts.find((one) => one.what === what);
      const since = debt?.sinceMs ?? sinceMs;
      const others = debts.filter((one) => one !== debt);
      const isKept = debt !== undefined || others.length < MAX_DEBTS;
      const isNews = isKept && (debt === undefined || since !== debt.sinceMs);
      const changes = isNews ? keep(this.#cell, [...others, { what, sinceMs: since }]) : {};
      return { changes, result: since };
    });
  }
}
