/**
 * `/v1/push/{device}`: the push subscription of the device that asks.
 *
 * @module
 */

import { deviceKey } from "../core/account.ts";
import { ServiceError } from "../core/error.ts";
import { subscribePush, unsubscribePush } from "../core/push_subscription.ts";
import { type Principal } from "../core/tokens.ts";
import { pushRequest } from "../wire/schema_push.ts";
import { devicePlace } from "../wire/schema_query.ts";
import { nothing, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

const PATH = "/v1/push/:device";

/** The subscriptions. */
export function pushRoutes({ ctx }: Api): readonly Served[] {
  return [
    serve({
      id: "subscribePush",
      method: "PUT",
      path: PATH,
      topic: "devices",
      summary: "Say where one's device is woken, in place of what was said before",
      about:
        "The body is what `PushSubscription.toJSON()` gives, of a subscription made with the " +
        "`push` of `/.well-known/countersign` as `applicationServerKey`. A message that wakes says " +
        "nothing: the application then connects and looks.",
      access: "device",
      place: devicePlace,
      misplaced: "forbidden",
      body: pushRequest,
      budget: {
        name: "push",
        buckets: ctx.subscriptions,
        key: ({ principal }) => deviceKey(principal),
      },
      answer: nothing("The device is woken there"),
      codes: ["forbidden", "push_off", "bad_subscription"],
    }, async (_exchange, { place, body, principal }) => {
      requireOwn(place.device, principal);
      const { endpoint, expirationTime, keys } = body;
      const expMs = expirationTime ?? null;
      await subscribePush(ctx, principal, { endpoint, expMs, ...keys });
      return null;
    }),
    serve({
      id: "unsubscribePush",
      method: "DELETE",
      path: PATH,
      topic: "devices",
      summary: "Wake one's device no more",
      access: "device",
      place: devicePlace,
      misplaced: "forbidden",
      answer: nothing("It is not woken, whether it was before or not"),
      codes: ["forbidden"],
    }, async (_exchange, { place, principal }) => {
      requireOwn(place.device, principal);
      await unsubscribePush(ctx, principal);
      return null;
    }),
  ];
}

function requireOwn(device: number, { deviceId }: Principal): void {
  if (device !== deviceId) throw new ServiceError("forbidden", "A device subscribes itself only");
}
