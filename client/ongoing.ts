/**
 * The calls of a client that an incoming one may take the place of.
 *
 * Two who call each other at once are in one call: of the two, the one whose `H(CallCommon)` is lower
 * survives, on both sides. And whoever lost their page comes back with a new call that names the old
 * one: nothing of a session is ever restored. A call that failed can be taken up for a minute.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type LiveCall } from "./live_call.ts";

/** How long a call that was lost can still be taken up, in milliseconds. */
const LOST_MS = 60_000;

/** What becomes of a call that rings while one calls its caller. */
export type Glare =
  | { readonly survives: "ours" }
  | {
    readonly survives: "theirs";
    readonly ours: LiveCall;
    /** Whether the other side may know of it. */
    readonly isOffered: boolean;
  };

/** A call, and until when it can be taken up; null while it has not ended. */
interface Held {
  readonly call: LiveCall;
  readonly label: AccountLabel;
  untilMs: number | null;
}

/** The calls of one client. */
export class Ongoing {
  readonly #now: () => number;
  #calls: readonly Held[] = [];
  /** The calls that were placed and nobody has answered, and what they are compared by. */
  readonly #placed = new Map<LiveCall, Bytes | null>();

  /** None yet. @param now the clock, Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A call begins to be placed; it has no common part yet. */
  place(call: LiveCall, label: AccountLabel): void {
    this.#placed.set(call, null);
    this.hold(call, label);
  }

  /** It was offered. @param common `H(CallCommon)` */
  offered(call: LiveCall, common: Bytes): void {
    this.#placed.set(call, common);
  }

  /** It was answered. */
  answered(call: LiveCall): void {
    this.#placed.delete(call);
  }

  /** Counts a call until it has ended, or a minute longer where it was lost. */
  hold(call: LiveCall, label: AccountLabel): void {
    const held: Held = { call, label, untilMs: null };
    this.#calls = [...this.#alive(), held];
    void call.ended.then(({ by }) => {
      // One that was placed and not answered had nobody on the other side who could come back.
      const wasUnanswered = this.#placed.delete(call);
      held.untilMs = by === "failure" && !wasUnanswered ? this.#now() + LOST_MS : 0;
    });
  }

  /** Who of two that call each other goes on, or null where this client calls nobody of that name. */
  glare(label: AccountLabel, theirs: Bytes): Glare | null {
    const held = this.#calls.find((each) => each.label === label && this.#placed.has(each.call));
    if (held === undefined) return null;
    const ours = this.#placed.get(held.call) ?? null;
    // One that was not offered yet has not begun.
    if (ours !== null && toHex(ours) < toHex(theirs)) return { survives: "ours" };
    return { survives: "theirs", ours: held.call, isOffered: ours !== null };
  }

  /** The call of this id with this person, or null. */
  find(id: string, label: AccountLabel): LiveCall | null {
    // One that is being placed has none yet.
    if (id === "") return null;
    const held = this.#alive().find((each) => each.label === label && each.call.id === id);
    return held?.call ?? null;
  }

  #alive(): readonly Held[] {
    return this.#calls.filter(({ untilMs }) => untilMs === null || this.#now() < untilMs);
  }
}
