/**
 * When a member of a group call commits, and what.
 *
 * @module
 */

import { type Plan } from "./agenda.ts";
import { equal } from "./bytes.ts";
import { encodeSecret } from "./group_message.ts";
import { type MemberState } from "./member_state.ts";
import { type Intent, Proposal } from "./proposal.ts";
import { type RosterChange } from "./roster.ts";
import { Secret } from "./secret.ts";
import { inFront, turnMs } from "./turn.ts";

const RANDOM_BYTES = 32;

/** Asks for a commit where it is this member's turn. */
export function commitDue(state: MemberState, nowMs: number): void {
  const { head, proposal, options: { self } } = state;
  if (state.order.isBehind && head !== null) return;
  if (proposal !== null) {
    if (nowMs < proposal.againMs) return;
    proposal.repeat(nowMs);
    return state.emit({ kind: "propose", commit: proposal.commit });
  }
  if (head === null || nowMs < ownTurnMs(state)) return;
  const plan = state.agenda.plan(head.commit, head.roster, nowMs);
  if (inFront(head, self, state.agenda) > 0) {
    return propose(state, { type: "handover", isEpoch: true, change: changeOf(plan) }, nowMs);
  }
  // Without the present secret there is no step from it, but there is another epoch.
  const isLost = state.chain.current === null;
  if (plan === null && !isLost) return;
  const [type, isEpoch] = [plan?.type ?? "timer", isLost || plan!.isEpoch];
  propose(state, { type, isEpoch, change: changeOf(plan) }, nowMs);
}

/** When that is. */
export function ownTurnMs(state: MemberState): number {
  if (state.head === null) return Infinity;
  const turn = turnMs(state.head, state.options.self, state.outlook);
  return state.isCommitter ? turn : Math.min(turn, state.reclaimMs);
}

/** Asks the room for a place for a commit, and sends the others what they need of it. */
export function propose(state: MemberState, intent: Intent, nowMs: number): void {
  const { chain, head, options: { callId, self, random } } = state;
  const proposal = new Proposal(callId, self, head, intent, nowMs);
  state.proposal = proposal;
  state.emit({ kind: "propose", commit: proposal.commit });
  if (!intent.isEpoch) return;
  const secret = new Secret(random(RANDOM_BYTES));
  const message = encodeSecret({ t: "secret", hash: proposal.hash, random: secret });
  chain.offer(proposal.hash, self, secret);
  for (const seat of proposal.roster) {
    // Whoever comes in gets the secret itself, once the commit has its place.
    if (equal(seat.entry, self) || intent.change.added.includes(seat)) continue;
    state.emit({ kind: "seal", to: seat.entry, message });
  }
}

function changeOf(plan: Plan | null): RosterChange {
  return plan?.change ?? { removed: [], added: [] };
}
