/**
 * `/v1/rooms`: managed rooms, for the accounts that run them.
 *
 * Whoever a room does not know is told of it what they would be told of none: one code, one sentence.
 *
 * @module
 */

import { type RoomOverview } from "../core/managed_rooms.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { ROOMS } from "../wire/paths.ts";
import { type RoomWire } from "../wire/room.ts";
import { roomAmendment, roomRequest } from "../wire/schema.ts";
import { roomAnswer, roomsAnswer } from "../wire/schema_answers.ts";
import { roomPlace } from "../wire/schema_query.ts";
import { json, nothing, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** What everybody hears who may not do what they ask of a room. */
export const ROOM_REFUSALS: readonly ProblemCode[] = ["room_not_found", "room_ended", "forbidden"];

/** Managed rooms. */
export function roomRoutes({ ctx }: Api): readonly Served[] {
  const { rooms } = ctx;
  return [
    serve({
      id: "makeRoom",
      method: "POST",
      path: ROOMS,
      topic: "rooms",
      summary: "Make a room, of which the account is host",
      access: "device",
      isKeyed: true,
      body: roomRequest,
      answer: json(roomAnswer, "The room, in which nobody is yet", 201),
      codes: ["too_many_open"],
    }, async (_exchange, { body, principal }) => {
      const { account } = principal;
      const { room } = await rooms.create(account, body.meta ?? null);
      return roomToWire(await rooms.view(room, account));
    }),
    serve({
      id: "listRooms",
      method: "GET",
      path: ROOMS,
      topic: "rooms",
      summary: "The open rooms that the account made",
      access: "device",
      answer: json(roomsAnswer, "20 at most"),
      codes: [],
    }, async (_exchange, { principal }) => {
      return { rooms: (await rooms.list(principal.account)).map(roomToWire) };
    }),
    serve({
      id: "readRoom",
      method: "GET",
      path: `${ROOMS}/:room`,
      topic: "rooms",
      summary: "A room, for its hosts and cohosts",
      access: "device",
      place: roomPlace,
      misplaced: "room_not_found",
      answer: json(roomAnswer, "The room"),
      codes: ROOM_REFUSALS,
    }, async (_exchange, { place, principal }) => {
      return roomToWire(await rooms.view(place.room, principal.account));
    }),
    serve({
      id: "amendRoom",
      method: "PATCH",
      path: `${ROOMS}/:room`,
      topic: "rooms",
      summary: "Lock or unlock a room, or say anew what it is about",
      about: "What is absent stays. A locked room lets in nobody whom it does not know already.",
      access: "device",
      place: roomPlace,
      misplaced: "room_not_found",
      body: roomAmendment,
      answer: json(roomAnswer, "The room as it is now"),
      codes: ROOM_REFUSALS,
    }, async (_exchange, { place, body, principal }) => {
      const amendment = { isLocked: body.locked, meta: body.meta };
      return roomToWire(await rooms.amend(place.room, principal.account, amendment));
    }),
    serve({
      id: "endRoom",
      method: "DELETE",
      path: `${ROOMS}/:room`,
      topic: "rooms",
      summary: "End a room for everybody, for good",
      access: "device",
      place: roomPlace,
      misplaced: "room_not_found",
      answer: nothing("It has ended"),
      codes: ROOM_REFUSALS,
    }, async (_exchange, { place, principal }) => {
      await rooms.end(place.room, principal.account);
      return null;
    }),
  ];
}

function roomToWire({ room, row, by }: RoomOverview): RoomWire {
  return {
    room,
    epoch: row.epoch,
    locked: row.isLocked,
    ended: row.hasEnded,
    meta: row.meta,
    role: row.people.get(by)!.role,
    people: row.people.size,
    expires_ms: row.expMs,
  };
}
