/**
 * How a member of a group call tells others where the call is.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";
import { encodeSecret } from "./group_message.ts";
import { type MemberState } from "./member_state.ts";
import { seatOf } from "./roster.ts";

/** Gives a device the present secret. */
export function welcomeIn(state: MemberState, to: Bytes): void {
  const head = state.head!;
  const es = state.chain.current!.secret();
  const { last } = state.order;
  const message = encodeSecret({ t: "welcome", order: last, hash: head.commit.hash, es });
  es.wipe();
  state.emit({ kind: "welcome", to, message, head });
}

/** Answers a device that asks for it: one with a seat that did not go, once a second. */
export function answer(state: MemberState, from: Bytes, nowMs: number): void {
  const seat = seatOf(state.head?.roster ?? [], from);
  if (seat === null || state.agenda.isGone(from) || state.generation === null) return;
  if (state.inquiry.answers(from, nowMs)) welcomeIn(state, from);
}
