/**
 * The directory over HTTP: a name's records, its proof, its bundles, and prekeys.
 *
 * Bringing a record needs no sign-in, since records carry their own authority: signatures, and for a
 * first one or a reset what the name policy asks for, in the body. Everything else does, because records
 * are not public; an owner without a device shows in another way that the name is theirs.
 *
 * @module
 */

import { deviceKey, labelOf } from "../core/account.ts";
import { lookup, takeBundles } from "../core/directory.ts";
import { ServiceError } from "../core/error.ts";
import { requireOwner } from "../core/ownership.ts";
import { publishPrekeys, requirePublished } from "../core/prekeys.ts";
import { register, resetName } from "../core/registration.ts";
import { type BundlesWire, bundleToWire, lookupToWire } from "../wire/directory.ts";
import { PREKEYS_CHECK } from "../wire/paths.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { bundleRequest, prekeysCheck, prekeysRequest, recordRequest } from "../wire/schema.ts";
import { bundlesAnswer, lookupAnswer } from "../wire/schema_answers.ts";
import { devicePlace, labelPlace, lookupQuery } from "../wire/schema_query.ts";
import { json, nothing, serve, type Served } from "./operation.ts";
import { type Api, credentialsOf } from "./route.ts";

const OF_LOOKUP: readonly ProblemCode[] = [
  "bad_label",
  "head_unknown",
  "record_lost",
  "log_frozen",
];
const OF_RECORD: readonly ProblemCode[] = [
  ...OF_LOOKUP,
  "bad_record",
  "name_taken",
  "name_retired",
  "record_conflict",
  "reset_pending",
  "authorization_required",
  "forbidden",
];
const PROVED = json(lookupAnswer, "The proof under the published head");

/** The directory. */
export function directoryRoutes(api: Api): readonly Served[] {
  return [...recordRoutes(api), ...lookupRoutes(api), ...prekeyRoutes(api)];
}

function recordRoutes({ ctx }: Api): readonly Served[] {
  return [
    serve({
      id: "putRecord",
      method: "PUT",
      path: "/v1/directory/:label",
      topic: "directory",
      summary: "Bring the next record of a name; the answer comes when the log has published it",
      about:
        "The record carries its own authority: signatures, and for a first record what the name " +
        "policy asks for. The same record again changes nothing.",
      access: "anybody",
      place: labelPlace,
      misplaced: "bad_label",
      body: recordRequest,
      answer: PROVED,
      codes: OF_RECORD,
    }, async (_exchange, { place, body }) => {
      const { record, from, authorization = null, ...query } = brought(body);
      const answer = await register(ctx, labelOf(place.label), record, from, authorization, query);
      return lookupToWire(answer);
    }),
    serve({
      id: "resetName",
      method: "POST",
      path: "/v1/directory/:label/reset",
      topic: "directory",
      summary: "Ask the operator to reset a name whose devices are lost",
      about:
        "Takes a fresh authorization of the name policy. For 72 hours an old device can undo it.",
      access: "anybody",
      place: labelPlace,
      misplaced: "bad_label",
      body: recordRequest,
      answer: PROVED,
      codes: OF_RECORD,
    }, async (_exchange, { place, body }) => {
      const { record, from, authorization = null, ...query } = brought(body);
      const answer = await resetName(ctx, labelOf(place.label), record, from, authorization, query);
      return lookupToWire(answer);
    }),
  ];
}

