/**
 * A witness, or an auditor with its mirror, as one fetch handler.
 *
 *     POST /add-checkpoint               C2SP tlog-witness: 200, 400, 403, 404, 409, 422; 503
 *     GET  /<origin hash>/checkpoint     the newest head that was cosigned
 *     GET  /<origin hash>/refusals       heads that were refused though their log signed them
 *     GET  /checkpoint, /tile/...        the auditor's mirror (C2SP tlog-tiles)
 *     GET  /                             whose signatures these are, and of which logs
 *
 * The origin hash is SHA-256 in lower-case hexadecimal. There is no sign-in: what a stranger sends has
 * a log's signature, or changes nothing.
 *
 * @module
 */

import { Hono } from "hono";
import { ServiceError } from "../core/error.ts";
import { bundleAt, tileAt } from "../core/log_read.ts";
import { type RefusalKind, type WitnessRole } from "../core/witness_role.ts";
import { type Bytes, fromUtf8, toHex, utf8 } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { readHead } from "../kv/head.ts";
import { type LogStore } from "../kv/log_key.ts";
import { ENTRIES, parseTilePath, TILES } from "../wire/tile_path.ts";
import { readBody } from "./body.ts";
import { setHeaders } from "./guard.ts";
import { type Log, problemResponse, refusalOf } from "./problem.ts";
import { type Handler, requirePlain, route } from "./route.ts";

/** What a witness is served from. */
export interface WitnessAppParts {
  /** What it answers. */
  readonly role: WitnessRole;
  /** Its keys, `name+hash+key`, for those who want to name it in a policy. */
  readonly verifierKeys: readonly string[];
  /** The log that an auditor mirrors, or null. */
  readonly mirror: LogStore | null;
  /** Takes faults, without secrets. */
  readonly log: Log;
}

const STATUS: Readonly<Record<RefusalKind, number>> = {
  malformed: 400,
  untrusted: 403,
  unknown_log: 404,
  inconsistent: 422,
  unavailable: 503,
};

const TEXT = "text/plain; charset=utf-8";
const FOR_SECONDS = "public, max-age=2";
const FOREVER = "public, max-age=31536000, immutable";

/** The handler of a witness. */
export function witnessApp(parts: WitnessAppParts): (request: Request) => Promise<Response> {
  const { role, mirror, log } = parts;
  const byHash = new Map(role.origins.map((origin) => [toHex(sha256(utf8(origin))), origin]));
  const app = new Hono();
  app.onError((error) => problemResponse(refusalOf(error, log)));
  app.notFound(() => problemResponse(absent()));
  route(app, "/", { GET: () => text(description(parts), 200) });
  route(app, "/add-checkpoint", { POST: addCheckpoint(role) });
  route(app, "/:hash/checkpoint", {
    GET: async (exchange) => {
      requirePlain(exchange);
      const origin = byHash.get(exchange.req.param("hash") ?? "");
      const note = origin === undefined ? null : await role.latest(origin);
      if (note === null) throw absent();
      return file(utf8(note), TEXT, FOR_SECONDS);
    },
  });
  route(app, "/:hash/refusals", {
    GET: async (exchange) => {
      requirePlain(exchange);
      const origin = byHash.get(exchange.req.param("hash") ?? "");
      if (origin === undefined) throw absent();
      return Response.json(await role.refusals(origin));
    },
  });
  if (mirror !== null) {
    route(app, "/checkpoint", { GET: mirroredHead(role, mirror) });
    route(app, "/tile/*", { GET: mirroredTile(mirror) });
  }

  return async (request) => {
    const response = await app.fetch(request);
    setHeaders(response, false);
    response.headers.set("access-control-allow-origin", "*");
    return response;
  };
}

function addCheckpoint(role: WitnessRole): Handler {
  return async (exchange) => {
    const body = fromUtf8(await readBody(exchange.req.raw));
    if (body === null) return text("The request is not UTF-8\n", STATUS.malformed);
    const answer = await role.addCheckpoint(body);
    switch (answer.kind) {
      case "cosigned":
        return text(answer.lines, 200);
      case "conflict":
        // The protocol's own type (C2SP tlog-witness).
        return file(utf8(`${answer.size}\n`), "text/x.tlog.size", "no-store", 409);
      default:
        return text(`${answer.reason}\n`, STATUS[answer.kind]);
    }
  };
}

function mirroredHead(role: WitnessRole, { origin }: LogStore): Handler {
  return async (exchange) => {
    requirePlain(exchange);
    const note = await role.latest(origin);
    if (note === null) throw absent();
    return file(utf8(note), TEXT, FOR_SECONDS);
  };
}

function mirroredTile(mirror: LogStore): Handler {
  return async (exchange) => {
    requirePlain(exchange);
    const path = new URL(exchange.req.url).pathname.replace("/tile", TILES);
    const tile = parseTilePath(path);
    if (tile === null || await readHead(mirror) === null) throw absent();
    const { level, index, width } = tile;
    const bytes = level === ENTRIES
      ? await bundleAt(mirror, index, width)
      : await tileAt(mirror, { level, index, width });
    return file(bytes, "application/octet-stream", FOREVER);
  };
}

function description({ role, verifierKeys, mirror }: WitnessAppParts): string {
  const what = mirror === null ? "A witness" : "An auditor, with a mirror of what it replayed";
  const lines = [`${what} of transparency logs (C2SP tlog-witness).`, ""];
  lines.push(...verifierKeys.map((key) => `key ${key}`));
  lines.push(...role.origins.map((origin) => `log ${origin}`));
  return `${lines.join("\n")}\n`;
}

function text(body: string, status: number): Response {
  return file(utf8(body), TEXT, "no-store", status);
}

function file(body: Bytes, type: string, howLong: string, status = 200): Response {
  return new Response(body, {
    status,
    headers: { "content-type": type, "cache-control": howLong },
  });
}

function absent(): ServiceError {
  return new ServiceError("not_found", "Nothing is at this path");
}
