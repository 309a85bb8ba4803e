/**
 * Which commit a group call needs, and from when on: every member keeps count, so that any of them can
 * take over.
 *
 * @module
 */

import { type Bytes, toHex } from "./bytes.ts";
import { type CommitType, MAX_STEP, type SignedCommit } from "./commit.ts";
import { type Roster, type RosterChange } from "./roster.ts";

/** How long joins are gathered. */
const JOINS_MS = 300;
/** How long leaves are gathered. */
const LEAVES_MS = 500;
/** How long who is behind waits for the commit of a leave, and sends on under keys of who left. */
const UNSEEN_LEAVE_MS = 10_000;
/** The life of a step, 10 % more or less. */
const STEP_MS = 120_000;
/** The life of an epoch, 10 % more or less. */
const EPOCH_MS = 600_000;

/** A commit that is due. */
export interface Plan {
  readonly type: Exclude<CommitType, "create" | "handover">;
  readonly isEpoch: boolean;
  readonly change: RosterChange;
}

interface Presence {
  readonly entry: Bytes;
  readonly isHere: boolean;
  readonly sinceMs: number;
}

/** What one member knows of what is to be done. */
export class Agenda {
  readonly #presence = new Map<string, Presence>();
  #stepAtMs = Infinity;
  #epochAtMs = Infinity;
  /** Those of the last roster that was asked about: it is asked about at every message. */
  #seated: { readonly roster: Roster; readonly names: ReadonlySet<string> } | null = null;

  /** The room says that a device came, or went. */
  note(entry: Bytes, isHere: boolean, nowMs: number): void {
    if (this.#presence.get(toHex(entry))?.isHere === isHere) return;
    this.#presence.set(toHex(entry), { entry, isHere, sinceMs: nowMs });
  }

  /** Whether the room said that a device went. */
  isGone(entry: Bytes): boolean {
    return this.#presence.get(toHex(entry))?.isHere === false;
  }

  /** A commit was taken. @param jitter 0 to 1 */
  begin(commit: SignedCommit, roster: Roster, jitter: number, nowMs: number): void {
    const factor = 0.9 + 0.2 * jitter;
    this.#stepAtMs = nowMs + STEP_MS * factor;
    if (commit.step === 0 || this.#epochAtMs === Infinity) {
      this.#epochAtMs = nowMs + EPOCH_MS * factor;
    }
    const seated = this.#namesOf(roster);
    for (const [name, { isHere }] of this.#presence) {
      if (!isHere && !seated.has(name)) this.#presence.delete(name);
    }
  }

  /** A sender has used its key 2^20 times: a step is due. */
  wear(nowMs: number): void {
    this.#stepAtMs = Math.min(this.#stepAtMs, nowMs);
  }

  /** When the first thing is due. */
  dueMs(roster: Roster): number {
    const since = (those: readonly Presence[], delay: number) =>
      Math.min(Infinity, ...those.map(({ sinceMs }) => sinceMs + delay));
    const [joins, leaves] = this.#open(roster);
    return Math.min(
      since(joins, JOINS_MS),
      since(leaves, LEAVES_MS),
      this.#stepAtMs,
      this.#epochAtMs,
    );
  }

  /** When who sees no commits sends no more, because somebody left. */
  leftMs(roster: Roster): number {
    const [, leaves] = this.#open(roster);
    return Math.min(Infinity, ...leaves.map(({ sinceMs }) => sinceMs + UNSEEN_LEAVE_MS));
  }

  /** The commit that everything open asks for, or null where there is nothing. */
  plan({ step }: SignedCommit, roster: Roster, nowMs: number): Plan | null {
    const [joins, leaves] = this.#open(roster);
    const gone = new Set(leaves.map(({ entry }) => toHex(entry)));
    const removed = roster.filter(({ entry }) => gone.has(toHex(entry))).map(({ index }) => index);
    const taken = new Set(roster.map(({ index }) => index));
    let index = 0;
    const added = joins.map(({ entry }) => {
      while (taken.has(index)) index++;
      return { index: index++, entry };
    });
    const change = { removed, added };
    const isLast = step >= MAX_STEP || this.#epochAtMs <= nowMs;
    if (removed.length > 0) return { type: "leave", isEpoch: true, change };
    if (added.length > 0) return { type: "join", isEpoch: isLast, change };
    if (Math.min(this.#stepAtMs, this.#epochAtMs) > nowMs) return null;
    return { type: "timer", isEpoch: isLast, change };
  }

  /** Who is here without a seat, and who has one and is gone. */
  #open(roster: Roster): [Presence[], Presence[]] {
    const seated = this.#namesOf(roster);
    const all = [...this.#presence];
    return [
      all.filter(([name, { isHere }]) => isHere && !seated.has(name)).map(([, one]) => one),
      all.filter(([name, { isHere }]) => !isHere && seated.has(name)).map(([, one]) => one),
    ];
  }

  #namesOf(roster: Roster): ReadonlySet<string> {
    if (this.#seated?.roster !== roster) {
      this.#seated = { roster, names: new Set(roster.map(({ entry }) => toHex(entry))) };
    }
    return this.#seated.names;
  }
}
