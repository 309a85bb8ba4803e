/**
 * `/v1/mailbox` and `/v1/messages`: what waits for a device, and leaving something for one.
 *
 * A socket brings the same by itself. This is for whoever has none: a request for mail waits until there
 * is some, or for as long as it says.
 *
 * @module
 */

import { type Hono } from "hono";
import { labelOf } from "../core/account.ts";
import { ServiceError } from "../core/error.ts";
import { type Mailboxes, mailFrameOf } from "../core/mailbox.ts";
import { type MailWaiters } from "../core/mail_waiters.ts";
import { MAX_MAIL_TTL_MS, MAX_MAIL_WAIT_MS } from "../wire/limits.ts";
import { type MailboxWire, type MessageWire } from "../wire/mail.ts";
import { DELIVERY_TOKEN, MAILBOX } from "../wire/paths.ts";
import { deliveryTokenRequest, messageRequest } from "../wire/schema.ts";
import { bodyOf } from "./body.ts";
import { type Api, principalOf, route } from "./route.ts";

/** Puts mailboxes into the application. */
export function mailboxRoutes(
  app: Hono,
  api: Api,
  mailboxes: Mailboxes,
  waiters: MailWaiters,
): void {
  const { ctx } = api;

  route(app, MAILBOX, {
    GET: async (exchange) => {
      const { account, deviceId } = await principalOf(api, exchange);
      const waitMs = waitOf(exchange.req.query("wait"));
      const waiting = await waiters.wait(account, deviceId, waitMs, exchange.req.raw.signal);
      const answer: MailboxWire = { entries: waiting.map(mailFrameOf) };
      return exchange.json(answer);
    },
  });

  route(app, `${MAILBOX}/:entry`, {
    DELETE: async (exchange) => {
      const { account, deviceId } = await principalOf(api, exchange);
      await mailboxes.remove(account, deviceId, [exchange.req.param("entry")!]);
      return new Response(null, { status: 204 });
    },
  });

  route(app, "/v1/messages/:label", {
    POST: async (exchange) => {
      const { account: from } = await principalOf(api, exchange);
      const { id, ct, device, ttl_ms, delivery_token } = await bodyOf(exchange, messageRequest);
      const to = labelOf(exchange.req.param("label")!);
      if (to === from) throw new ServiceError("self_call", "Nobody writes to themselves");
      const record = await ctx.accounts.record(to);
      if (record === null) throw new ServiceError("name_not_found", "Nobody has this name");
      if (device !== undefined && !record.devices.some(({ entry }) => entry.deviceId === device)) {
        throw new ServiceError("stale_devices", "The account has no such device");
      }
      const entry = await mailboxes.putMessage(to, {
        from,
        id,
        device: device ?? null,
        ct,
        ttlMs: ttl_ms ?? MAX_MAIL_TTL_MS,
        deliveryToken: delivery_token ?? null,
      });
      const answer: MessageWire = { entry };
      return exchange.json(answer, 202);
    },
  });

  route(app, DELIVERY_TOKEN, {
    PUT: async (exchange) => {
      const { account } = await principalOf(api, exchange);
      const { hash } = await bodyOf(exchange, deliveryTokenRequest);
      await mailboxes.setDeliveryToken(account, hash);
      return new Response(null, { status: 204 });
    },
  });
}

/** @throws ServiceError `malformed` */
function waitOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = /^[0-9]{1,6}$/.test(text) ? Number(text) : NaN;
  if (ms <= MAX_MAIL_WAIT_MS) return ms;
  throw new ServiceError("malformed", `A request waits for up to ${MAX_MAIL_WAIT_MS} ms`);
}
