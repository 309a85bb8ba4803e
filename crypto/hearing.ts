/**
 * What a member of a group call makes of a heartbeat.
 *
 * The committer's is a sign of life, or shows that one is behind; with another head at one's own number
 * it ends the call: the room showed another history. Any other member's proves something against that
 * member alone, and ends nothing.
 *
 * @module
 */

import { equal } from "./bytes.ts";
import { type SignedHeartbeat } from "./group_message.ts";
import { type MemberState } from "./member_state.ts";
import { seatOf } from "./roster.ts";

/** Takes a heartbeat in. */
export function hearBeat(state: MemberState, beat: SignedHeartbeat, nowMs: number): void {
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
