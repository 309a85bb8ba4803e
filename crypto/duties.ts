/**
 * What time asks of a member of a group call, whatever else happens.
 *
 * @module
 */

import { equal } from "./bytes.ts";
import { commitDue, ownTurnMs } from "./committing.ts";
import { type GroupEffect } from "./group_effect.ts";
import { type SignedHeartbeat } from "./group_message.ts";
import { type MemberState } from "./member_state.ts";
import { seatOf } from "./roster.ts";

/** The effects of what happened, and of the time. */
export function done(state: MemberState, nowMs: number): readonly GroupEffect[] {
  if (!state.isOver) {
    commitDue(state, nowMs);
    state.emit(...state.sending.due(state.generation, state.liveness.isStale(nowMs), nowMs));
    askDue(state, nowMs);
    liveDue(state, nowMs);
    for (const keys of state.live.retire(nowMs)) state.emit({ kind: "retire", keys });
  }
  return state.flush();
}

function askDue(state: MemberState, nowMs: number): void {
  if (!state.isMissing) return;
  const { head, inquiry, options: { self } } = state;
  if (!inquiry.isDue(nowMs)) return;
  state.emit({ kind: "ask", to: inquiry.next(head, self, state.jitter(), nowMs) });
}

function liveDue(state: MemberState, nowMs: number): void {
  const { head, liveness, order, options: { callId } } = state;
  if (head === null) return;
  if (state.isCommitter && !order.isBehind) {
    state.emit(...liveness.beat(callId, order.last, head.commit.hash, nowMs));
  }
  state.emit(...liveness.degrade(nowMs));
  if (liveness.isStale(nowMs)) state.emit(...state.sending.hold("stale"));
}

/** When time matters next; Infinity where it does not. */
export function nextMs(state: MemberState): number {
  if (state.isOver) return Infinity;
  const { head, inquiry, live, liveness, order, proposal, sending } = state;
  // Whoever is behind commits nothing, but where it begins the call.
  const mayCommit = head === null || !order.isBehind;
  return Math.min(
    head === null
      ? Infinity
      : liveness.nextMs(state.isCommitter && !order.isBehind, sending.isHeld),
    mayCommit ? proposal?.againMs ?? ownTurnMs(state) : Infinity,
    sending.nextMs(state.generation !== null),
    live.nextMs(),
    state.isMissing ? inquiry.nextMs : Infinity,
  );
}

/**
 * A heartbeat came. The committer's is a sign of life, or shows that one is behind; with another head at
 * one's own number it ends the call: the room showed another history. Any other member's proves
 * something against that member alone, and ends nothing.
 */
export function heartbeat(state: MemberState, beat: SignedHeartbeat, nowMs: number): void {
  const { head, liveness, order, options: { callId } } = state;
  if (head === null || state.isOver || !equal(beat.callId, callId)) return;
  const isSame = equal(beat.hash, head.commit.hash);
  if (!equal(beat.signer, head.commit.signer)) {
    if (!isSame) contradict(state, beat, nowMs);
  } else if (isSame) state.emit(...liveness.hearBeat(beat, nowMs));
  else if (beat.order > order.last) fallBehind(state, beat.order, nowMs);
  else if (beat.order === order.last && order.isUnsure) {
    order.lose();
    state.inquiry.open(nowMs);
  } else if (beat.order === order.last) state.stop("forked");
}

/** Another member than the committer speaks of another head than one's own. */
function contradict(state: MemberState, beat: SignedHeartbeat, nowMs: number): void {
  const { head, order, contradicted } = state;
  if (seatOf(head!.roster, beat.signer) === null || beat.order < order.last) return;
  if (contradicted.some((one) => equal(one, beat.signer))) return;
  if (beat.order === order.last) return state.suspect(beat.signer);
  // It may have taken over, and the room did not show it: what others say next decides.
  state.claimant = beat.signer;
  fallBehind(state, beat.order, nowMs);
}

function fallBehind(state: MemberState, order: number, nowMs: number): void {
  state.order.claim(order);
  if (state.order.isBehind) state.inquiry.open(nowMs);
}
