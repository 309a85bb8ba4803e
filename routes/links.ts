/**
 * `/v1/links`: the slots where a new device meets an old one of its account.
 *
 * Nobody signs in here: a new device has nothing to sign in with.
 *
 * @module
 */

import { openLinks } from "../core/links.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { toHex } from "../crypto/bytes.ts";
import { linkRequest } from "../wire/schema.ts";
import { linkMessagesAnswer } from "../wire/schema_answers.ts";
import { afterQuery, linkMessagePlace, linkPlace } from "../wire/schema_query.ts";
import { json, nothing, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

/** The meetings. */
export function linkRoutes({ ctx }: Api): readonly Served[] {
  const links = openLinks(ctx);
  const asks = { name: "link", buckets: links.asking };
  return [
    serve({
      id: "writeLinkMessage",
      method: "PUT",
      path: "/v1/links/:slot/:side/:n",
      topic: "devices",
      summary: "Say something to the other device; the same again changes nothing",
      access: "anybody",
      place: linkMessagePlace,
      budget: { ...asks, key: ({ place }) => toHex(place.slot) },
      body: linkRequest,
      answer: nothing("It is there for the other device to read"),
      codes: ["link_gone", "link_conflict"],
    }, async (_exchange, { place, body }) => {
      await links.write({ ...place, message: body.message });
      return null;
    }),
    serve({
      id: "readLinkMessages",
      method: "GET",
      path: "/v1/links/:slot/:side",
      topic: "devices",
      summary: "What a device has said, from a message on",
      access: "anybody",
      place: linkPlace,
      budget: { ...asks, key: ({ place }) => toHex(place.slot) },
      query: afterQuery,
      answer: json(linkMessagesAnswer, "The messages in their order"),
      codes: ["link_gone"],
    }, async (_exchange, { place, query }) => {
      const messages = await links.read(place.slot, place.side, query.after ?? 0);
      return { messages: messages.map(toBase64Url) };
    }),
  ];
}
