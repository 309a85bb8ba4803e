/**
 * `/v1/links`: the slots where a new device meets an old one of its account.
 *
 * Nobody signs in here: a new device has nothing to sign in with.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { ServiceError } from "../core/error.ts";
import { openLinks } from "../core/links.ts";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { LINK_SLOT_BYTES } from "../crypto/link_code.ts";
import { type LinkSide } from "../kv/links.ts";
import { type LinkMessagesWire } from "../wire/link.ts";
import { linkRequest } from "../wire/schema.ts";
import { bodyOf } from "./body.ts";
import { type Api, route } from "./route.ts";

/** Puts the meetings into the application. */
export function linkRoutes(app: Hono, { ctx }: Api): void {
  const links = openLinks(ctx);
  route(app, "/v1/links/:slot/:side/:n", {
    PUT: async (exchange) => {
      const { message } = await bodyOf(exchange, linkRequest);
      const place = { ...placeOf(exchange), n: numberOf(exchange.req.param("n")!) };
      await links.write({ ...place, message });
      return new Response(null, { status: 204 });
    },
  });
  route(app, "/v1/links/:slot/:side", {
    GET: async (exchange) => {
      const { slot, side } = placeOf(exchange);
      const after = numberOf(exchange.req.query("after") ?? "0");
      const messages = await links.read(slot, side, after);
      const answer: LinkMessagesWire = { messages: messages.map(toBase64Url) };
      return exchange.json(answer);
    },
  });
}

function placeOf(exchange: Exchange): { readonly slot: Bytes; readonly side: LinkSide } {
  const slot = fromBase64Url(exchange.req.param("slot")!);
  const side = exchange.req.param("side");
  if (slot?.length !== LINK_SLOT_BYTES || (side !== "new" && side !== "old")) throw noPlace();
  return { slot, side };
}

function numberOf(text: string): number {
  if (!/^[0-9]$/.test(text)) throw noPlace();
  return Number(text);
}

function noPlace(): ServiceError {
  return new ServiceError("malformed", "This is no place where devices meet");
}
