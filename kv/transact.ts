/**
 * Committing: one atomic with its checks, and the loop around it.
 *
 * A commit that throws may have landed, now or in a moment: its result is *unknown*, which is not
 * *failed*. So nothing here ever repeats a commit. It reads again and decides again, and whoever
 * decides recognises a write of its own. Since every commit checks what it read, the late twin of a
 * repeated one fails its check.
 *
 * @module
 */

import { randomBytes } from "../crypto/primitives.ts";
import { costOf, fits, MAX_COMMIT_CHECKS, valuesFit } from "./limits.ts";
import { StoreError } from "./store_error.ts";

/** What became of a commit. */
export type Outcome = "committed" | "conflict" | "unknown";

/** What a reader decided: that nothing is to be written, or what. */
export type Decision<T> =
  | { readonly done: T }
  | {
    /** What was read and must still stand. */
    readonly checks: readonly Deno.AtomicCheck[];
    /** What to write. */
    readonly mutations: readonly Deno.KvMutation[];
    /** The result once it is written. */
    readonly then: T;
  };

const MAX_CONFLICTS = 200;
const MAX_UNKNOWN = 4;
const LONGEST_PAUSE_MS = 32;

/** What became of a commit, and where it stands among all commits; null where it does not. */
export interface Stamped {
  readonly outcome: Outcome;
  readonly versionstamp: string | null;
}

/** One atomic commit. A conflict means that one of the checks failed and nothing was written. */
export async function commit(
  kv: Deno.Kv,
  checks: readonly Deno.AtomicCheck[],
  mutations: readonly Deno.KvMutation[],
): Promise<Outcome> {
  return (await stampedCommit(kv, checks, mutations)).outcome;
}

/** One atomic commit, with its versionstamp where it was made. */
export async function stampedCommit(
  kv: Deno.Kv,
  checks: readonly Deno.AtomicCheck[],
  mutations: readonly Deno.KvMutation[],
): Promise<Stamped> {
  // What the store never takes would look like a store that does not answer.
  if (checks.length > MAX_COMMIT_CHECKS || !fits(costOf(mutations)) || !valuesFit(mutations)) {
    throw new Error("bug: a commit over the limits");
  }
  try {
    const result = await kv.atomic().check(...checks).mutate(...mutations).commit();
    return result.ok
      ? { outcome: "committed", versionstamp: result.versionstamp }
      : { outcome: "conflict", versionstamp: null };
  } catch {
    return { outcome: "unknown", versionstamp: null };
  }
}

/**
 * Commits at once what fits into one commit, which is almost everything, and in parts what does not.
 * For writes that can be done again where they were cut off.
 *
 * @throws StoreError
 */
export async function commitInParts(
  kv: Deno.Kv,
  mutations: readonly Deno.KvMutation[],
): Promise<void> {
  if (mutations.length === 0) return;
  const half = Math.ceil(mutations.length / 2);
  if (mutations.length > 1 && !fits(costOf(mutations))) {
    await commitInParts(kv, mutations.slice(0, half));
    return await commitInParts(kv, mutations.slice(half));
  }
  if (await commit(kv, [], mutations) !== "committed") {
    throw new StoreError("The store does not say whether it took what was written");
  }
}

/**
 * Reads, decides and commits until a decision is written or needs no writing.
 *
 * @param decide reads afresh each time, and answers `done` where it finds its own write
 * @throws StoreError where too many write the same rows, or the store does not answer
 */
export async function transact<T>(
  kv: Deno.Kv,
  decide: () => Promise<Decision<T>>,
): Promise<T> {
  let conflicts = 0;
  let unknown = 0;
  for (;;) {
    const decision = await decide();
    if ("done" in decision) return decision.done;
    const outcome = await commit(kv, decision.checks, decision.mutations);
    if (outcome === "committed") return decision.then;
    if (outcome === "conflict") conflicts++;
    else unknown++;
    if (conflicts > MAX_CONFLICTS) throw new StoreError("Too many write at once");
    if (unknown > MAX_UNKNOWN) throw new StoreError("The store does not answer");
    await pause(Math.min(conflicts + unknown, LONGEST_PAUSE_MS));
  }
}

/** Waits a random part of the time, so that those who collided do not collide again. */
function pause(mostMs: number): Promise<void> {
  const part = randomBytes(1)[0]! / 256;
  return new Promise((resolve) => setTimeout(resolve, mostMs * part));
}
