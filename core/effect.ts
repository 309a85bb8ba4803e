/**
 * What is to be done after a decision about a room: frames for connections, and an answer for whoever
 * asked. Values only: the bus does the one, and `membership.ts` the other.
 *
 * @module
 */

import {
  type AckStatus,
  type Member,
  type NumberedFrame,
  type PresenceEvent,
} from "../wire/frames.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { type Address, type Room, unlessVacant } from "./room.ts";

type WithoutSeq<F> = F extends NumberedFrame ? Omit<F, "seq"> : never;

/** A numbered frame before its connection's number is known. */
export type Unnumbered = WithoutSeq<NumberedFrame>;

/** A frame for connections, wherever they are. */
export interface Send {
  readonly kind: "send";
  readonly to: readonly Address[];
  readonly frame: Unnumbered;
}

/** A refusal of the frame that asked. */
export interface Refusal {
  readonly kind: "refuse";
  readonly id: string;
  readonly code: ProblemCode;
  readonly title: string;
}

/** What is to be done; `ack` and `refuse` are for the connection whose event it was. */
export type Effect =
  | Send
  | Refusal
  | { readonly kind: "ack"; readonly id: string; readonly status: AckStatus };

/** The room after one event, null when nobody is left, and what to do about it. */
export type Transition = readonly [room: Room | null, effects: readonly Effect[]];

/** A frame for one connection. */
export function tell(to: Address, frame: Unnumbered): Send {
  return { kind: "send", to: [to], frame };
}

/** That something changed about a member, at the room's present number. */
export function presence(
  { id: room, rseq }: Room,
  event: PresenceEvent,
  member: Member,
  to: readonly Address[],
): readonly Send[] {
  if (to.length === 0) return [];
  return [{ kind: "send", to, frame: { t: "presence", room, rseq, event, member } }];
}

/** That a frame was done. */
export function ack(id: string, status: AckStatus = "relayed"): Effect {
  return { kind: "ack", id, status };
}

/** Nothing changes, and the frame is refused. */
export function refuse(room: Room, refusal: Refusal): Transition {
  return [unlessVacant(room), [refusal]];
}

/** Why a frame is refused. */
export function refusal(id: string, code: ProblemCode, title: string): Refusal {
  return { kind: "refuse", id, code, title };
}

/** What a stranger is told, whether or not there is such a room. */
export function notInRoom(id: string): Refusal {
  return refusal(id, "not_in_room", "Join this room first");
}

/** What a member is told who may not. */
export function forbidden(id: string): Refusal {
  return refusal(id, "forbidden", "Your role in this room does not allow this");
}
