/**
 * How long the keys of a step stay for receiving: for each sender 5 s after its first authenticated
 * frame under a later one, 2 s where somebody left; and of three at most.
 *
 * @module
 */

import { type GenerationName } from "./schedule.ts";

/** How long a sender's old keys open frames that were still under way. */
const GRACE_MS = 5_000;
/** The same after a leave. */
const LEAVE_GRACE_MS = 2_000;
/** Most generations whose keys are held. */
const MAX_GENERATIONS = 3;

/** Keys that are to be dropped: a sender's, or with `index` null everybody's. */
export interface Retirement extends GenerationName {
  /** The sender's seat, or null for all. */
  readonly index: number | null;
}

interface Live extends GenerationName {
  readonly graceMs: number;
}

/** The generations that one member can receive in. */
export class LiveGenerations {
  #live: Live[] = [];
  readonly #due = new Map<string, Retirement & { readonly atMs: number }>();

  /** Another one; gives those that it pushes out. @param isLeave whether somebody left with it */
  add({ epoch, step }: GenerationName, isLeave: boolean): readonly Retirement[] {
    this.#live.push({ epoch, step, graceMs: isLeave ? LEAVE_GRACE_MS : GRACE_MS });
    return this.#live.splice(0, Math.max(0, this.#live.length - MAX_GENERATIONS))
      .map((out) => ({ index: null, epoch: out.epoch, step: out.step }));
  }

  /** A frame of this sender opened under this generation: its older ones have their time. */
  heard(index: number, name: GenerationName, nowMs: number): void {
    const place = this.#live.findIndex((live) => isSame(live, name));
    if (place < 0) return;
    for (const [i, { epoch, step }] of this.#live.slice(0, place).entries()) {
      const key = `${index} ${epoch} ${step}`;
      // The grace is that of what came next, and the shortest since.
      const graceMs = Math.min(...this.#live.slice(i + 1, place + 1).map((live) => live.graceMs));
      if (!this.#due.has(key)) this.#due.set(key, { index, epoch, step, atMs: nowMs + graceMs });
    }
  }

  /** Those whose time is up, each once. */
  retire(nowMs: number): readonly Retirement[] {
    const live = [...this.#due].filter(([, due]) => this.#live.some((one) => isSame(one, due)));
    const over = live.filter(([, { atMs }]) => atMs <= nowMs && atMs !== Infinity);
    for (const [key, due] of over) this.#due.set(key, { ...due, atMs: Infinity });
    for (const key of this.#due.keys()) {
      if (!live.some(([name]) => name === key)) this.#due.delete(key);
    }
    return over.map(([, { index, epoch, step }]) => ({ index, epoch, step }));
  }

  /** When the next one's time is up. */
  nextMs(): number {
    return Math.min(Infinity, ...[...this.#due.values()].map(({ atMs }) => atMs));
  }
}

function isSame(a: GenerationName, b: GenerationName): boolean {
  return a.epoch === b.epoch && a.step === b.step;
}
