/**
 * The log for strangers: checkpoint, tiles and entries as C2SP tlog-tiles has them under `/log/`,
 * and proofs for those who do not want to walk tiles.
 *
 * It needs no sign-in, says nothing that depends on who asks, and sets no nonce, so that a cache may
 * stand in front of it. What is final is cached for good, a head for seconds.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
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
import { type Bytes, toHex, utf8 } from "../crypto/bytes.ts";
import { parseDecimal } from "../crypto/checkpoint.ts";
import { sha256 } from "../crypto/primitives.ts";
import {
  AUDIT,
  AUDITED,
  CHECKPOINT,
  CONSISTENCY,
  consistencyToWire,
  epochToWire,
} from "../wire/log.ts";
import { ENTRIES, parseTilePath, TILES } from "../wire/tile_path.ts";
import { type Api, type Handler, requirePlain, route } from "./route.ts";

/** Final: what has this name never changes. */
const FOREVER = "public, max-age=31536000, immutable";
/** For a head, which the next epoch replaces. */
const FOR_SECONDS = "public, max-age=2";

const TEXT = "text/plain; charset=utf-8";
const BINARY = "application/octet-stream";
const JSON_TYPE = "application/json";

/** Puts the log into the application. */
export function logRoutes(app: Hono, api: Api): void {
  route(app, CHECKPOINT, { GET: getHead(() => publishedHead(api.ctx)) });
  route(app, AUDITED, { GET: getHead(() => auditedHead(api.ctx)) });
  route(app, `${TILES}/*`, { GET: getTile(api) });
  route(app, CONSISTENCY, { GET: getConsistency(api) });
  route(app, `${AUDIT}/:index`, { GET: getEpoch(api) });
}

function getHead(read: () => Promise<Published>): Handler {
  return async (exchange) => {
    requirePlain(exchange);
    const { note } = await read();
    return cached(exchange, utf8(note), TEXT, FOR_SECONDS);
  };
}

function getTile({ ctx }: Api): Handler {
  return async (exchange) => {
    requirePlain(exchange);
    const tile = parseTilePath(new URL(exchange.req.url).pathname);
    if (tile === null) throw new ServiceError("not_found", "Nothing is at this path");
    const { level, index, width } = tile;
    const bytes = level === ENTRIES
      ? await bundleAt(ctx, index, width)
      : await tileAt(ctx, { level, index, width });
    return cached(exchange, bytes, BINARY, FOREVER);
  };
}

function getConsistency({ ctx }: Api): Handler {
  return async (exchange) => {
    const { from, to } = sizesOf(exchange, ["from", "to"]);
    if (from === null || to === null) {
      throw new ServiceError("malformed", "The query has to hold 'from' and 'to'");
    }
    const proof = consistencyToWire(from, to, await consistencyOf(ctx, from, to));
    return cached(exchange, utf8(JSON.stringify(proof)), JSON_TYPE, FOREVER);
  };
}

function getEpoch({ ctx }: Api): Handler {
  return async (exchange) => {
    const index = parseDecimal(new URL(exchange.req.url).pathname.slice(`${AUDIT}/`.length));
    if (index === null) throw new ServiceError("not_found", "Nothing is at this path");
    const { size } = sizesOf(exchange, ["size"]);
    const epoch = await epochOf(ctx, index, size);
    const text = JSON.stringify(epochToWire(index, epoch.size, epoch.answer));
    // In a tree that was not named the proofs change with every head.
    return cached(exchange, utf8(text), JSON_TYPE, size === null ? FOR_SECONDS : FOREVER);
  };
}

/**
 * The sizes of the query: each once or, as null, not at all; in this order, and nothing else.
 *
 * @throws ServiceError `malformed`
 */
function sizesOf<Name extends string>(
  exchange: Exchange,
  names: readonly Name[],
): Record<Name, number | null> {
  const { url } = exchange.req;
  const asked = new URL(url).searchParams;
  const sizes = names.map((name) => [name, parseDecimal(asked.get(name) ?? "")] as const);
  const query = sizes.flatMap(([name, size]) => size === null ? [] : [`${name}=${size}`]).join("&");
  // Another spelling would be another name for the same answer, which goes past every cache.
  const [path, ...said] = url.split(/(?=\?)/);
  if (said.join("") !== (query === "" ? "" : `?${query}`) || path!.includes("%")) {
    const allowed = names.map((one) => `'${one}'`).join(" and ");
    throw new ServiceError("malformed", `The query holds ${allowed} alone, one size each`);
  }
  return Object.fromEntries(sizes) as Record<Name, number | null>;
}

/** An answer that may be kept, or "not modified" where the asker has it already. */
function cached(exchange: Exchange, bytes: Bytes, type: string, howLong: string): Response {
  const etag = `"${toHex(sha256(bytes).subarray(0, 16))}"`;
  const headers = { "content-type": type, "cache-control": howLong, etag };
  const known = exchange.req.header("if-none-match");
  if (known !== undefined && matches(known, etag)) {
    return new Response(null, { status: 304, headers });
  }
  // Said by ourselves, since the answer to HEAD has no body to count.
  return new Response(bytes, { headers: { ...headers, "content-length": `${bytes.length}` } });
}

/** Weak comparison (RFC 9110, section 13.1.2): a cache that compresses weakens the tag. */
function matches(known: string, etag: string): boolean {
  return known.split(",").map((one) => one.trim().replace(/^W\//, ""))
    .some((one) => one === etag || one === "*");
}
