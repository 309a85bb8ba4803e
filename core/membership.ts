/**
 * Who is in a room and as what: joining, leaving, what members show, and what hosts decide.
 *
 * What a managed room keeps of it stands in its row before anybody is told.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { isManaged } from "../wire/room_id.ts";
import { type Connection } from "./connection.ts";
import { type Downlink } from "./downlink.ts";
import { notInRoom, type Transition } from "./effect.ts";
import { applyChange, applyState, type DecidingFrame, planChange } from "./moderation.ts";
import { seatOf } from "./room.ts";
import { openWayIn } from "./way_in.ts";
import { type RoomRules } from "./room_rules.ts";
import { type RoomStore } from "./room_store.ts";
import { type RoomEvent, step } from "./rooms.ts";
import { attempt, type Done } from "./frame_turns.ts";

/** The frames that are about membership. */
export type MembershipFrame =
  | Extract<ClientFrame, { t: "join" | "leave" | "sync" | "meta" | "knock" }>
  | DecidingFrame;

/** What membership works with. */
export interface MembershipParts {
  readonly rules: RoomRules;
  readonly rooms: RoomStore;
  readonly downlink: Downlink;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
}

type JoinRequest = Extract<ClientFrame, { t: "join" }>;

/** Acts on a frame, and answers its sender. */
export function openMembership(
  { rules, rooms, downlink, report }: MembershipParts,
): (from: Connection, frame: MembershipFrame) => Done {
  const wayIn = openWayIn(rules);
  rules.onChange = (state) => {
    wayIn.changed(state);
    const done = rooms.change(state.room, (room) => applyState(room, state));
    if (done instanceof Promise) done.catch(report);
  };

  function join(from: Connection, { id, room, token }: JoinRequest): Done {
    const { party } = from;
    const mid = toBase64Url(randomBytes(16));
    const event = { t: "join", id, mid, roomCount: from.rooms.size, state: null } as const;
    if (party.kind === "guest" && party.room !== room) {
      const title = "There is no such room, or it is not for you";
      return downlink.refuse(from, { id, code: "room_not_found", title });
    }
    if (!isManaged(room)) return change(from, room, { ...event, role: "member" });
    const here = rooms.read(room);
    // Whoever has a seat needs no leave to hear of it again.
    if (here !== null && seatOf(here, from.cid) !== null) {
      return change(from, room, { ...event, role: null });
    }
    return attempt(downlink, from, id, () => {
      return wayIn.enter(room, party, token ?? null, ({ role, state }) => {
        return change(from, room, { ...event, role, state });
      });
    });
  }

  async function decide(from: Connection, frame: DecidingFrame): Promise<void> {
    const room = from.rooms.has(frame.room) ? await rooms.refresh(frame.room) : null;
    const plan = planChange(room, from.cid, frame);
    if (plan.kind === "refuse") return downlink.refuse(from, plan);
    const by = seatOf(room!, from.cid)!.member;
    const isKept = plan.kind !== "deny";
    const state = isKept ? await rules.change(frame.room, from.party.identity, plan) : null;
    if (state !== null) wayIn.changed(state);
    await rooms.change(frame.room, (now) => applyChange(now, by, plan, state));
    downlink.acknowledge(from, frame.id, "relayed");
  }

  /** Has a room decide about an event, and answers. */
  function change(from: Connection, id: string, event: RoomEvent & { readonly id: string }): Done {
    const done = rooms.change(id, (room) => step(room, from, event));
    if (!(done instanceof Promise)) return answer(from, id, done);
    return attempt(downlink, from, event.id, () => done.then((after) => answer(from, id, after)));
  }

  function answer(from: Connection, id: string, [room, effects]: Transition): void {
    if (room?.mids.has(from.cid) === true) from.rooms.add(id);
    else from.rooms.delete(id);
    for (const effect of effects) {
      if (effect.kind === "ack") downlink.acknowledge(from, effect.id, effect.status);
      else if (effect.kind === "refuse") downlink.refuse(from, effect);
    }
  }

  return (from, frame) => {
    if (frame.t === "join") return join(from, frame);
    if (frame.t === "admit" || frame.t === "deny" || frame.t === "mod") {
      return attempt(downlink, from, frame.id, () => decide(from, frame));
    }
    if (!from.rooms.has(frame.room)) return downlink.refuse(from, notInRoom(frame.id));
    return change(from, frame.room, frame);
  };
}
