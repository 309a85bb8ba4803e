/**
 * How a member of a group call follows the room's commits, each in its turn.
 *
 * @module
 */

import { equal } from "./bytes.ts";
import { checkFirst, checkNext, type SignedCommit, TAKEOVER_MS } from "./commit.ts";
import { CryptoError } from "./error.ts";
import { encodeAck } from "./group_message.ts";
import { type Reached } from "./key_chain.ts";
import { type MemberState } from "./member_state.ts";
import { type Roster, seatOf } from "./roster.ts";
import { isEarly } from "./turn.ts";
import { welcomeIn } from "./answering.ts";

/** Takes all that is next in the room's order. */
export function follow(state: MemberState, nowMs: number): void {
  while (!state.isOver) {
    const next = state.order.next();
    if (next === undefined) break;
    if (next !== null) judge(state, next, nowMs);
  }
  if (state.order.isBehind) state.inquiry.open(nowMs);
}

function judge(state: MemberState, commit: SignedCommit, nowMs: number): void {
  const { head, proposal, options: { self } } = state;
  const roster = rosterAfter(state, commit);
  if (roster === null) {
    // One's own proposal came too late.
    if (proposal?.is(commit)) state.withdraw();
    if (state.order.isUnsure && isAhead(state, commit)) state.order.lose();
  } else if (seatOf(roster, self) !== null) take(state, commit, roster, nowMs);
  else if (head !== null) state.stop("removed");
  else {
    // Somebody else began the call first.
    state.withdraw();
    state.order.come();
  }
}

/** The roster that a commit leads to, or null where it is refused. */
function rosterAfter({ head, options }: MemberState, commit: SignedCommit): Roster | null {
  try {
    const roster = head === null ? checkFirst(options.callId, commit) : checkNext(head, commit);
    return commit.change.added.every(({ entry }) => options.isVerified(entry)) ? roster : null;
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

/** Whether a commit follows on some that were not seen. */
function isAhead({ head }: MemberState, commit: SignedCommit): boolean {
  if (head === null || equal(commit.prevHash, head.commit.hash)) return false;
  const { epoch, step } = head.commit;
  return commit.epoch > epoch || (commit.epoch === epoch && commit.step > step);
}

function take(state: MemberState, commit: SignedCommit, roster: Roster, nowMs: number): void {
  const { chain, inquiry, sending, options: { self } } = state;
  if (state.proposal?.is(commit)) state.proposal = null;
  else state.withdraw();
  watchTakeover(state, commit, roster, nowMs);
  const seat = seatOf(roster, self)!;
  const isMine = equal(commit.signer, self);
  const head = { commit, roster };
  state.turn(head);
  state.order.confirm();
  // Others wait for as long as the committer may take.
  state.agenda.begin(commit, roster, isMine ? state.jitter() : 1, nowMs);
  state.emit(...state.liveness.hear(nowMs));
  if (isMine) state.liveness.rest(nowMs);
  if (commit.step === 0) sending.begin(head, seat.index, nowMs);
  reach(state, chain.follow(commit), nowMs);
  inquiry.miss(chain.current === null, nowMs);
  if (chain.current === null) return inquiry.open(nowMs);
  if (!isMine) return;
  const { added } = commit.change;
  for (const { entry } of added) if (!equal(entry, self)) welcomeIn(state, entry);
  if (commit.step === 0 && roster.length - added.length <= 1) {
    state.emit(...sending.releaseOwn(roster.length === 1));
  }
}

/**
 * A takeover that came though the committer had done what was due is taken all the same, because the
 * room's order decides for everybody alike. But it is told; and a committer with the lower index takes
 * its part back, once it may.
 */
function watchTakeover(
  state: MemberState,
  commit: SignedCommit,
  roster: Roster,
  nowMs: number,
): void {
  const { head, options: { self } } = state;
  if (head === null || equal(commit.signer, head.commit.signer)) return;
  const wasMine = state.isCommitter;
  state.reclaimMs = Infinity;
  if (!isEarly(head, commit.signer, state.outlook, nowMs)) return;
  state.emit({ kind: "suspect", who: commit.signer, why: "takeover" });
  const [own, other] = [seatOf(roster, self), seatOf(roster, commit.signer)];
  if (wasMine && own!.index < other!.index) state.reclaimMs = nowMs + TAKEOVER_MS;
}

/** Keys came to be known: they are installed, and an epoch's are acknowledged. */
export function reach(state: MemberState, reached: readonly Reached[], nowMs: number): void {
  const { chain, inquiry, live, order, options: { self } } = state;
  for (const { commit, generation, auth } of reached) {
    const isLeave = commit.change.removed.length > 0;
    for (const keys of live.add(generation, isLeave)) state.emit({ kind: "retire", keys });
    state.emit({ kind: "install", generation });
    const { index } = seatOf(state.head!.roster, self)!;
    // Before it changes hands.
    const message = encodeAck(auth, index, commit.hash);
    if (commit.step !== 0 || !state.sending.know(auth)) auth.wipe();
    else if (!equal(commit.signer, self)) {
      state.emit({ kind: "tell", to: commit.signer, message });
    }
  }
  if (reached.length === 0 || chain.current === null) return;
  if (inquiry.isAsked) state.emit({ kind: "key-frame" });
  if (!order.isBehind) inquiry.close();
  inquiry.miss(false, nowMs);
}
