/**
 * How a member of a group call comes in with what another one tells it.
 *
 * @module
 */

import { type Bytes, equal } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { follow, reach } from "./following.ts";
import { type Welcome } from "./group_message.ts";
import { type MemberState } from "./member_state.ts";
import { seatOf } from "./roster.ts";
import { type Snapshot } from "./snapshot.ts";

/** How far a call can have come: no honest one does, and from the end of all numbers none could go on. */
const MAX_NUMBER = 2 ** 31;
/** Likewise: a first commit has half of it at most, and each may add a day. */
const MAX_TIME_MS = 2 ** 53 - 2 ** 51;

/** Comes in with what a member tells, where that is news. @throws CryptoError `bad_commit` */
export function comeIn(
  state: MemberState,
  from: Bytes,
  message: Welcome,
  snapshot: Snapshot,
  nowMs: number,
): void {
  if (state.isOver || !isNews(state, snapshot)) return message.es.wipe();
  if (!fits(state, from, message, snapshot)) {
    message.es.wipe();
    throw new CryptoError("bad_commit", "A welcome was refused: it does not fit its snapshot");
  }
  adopt(state, message, snapshot, nowMs);
}

/** Whether a welcome says more than is known. */
function isNews(state: MemberState, { commit }: Snapshot): boolean {
  if (!state.isMissing) return false;
  const before = state.head?.commit;
  if (before === undefined) return true;
  // The same commit may still be the last: then its secret is news, or how far the room is.
  if (equal(commit.hash, before.hash)) return true;
  return commit.epoch > before.epoch ||
    (commit.epoch === before.epoch && commit.step > before.step);
}

function fits(
  { options: { callId, self, isVerified } }: MemberState,
  from: Bytes,
  message: Welcome,
  { commit, roster }: Snapshot,
): boolean {
  return equal(message.hash, commit.hash) && equal(commit.callId, callId) &&
    seatOf(roster, self) !== null && seatOf(roster, from) !== null &&
    commit.epoch <= MAX_NUMBER && message.order <= MAX_NUMBER && commit.timeMs <= MAX_TIME_MS &&
    roster.every(({ entry }) => isVerified(entry));
}

function adopt(
  state: MemberState,
  { order, es }: Welcome,
  { commit, roster }: Snapshot,
  nowMs: number,
): void {
  const { chain, claimant, head, inquiry, liveness, options: { self } } = state;
  state.withdraw();
  state.sending.drop();
  inquiry.miss(false, nowMs);
  if (head === null || !equal(commit.hash, head.commit.hash)) state.turn({ commit, roster });
  else if (claimant !== null) {
    // Nothing has happened that was not seen.
    state.claimant = null;
    state.suspect(claimant);
  }
  state.order.adopt(order);
  state.agenda.begin(commit, roster, equal(commit.signer, self) ? state.jitter() : 1, nowMs);
  state.emit(...liveness.hear(nowMs));
  liveness.rest(nowMs);
  state.emit({ kind: "key-frame" });
  inquiry.close();
  reach(state, chain.adopt(commit, es), nowMs);
  follow(state, nowMs);
}
