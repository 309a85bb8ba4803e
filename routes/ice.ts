/**
 * `GET /v1/ice`: STUN and TURN servers, with credentials of an hour.
 *
 * @module
 */

import { deviceKey } from "../core/account.ts";
import { issueIce, type TurnServers } from "../core/turn.ts";
import { type IceWire } from "../wire/ice.ts";
import { ICE } from "../wire/paths.ts";
import { iceAnswer } from "../wire/schema_push.ts";
import { json, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** The servers. */
export function iceRoutes({ ctx }: Api): readonly Served[] {
  return [serve({
    id: "listIceServers",
    method: "GET",
    path: ICE,
    topic: "devices",
    summary: "STUN and TURN servers, with fresh credentials",
    about: "Ask again at four fifths of `ttl_ms`. The frame `ice` gives the same.",
    access: "device",
    budget: { name: "ice", buckets: ctx.ice, key: ({ principal }) => deviceKey(principal) },
    answer: json(iceAnswer, "The servers, none where this service has none"),
    codes: [],
  }, (_exchange, { principal }) => {
    return iceToWire(issueIce(ctx, deviceKey(principal)), ctx.now());
  })];
}

/** Servers as they are sent. */
export function iceToWire({ servers, expiresMs }: TurnServers, nowMs: number): IceWire {
  return { servers, ttl_ms: Math.max(0, expiresMs - nowMs) };
}
