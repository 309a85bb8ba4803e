/**
 * Whose turn it is to commit in a group call: that of who signed last, and 2 s later for each in front of
 * them who does not do what is due, that of the others, by index upwards and round.
 *
 * It is one member's own view: when that one saw what. The room's order decides whose commit is taken.
 *
 * @module
 */

import { type Agenda } from "./agenda.ts";
import { type Bytes, equal } from "./bytes.ts";
import { type ChainHead, TAKEOVER_MS } from "./commit.ts";
import { HEARTBEAT_MS } from "./liveness.ts";
import { seatOf, successors } from "./roster.ts";

/** How much earlier than this member another one may see what is due. */
const TOLERANCE_MS = 1_000;

/** What one member knows of what is due. */
export interface Outlook {
  readonly agenda: Agenda;
  /** When the committer was heard last. */
  readonly heardMs: number;
  /** When a missing secret counts as lost. */
  readonly lostMs: number;
}

/** How many come before a member and have not gone. */
export function inFront({ commit, roster }: ChainHead, who: Bytes, agenda: Agenda): number {
  const committer = seatOf(roster, commit.signer)!;
  const line = [committer, ...successors(roster, committer.index)];
  const place = line.findIndex(({ entry }) => equal(entry, who));
  return line.slice(0, place).filter(({ entry }) => !agenda.isGone(entry)).length;
}

/** When it is a member's turn. */
export function turnMs(head: ChainHead, who: Bytes, outlook: Outlook): number {
  const { agenda, heardMs, lostMs } = outlook;
  const due = Math.min(agenda.dueMs(head.roster), lostMs);
  const count = inFront(head, who, agenda);
  return count === 0 ? due : Math.min(due, heardMs + HEARTBEAT_MS) + TAKEOVER_MS * count;
}

/** Whether the commit of another than the committer came though, as seen from here, the committer had done what was due. */
export function isEarly(head: ChainHead, signer: Bytes, outlook: Outlook, nowMs: number): boolean {
  return nowMs + TOLERANCE_MS < turnMs(head, signer, outlook);
}
