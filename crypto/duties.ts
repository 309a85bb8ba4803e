/**
 * What time asks of a member of a group call, whatever else happens.
 *
 * @module
 */

import { commitDue, ownTurnMs } from "./committing.ts";
import { type GroupEffect } from "./group_effect.ts";
import { type MemberState } from "./member_state.ts";

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
  if (nowMs >= leftMs(state)) state.emit(...state.sending.hold("left"));
}

/** Where commits are missing, that of a leave may be among them, or never come. */
function leftMs({ head, order, agenda }: MemberState): number {
  return head !== null && order.isBehind ? agenda.leftMs(head.roster) : Infinity;
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
    sending.isHeld ? Infinity : leftMs(state),
  );
}
