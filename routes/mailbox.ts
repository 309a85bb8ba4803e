/**
 * `/v1/mailbox` and `/v1/messages`: what waits for a device, and leaving something for one.
 *
 * A socket brings the same by itself. This is for whoever has none: a request for mail waits until there
 * is some, or for as long as it says.
 *
 * @module
 */

import { labelOf } from "../core/account.ts";
import { ServiceError } from "../core/error.ts";
import { mailFrameOf } from "../core/waiting_mail.ts";
import { type MailWaiters } from "../core/mail_waiters.ts";
import { MAX_MAIL_TTL_MS } from "../wire/limits.ts";
import { DELIVERY_TOKEN, MAILBOX } from "../wire/paths.ts";
import { deliveryTokenRequest, messageRequest } from "../wire/schema.ts";
import { mailboxAnswer, messageAnswer } from "../wire/schema_mail.ts";
import { entryPlace, labelPlace, waitQuery } from "../wire/schema_query.ts";
import { json, nothing, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** The mailboxes. */
export function mailboxRoutes(
  { ctx }: Api,
  waiters: MailWaiters,
): readonly Served[] {
  const { mailboxes } = ctx;
  return [
    serve({
      id: "readMailbox",
      method: "GET",
      path: MAILBOX,
      topic: "mailbox",
      summary: "What waits for this device, at once or as soon as something does",
      access: "device",
      query: waitQuery,
      answer: json(mailboxAnswer, "The entries, oldest first; they stay until they are removed"),
      codes: ["rate_limited"],
    }, async (exchange, { query, principal: { account, deviceId } }) => {
      const { signal } = exchange.req.raw;
      const waiting = await waiters.wait(account, deviceId, query.wait ?? 0, signal);
      return { entries: waiting.map(mailFrameOf) };
    }),
    serve({
      id: "removeMail",
      method: "DELETE",
      path: `${MAILBOX}/:entry`,
      topic: "mailbox",
      summary: "Remove what this device has taken in",
      access: "device",
      place: entryPlace,
      answer: nothing("It is gone, or was not there"),
      codes: [],
    }, async (_exchange, { place, principal: { account, deviceId } }) => {
      await mailboxes.remove(account, deviceId, [place.entry]);
      return null;
    }),
    serve({
      id: "leaveMessage",
      method: "POST",
      path: "/v1/messages/:label",
      topic: "mailbox",
      summary: "Leave a sealed message for an account; one of the same `id` is left once",
      access: "device",
      place: labelPlace,
      body: messageRequest,
      isKeyed: true,
      answer: json(messageAnswer, "It waits", 202),
      codes: [
        "bad_label",
        "self_call",
        "name_not_found",
        "stale_devices",
        "no_right_to_send",
        "mailbox_full",
      ],
    }, async (_exchange, { place, body, principal: { account: from } }) => {
      const { id, ct, device = null, ttl_ms, delivery_token } = body;
      const to = labelOf(place.label);
      if (to === from) throw new ServiceError("self_call", "Nobody writes to themselves");
      const record = await ctx.accounts.record(to);
      if (record === null) throw new ServiceError("name_not_found", "Nobody has this name");
      if (device !== null && !record.devices.some(({ entry }) => entry.deviceId === device)) {
        throw new ServiceError("stale_devices", "The account has no such device");
      }
      const ttlMs = ttl_ms ?? MAX_MAIL_TTL_MS;
      const deliveryToken = delivery_token ?? null;
      return {
        entry: await mailboxes.putMessage(to, { from, id, device, ct, ttlMs, deliveryToken }),
      };
    }),
    serve({
      id: "setDeliveryToken",
      method: "PUT",
      path: DELIVERY_TOKEN,
      topic: "mailbox",
      summary: "Hand out the right to write to this account, or take it back",
      about: "Whoever shows the 32 bytes of which `hash` is the SHA-256 may leave messages.",
      access: "device",
      body: deliveryTokenRequest,
      answer: nothing("It holds from now on"),
      codes: [],
    }, async (_exchange, { body, principal: { account } }) => {
      await mailboxes.setDeliveryToken(account, body.hash);
      return null;
    }),
  ];
}
