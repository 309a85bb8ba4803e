/**
 * `/openapi.json` and `/asyncapi.json`: the service describes itself to programs. `/docs` shows both
 * to people.
 *
 * @module
 */

import { utf8 } from "../crypto/bytes.ts";
import { ASYNCAPI, OPENAPI, SOCKET, SUBPROTOCOL } from "../wire/paths.ts";
import { documentAnswer } from "../wire/schema_answers.ts";
import { type Json } from "../wire/schema_json.ts";
import { asyncApi } from "./asyncapi.ts";
import { cached, FOR_SECONDS } from "./cached.ts";
import { openApi } from "./openapi.ts";
import { json, type Operation, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

const JSON_TYPE = "application/json";

/** Answered outside the HTTP application, by `sockets.ts`. */
const OPEN_SOCKET: Operation = {
  id: "openSocket",
  method: "GET",
  path: SOCKET,
  topic: "rooms",
  summary: `Open a WebSocket with the subprotocol \`${SUBPROTOCOL}\``,
  about:
    "Who connects signs in by the first frame; the frames are described in `/asyncapi.json`. A " +
    "foreign `Origin` or another subprotocol is told by a close code right after the opening.",
  access: "anybody",
  answer: { status: 101, type: null, schema: null, says: "It is open" },
  codes: [],
};

/** Both documents. @param others every other operation of the HTTP application */
export function documentRoutes(api: Api, others: readonly Served[]): readonly Served[] {
  let open: string | null = null;
  let socket: Json | null = null;
  const shared = {
    method: "GET",
    topic: "service",
    access: "anybody",
    misplaced: "not_found",
    isCacheable: true,
    codes: [],
  } as const;
  const documents: readonly Served[] = [
    serve({
      ...shared,
      id: "getOpenApi",
      path: OPENAPI,
      summary: "This document",
      answer: json(documentAnswer, "OpenAPI 3.1"),
    }, (exchange) => {
      const all = [...others, ...documents].map(({ operation }) => operation);
      open ??= JSON.stringify(openApi([...all, OPEN_SOCKET]));
      return cached(exchange, utf8(open), JSON_TYPE, FOR_SECONDS);
    }),
    serve({
      ...shared,
      id: "getAsyncApi",
      path: ASYNCAPI,
      summary: "The frames of the WebSocket",
      answer: json(documentAnswer, "AsyncAPI 3.0"),
    }, (exchange) => {
      const { host, protocol } = new URL(api.publicOrigin(exchange.req.raw));
      const servers = { here: { host, protocol: protocol === "https:" ? "wss" : "ws" } };
      const text = JSON.stringify({ ...socket ??= asyncApi(), servers });
      return cached(exchange, utf8(text), JSON_TYPE, FOR_SECONDS);
    }),
  ];
  return documents;
}
