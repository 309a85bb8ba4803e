/**
 * `/v1/rooms/{room}/invites` and `/v1/rooms/{room}/tokens`: who may come into a managed room.
 *
 * @module
 */

import { admit, askerOf } from "../core/admission.ts";
import { type InviteOverview, invitesOf, makeInvite, withdrawInvite } from "../core/invites.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { usedCount } from "../kv/invites.ts";
import { ROOMS } from "../wire/paths.ts";
import { type InviteWire } from "../wire/room.ts";
import { inviteRequest, roomTokenRequest } from "../wire/schema.ts";
import { inviteAnswer, invitesAnswer, roomTokenAnswer } from "../wire/schema_answers.ts";
import { invitePlace, roomPlace } from "../wire/schema_query.ts";
import { json, nothing, serve, type Served } from "./operation.ts";
import { ROOM_REFUSALS } from "./rooms.ts";
import { type Api, credentialsOf } from "./route.ts";

/** Invites and room tokens. */
export function inviteRoutes(api: Api): readonly Served[] {
  const { ctx } = api;
  return [
    serve({
      id: "makeInvite",
      method: "POST",
      path: `${ROOMS}/:room/invites`,
      topic: "rooms",
      summary: "Tell a room the key of an invite",
      about:
        "The key comes out of the invite's link, whose secrets the service is never told. The " +
        "same key again gets the new terms.",
      access: "device",
      place: roomPlace,
      misplaced: "room_not_found",
      isKeyed: true,
      body: inviteRequest,
      answer: json(inviteAnswer, "The invite", 201),
      codes: [...ROOM_REFUSALS, "too_many_open"],
    }, async (_exchange, { place, body, principal }) => {
      const { key, role, uses, expires_ms: expMs } = body;
      const terms = { key, role, uses, expMs };
      return inviteToWire(await makeInvite(ctx, place.room, principal.account, terms));
    }),
    serve({
      id: "listInvites",
      method: "GET",
      path: `${ROOMS}/:room/invites`,
      topic: "rooms",
      summary: "A room's invites, for its hosts and cohosts",
      access: "device",
      place: roomPlace,
      misplaced: "room_not_found",
      answer: json(invitesAnswer, "Those that are not over"),
      codes: ROOM_REFUSALS,
    }, async (_exchange, { place, principal }) => {
      const invites = await invitesOf(ctx, place.room, principal.account);
      return { invites: invites.map(inviteToWire) };
    }),
    serve({
      id: "withdrawInvite",
      method: "DELETE",
      path: `${ROOMS}/:room/invites/:key`,
      topic: "rooms",
      summary: "Withdraw an invite; whom it has let in stays",
      access: "device",
      place: invitePlace,
      misplaced: "room_not_found",
      answer: nothing("It lets in nobody more"),
      codes: ROOM_REFUSALS,
    }, async (_exchange, { place, principal }) => {
      await withdrawInvite(ctx, place.room, principal.account, toBase64Url(place.key));
      return null;
    }),
    serve({
      id: "roomToken",
      method: "POST",
      path: `${ROOMS}/:room/tokens`,
      topic: "rooms",
      summary: "Exchange an invite for a room token, or get another one",
      about:
        "An account's device brings its access token; a guest has none, and is the key of its " +
        "proof. The invite's `signature` is over the thumbprint of that key. Whoever the room knows " +
        "needs no invite.",
      access: "visitor",
      place: roomPlace,
      misplaced: "room_not_found",
      body: roomTokenRequest,
      answer: json(roomTokenAnswer, "A token for this room, good for an hour"),
      codes: [
        "invalid_invite",
        "room_not_found",
        "room_locked",
        "room_ended",
        "room_full",
      ],
    }, async (exchange, { place, body }) => {
      const asker = await askerOf(ctx, credentialsOf(api, exchange));
      const invite = body.invite === undefined ? null : {
        key: body.invite.key,
        tsMs: body.invite.ts_ms,
        signature: body.invite.signature,
      };
      const { token, expiresInSeconds, identity, role, epoch, meta } = await admit(
        ctx,
        place.room,
        asker,
        invite,
      );
      return { token, identity, role, epoch, expires_in: expiresInSeconds, meta };
    }),
  ];
}

function inviteToWire({ key, row }: InviteOverview): InviteWire {
  const { role, uses, expMs } = row;
  return { key, role, uses, used: usedCount(row), expires_ms: expMs };
}