function lookupRoutes(api: Api): readonly Served[] {
  const { ctx } = api;
  return [
    serve({
      id: "lookUp",
      method: "GET",
      path: "/v1/directory/:label/proof",
      topic: "directory",
      summary: "Prove what the log has of a name, or that it has nothing",
      access: "device",
      place: labelPlace,
      misplaced: "bad_label",
      query: lookupQuery,
      answer: PROVED,
      codes: OF_LOOKUP,
    }, async (_exchange, { place, query }) => {
      const { from, ...versions } = brought(query);
      return lookupToWire(await lookup(ctx, labelOf(place.label), from, versions));
    }),
    serve({
      id: "lookUpAsOwner",
      method: "GET",
      path: "/v1/directory/:label/owner",
      topic: "directory",
      summary: "The same for the name's owner, who has no device of it",
      about:
        "By a proof with the recovery key, or by a proof with a fresh key and an authorization of " +
        "the name policy as its token.",
      access: "owner",
      place: labelPlace,
      misplaced: "bad_label",
      query: lookupQuery,
      answer: PROVED,
      codes: [...OF_LOOKUP, "bad_record", "authorization_required", "forbidden"],
    }, async (exchange, { place, query }) => {
      const label = labelOf(place.label);
      const { from, ...versions } = brought(query);
      await requireOwner(ctx, label, credentialsOf(api, exchange));
      return lookupToWire(await lookup(ctx, label, from, versions));
    }),
    serve({
      id: "takeBundles",
      method: "POST",
      path: "/v1/directory/:label/bundle",
      topic: "directory",
      summary: "Look a name up and take a one-time prekey of each of its devices",
      about:
        "Who took as many one-time prekeys as they may gets bundles without one, as long as others.",
      access: "device",
      place: labelPlace,
      misplaced: "bad_label",
      body: bundleRequest,
      answer: json(bundlesAnswer, "The proof, and one bundle for each current device"),
      codes: [...OF_LOOKUP, "self_call"],
    }, async (exchange, { place, body, principal }) => {
      const { from, known } = brought(body);
      const query = { known, through: null };
      const label = labelOf(place.label);
      const taken = await takeBundles(ctx, principal.account, label, from, query);
      const bundles = taken.bundles.map(bundleToWire);
      const answer: BundlesWire = { ...lookupToWire(taken.lookup), bundles };
      // Compressed, its length would tell again what the pads hide.
      return exchange.json(answer, 200, { "cache-control": "no-store, no-transform" });
    }),
  ];
}

function prekeyRoutes({ ctx }: Api): readonly Served[] {
  return [
    serve({
      id: "checkPrekeys",
      method: "POST",
      path: PREKEYS_CHECK,
      topic: "directory",
      summary: "Ask whether the service holds the newest prekey set of one's device",
      access: "device",
      body: prekeysCheck,
      answer: nothing("It does"),
      codes: ["prekeys_differ"],
    }, async (_exchange, { body, principal }) => {
      await requirePublished(ctx, principal.account, principal.deviceId, body.hash);
      return null;
    }),
    serve({
      id: "putPrekeys",
      method: "PUT",
      path: "/v1/keys/:device",
      topic: "directory",
      summary: "Replace the prekeys of one's device",
      access: "device",
      place: devicePlace,
      misplaced: "forbidden",
      body: prekeysRequest,
      budget: {
        name: "prekeys",
        buckets: ctx.publications,
        key: ({ principal }) => deviceKey(principal),
      },
      answer: nothing("They are published"),
      codes: ["forbidden", "bad_prekeys", "prekeys_conflict", "log_frozen"],
    }, async (_exchange, { place, body, principal }) => {
      const { account, deviceId } = principal;
      if (place.device !== deviceId) {
        throw new ServiceError("forbidden", "A device publishes its own prekeys only");
      }
      await publishPrekeys(ctx, account, deviceId, body);
      return null;
    }),
  ];
}

/** What a request brought, null where it is absent. */
function brought<T extends Asked>(asked: T): Brought<T> {
  const { from = null, known = null, through = null } = asked;
  return { ...asked, from, known, through };
}

interface Asked {
  readonly from?: number | undefined;
  readonly known?: number | undefined;
  readonly through?: number | undefined;
}

type Brought<T> = Omit<T, keyof Asked> & {
  readonly from: number | null;
  readonly known: number | null;
  readonly through: number | null;
};
