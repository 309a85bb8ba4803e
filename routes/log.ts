/**
 * The log for strangers: checkpoint, tiles and entries as C2SP tlog-tiles has them under `/log/`,
 * and proofs for those who do not want to walk tiles.
 *
 * It needs no sign-in, says nothing that depends on who asks, and sets no nonce, so that a cache may
 * stand in front of it. What is final is cached for good, a head for seconds.
 *
 * @module
 */

import { type Context as Exchange } from "hono";
import { type Context } from "../core/context.ts";
import { ServiceError } from "../core/error.ts";
import {
  auditedHead,
  bundleAt,
  consistencyOf,
  epochOf,
  publishedHead,
  tileAt,
} from "../core/log_read.ts";
import { type Published } from "../kv/published.ts";
import { utf8 } from "../crypto/bytes.ts";
import {
  AUDIT,
  AUDITED,
  CHECKPOINT,
  CONSISTENCY,
  consistencyToWire,
  epochToWire,
} from "../wire/log.ts";
import { ENTRIES, parseTilePath, TILES } from "../wire/tile_path.ts";
import { consistencyAnswer, epochAnswer } from "../wire/schema_answers.ts";
import { consistencyQuery, epochPlace, epochQuery, tilePlace } from "../wire/schema_query.ts";
import { cached, FOR_SECONDS, FOREVER } from "./cached.ts";
import { json, media, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

const TEXT = "text/plain; charset=utf-8";
const BINARY = "application/octet-stream";
const JSON_TYPE = "application/json";

/** The log. */
export function logRoutes({ ctx }: Api): readonly Served[] {
  return [...fileRoutes(ctx), ...proofRoutes(ctx)];
}

/** What C2SP tlog-tiles has as files. */
function fileRoutes(ctx: Context): readonly Served[] {
  const shared = { method: "GET", topic: "log", access: "anybody", isCacheable: true } as const;
  return [
    serve({
      ...shared,
      id: "getCheckpoint",
      path: CHECKPOINT,
      summary: "The newest published head, a signed note",
      misplaced: "not_found",
      answer: media(TEXT, "A C2SP tlog-checkpoint"),
      codes: [],
    }, (exchange) => head(exchange, publishedHead(ctx))),
    serve({
      ...shared,
      id: "getAuditedCheckpoint",
      path: AUDITED,
      summary: "The newest head that an auditor cosigned",
      misplaced: "not_found",
      answer: media(TEXT, "A C2SP tlog-checkpoint"),
      codes: ["not_found"],
    }, (exchange) => head(exchange, auditedHead(ctx))),
    serve({
      ...shared,
      id: "getTile",
      path: `${TILES}/:path{.+}`,
      summary: "A tile of the log's tree, or a bundle of its entries",
      place: tilePlace,
      misplaced: "not_found",
      answer: media(BINARY, "Hashes of 32 bytes, or entries behind their lengths"),
      codes: ["not_found"],
    }, async (exchange, { place }) => {
      const tile = parseTilePath(`${TILES}/${place.path}`);
      if (tile === null) throw new ServiceError("not_found", "Nothing is at this path");
      const { level, index, width } = tile;
      const bytes = level === ENTRIES
        ? await bundleAt(ctx, index, width)
        : await tileAt(ctx, { level, index, width });
      return cached(exchange, bytes, BINARY, FOREVER);
    }),
  ];
}

/** Proofs for those who do not want to walk tiles. */
function proofRoutes(ctx: Context): readonly Served[] {
  const shared = { method: "GET", topic: "log", access: "anybody", isCacheable: true } as const;
  return [
    serve({
      ...shared,
      id: "proveConsistency",
      path: CONSISTENCY,
      summary: "Prove that a larger log continues a smaller one",
      query: consistencyQuery,
      answer: json(consistencyAnswer, "The proof"),
      codes: ["head_unknown"],
    }, async (exchange, { query: { from, to } }) => {
      const proof = consistencyToWire(from, to, await consistencyOf(ctx, from, to));
      return cached(exchange, utf8(JSON.stringify(proof)), JSON_TYPE, FOREVER);
    }),
    serve({
      ...shared,
      id: "getEpoch",
      path: `${AUDIT}/:index`,
      summary: "One epoch of the log with all that shows that it is right",
      place: epochPlace,
      misplaced: "not_found",
      query: epochQuery,
      answer: json(epochAnswer, "The epoch"),
      codes: ["not_found", "head_unknown"],
    }, async (exchange, { place: { index }, query: { size = null } }) => {
      const epoch = await epochOf(ctx, index, size);
      const text = JSON.stringify(epochToWire(index, epoch.size, epoch.answer));
      // In a tree that was not named the proofs change with every head.
      return cached(exchange, utf8(text), JSON_TYPE, size === null ? FOR_SECONDS : FOREVER);
    }),
  ];
}

async function head(exchange: Exchange, read: Promise<Published>): Promise<Response> {
  return cached(exchange, utf8((await read).note), TEXT, FOR_SECONDS);
}
