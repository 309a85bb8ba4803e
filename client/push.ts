/**
 * Waking this device by Web Push: its subscription is brought to the service, or taken away.
 *
 * What a push service and the service learn is that this device may be woken, and when. A push says
 * nothing: whoever is woken connects and looks.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { pushPath, WELL_KNOWN } from "../wire/paths.ts";
import { pushKeyFromWire } from "../wire/push.ts";
import { ClientError, ofProblem } from "./error.ts";
import { type Http } from "./http.ts";
import { reading } from "./reading.ts";
import { signerOf, type World } from "./world.ts";

/** A push subscription as a browser gives it: `subscription.toJSON()`. */
export interface PushSubscriptionData {
  /** Where its push service takes messages. */
  readonly endpoint?: string;
  /** When it ends, Unix milliseconds, or null. */
  readonly expirationTime?: number | null;
  /** `p256dh` and `auth`, base64url. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** The service's key for subscriptions. @throws ClientError `refused` where it has no Web Push */
export async function pushKeyOf(http: Http): Promise<Bytes> {
  const key = reading(pushKeyFromWire, await http.open("GET", WELL_KNOWN));
  if (key !== null) return key;
  throw ofProblem({ code: "push_off", title: "This service has no Web Push" });
}

/** Brings a subscription. @throws ClientError `bad_option`, `refused` */
export async function enablePush(
  world: World,
  { endpoint, expirationTime = null, keys = {} }: PushSubscriptionData,
): Promise<void> {
  const { p256dh, auth } = keys;
  if (endpoint === undefined || p256dh === undefined || auth === undefined) {
    throw new ClientError("bad_option", "That is no push subscription");
  }
  const body = { endpoint, expirationTime, keys: { p256dh, auth } };
  await world.http.signed(signerOf(world), "PUT", pathOf(world), body);
}

/** Takes it away. @throws ClientError */
export async function disablePush(world: World): Promise<void> {
  await world.http.signed(signerOf(world), "DELETE", pathOf(world));
}

function pathOf({ account }: World): string {
  return pushPath(account.self.entry.deviceId);
}
