/**
 * The directory over HTTP: registering a name, proving one, taking its bundles, publishing prekeys.
 *
 * Registering needs no sign-in, since the record is signed by the key that it brings. Everything
 * else does: records are not public.
 *
 * @module
 */

import { type Context as Exchange, type Hono } from "hono";
import { labelOf } from "../core/account.ts";
import { lookup, takeBundles } from "../core/directory.ts";
import { register } from "../core/registration.ts";
import { ServiceError } from "../core/error.ts";
import { publishPrekeys } from "../core/prekeys.ts";
import { type BundlesWire, bundleToWire, lookupToWire } from "../wire/directory.ts";
import { bundleRequest, prekeysRequest, recordRequest } from "../wire/schema.ts";
import { bodyOf } from "./body.ts";
import { type Api, type Handler, principalOf, route } from "./route.ts";

/** Puts the directory into the application. */
export function directoryRoutes(app: Hono, api: Api): void {
  route(app, "/v1/directory/:label", { PUT: putRecord(api) });
  route(app, "/v1/directory/:label/proof", { GET: getProof(api) });
  route(app, "/v1/directory/:label/bundle", { POST: postBundle(api) });
  route(app, "/v1/keys/:device", { PUT: putPrekeys(api) });
}

function putRecord(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { record, from } = await bodyOf(exchange, recordRequest);
    return exchange.json(lookupToWire(await register(api.ctx, label, record, from ?? null)));
  };
}

function getProof(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const from = fromOf(exchange);
    await principalOf(api, exchange);
    return exchange.json(lookupToWire(await lookup(api.ctx, label, from)));
  };
}

function postBundle(api: Api): Handler {
  return async (exchange) => {
    const label = labelOf(exchange.req.param("label")!);
    const { from } = await bodyOf(exchange, bundleRequest);
    const { account } = await principalOf(api, exchange);
    const taken = await takeBundles(api.ctx, account, label, from ?? null);
    const bundles = taken.bundles.map(bundleToWire);
    const answer: BundlesWire = { ...lookupToWire(taken.lookup), bundles };
    return exchange.json(answer);
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

/** The `from` of the query, or null where there is none. @throws ServiceError `malformed` */
function fromOf(exchange: Exchange): number | null {
  const query = new URL(exchange.req.url).searchParams;
  const given = query.getAll("from");
  if (query.size !== given.length || given.length > 1) {
    throw new ServiceError("malformed", "The query may hold one 'from' and nothing else");
  }
  const [text] = given;
  if (text === undefined) return null;
  const size = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(size)) {
    throw new ServiceError("malformed", "'from' has to be the size of a head");
  }
  return size;
}
