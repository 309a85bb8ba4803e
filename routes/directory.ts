/**
 * The directory over HTTP: a name's records, its proof, its bundles, and prekeys.
 *
 * Bringing a record needs no sign-in, since records carry their own authority: signatures, and for a
 * first one or a reset what the name policy asks for, in the body. Everything else does, because records
 * are not public; an owner without a device shows in another way that the name is theirs.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { labelOf } from "../core/account.ts";
import { lookup, takeBundles } from "../core/directory.ts";
import { register, resetName } from "../core/registration.ts";
import { ServiceError } from "../core/error.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type LookupQuery } from "../core/lookup_proof.ts";
import { requireOwner } from "../core/ownership.ts";
import { publishPrekeys, requirePublished } from "../core/prekeys.ts";
import { type BundlesWire, bundleToWire, lookupToWire } from "../wire/directory.ts";
import { PREKEYS_CHECK } from "../wire/paths.ts";
import { bundleRequest, prekeysCheck, prekeysRequest, recordRequest } from "../wire/schema.ts";
import { bodyOf } from "./body.ts";
import { type Api, credentialsOf, type Handler, principalOf, route } from "./route.ts";

/** A record as somebody brings it. */
interface BroughtRecord extends LookupQuery {
  readonly record: Bytes;
  readonly from: number | null;
  readonly authorization: string | null;
}

/** Puts the directory into the application. */
export function directoryRoutes(app: Hono, api: Api): void {
  route(app, "/v1/directory/:label", { PUT: putRecord(api) });
  route(app, "/v1/directory/:label/reset", { POST: postReset(api) });
  route(app, "/v1/directory/:label/proof", { GET: getProof(api) });
  route(app, "/v1/directory/:label/owner", { GET: getOwnersProof(api) });
  route(app, "/v1/directory/:label/bundle", { POST: postBundle(api) });
  route(app, PREKEYS_CHECK, { POST: postCheck(api) });
  route(app, "/v1/keys/:device", { PUT: putPrekeys(api) });
}

function putRecord(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { record, from, authorization, ...query } = await recordOf(exchange);
    const answer = await register(api.ctx, label, record, from, authorization, query);
    return exchange.json(lookupToWire(answer));
  };
}

function postReset(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { record, from, authorization, ...query } = await recordOf(exchange);
    const answer = await resetName(api.ctx, label, record, from, authorization, query);
    return exchange.json(lookupToWire(answer));
  };
}

function getProof(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { from, known, through } = queryOf(exchange);
    await principalOf(api, exchange);
    return exchange.json(lookupToWire(await lookup(api.ctx, label, from, { known, through })));
  };
}

function getOwnersProof(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { from, known, through } = queryOf(exchange);
    await requireOwner(api.ctx, label, credentialsOf(api, exchange));
    return exchange.json(lookupToWire(await lookup(api.ctx, label, from, { known, through })));
  };
}

function postBundle(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { from, known } = await bodyOf(exchange, bundleRequest);
    const { account } = await principalOf(api, exchange);
    const query = { known: known ?? null, through: null };
    const taken = await takeBundles(api.ctx, account, label, from ?? null, query);
    const bundles = taken.bundles.map(bundleToWire);
    const answer: BundlesWire = { ...lookupToWire(taken.lookup), bundles };
    // Compressed, its length would tell again what the pads hide.
    return exchange.json(answer, 200, { "cache-control": "no-store, no-transform" });
  };
}

function postCheck(api: Api): Handler {
  return async (exchange) => {
    const { hash } = await bodyOf(exchange, prekeysCheck);
    const { account, deviceId } = await principalOf(api, exchange);
    await requirePublished(api.ctx, account, deviceId, hash);
    return new Response(null, { status: 204 });
  };
}

function putPrekeys(api: Api): Handler {
  return async (exchange) => {
    const { set, signature, opks } = await bodyOf(exchange, prekeysRequest);
    const { account, deviceId } = await principalOf(api, exchange);
    if (exchange.req.param("device") !== String(deviceId)) {
      throw new ServiceError("forbidden", "A device publishes its own prekeys only");
    }
    await publishPrekeys(api.ctx, account, deviceId, { set, signature, opks });
    return new Response(null, { status: 204 });
  };
}

/** A record with what goes with it, null where it is absent. @throws ServiceError */
async function recordOf(exchange: Exchange): Promise<BroughtRecord> {
  const { record, from, authorization, known, through } = await bodyOf(exchange, recordRequest);
  return {
    record,
    from: from ?? null,
    authorization: authorization ?? null,
    known: known ?? null,
    through: through ?? null,
  };
}

/** The numbers of a lookup's query, null where they are absent. @throws ServiceError `malformed` */
function queryOf(exchange: Exchange): LookupQuery & { readonly from: number | null } {
  const query = new URL(exchange.req.url).searchParams;
  const numbers = { from: numberOf(query, "from"), ...versionsOf(query) };
  const given = Object.values(numbers).filter((value) => value !== null);
  if (query.size !== given.length) {
    throw new ServiceError("malformed", "The query may hold 'from', 'known', 'through', each once");
  }
  return numbers;
}

function versionsOf(query: URLSearchParams): LookupQuery {
  return { known: numberOf(query, "known"), through: numberOf(query, "through") };
}

function numberOf(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw new ServiceError("malformed", `'${name}' has to be a number in decimal`);
  }
  return value;
}
