/**
 * One operation of the API, declared once: where it is, who may ask, what it takes, what it answers,
 * and which refusals it gives. What is declared is what is done: `mount` parses, signs in and answers
 * by it, and `openapi.ts` publishes it.
 *
 *     serve({ id, method, path, ..., body: recordRequest, answer: json(200, lookupAnswer) },
 *       async (exchange, { place, body }) => lookupToWire(await register(...)))
 *
 * @module
 */

import { type Context as Exchange } from "hono";
import { type KeyedBuckets } from "../core/token_bucket.ts";
import { type Principal } from "../core/tokens.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { type Schema } from "../wire/schema_json.ts";

/** What an operation belongs to. */
export type Topic = "sign-in" | "directory" | "devices" | "mailbox" | "rooms" | "log" | "service";

/**
 * Who may ask: anybody; a key, by a DPoP proof alone; the owner of a name, by a proof with their
 * recovery key or with an authorization; a visitor of a room, by a proof alone as a guest, or by an
 * access token with a proof; or a device, by an access token with a proof.
 */
export type Access = "anybody" | "key" | "owner" | "visitor" | "device";

/** What an operation answers when all is well. */
export interface Answer<A> {
  /** The HTTP status. */
  readonly status: 101 | 200 | 201 | 202 | 204;
  /** The media type, or null where there is no body. */
  readonly type: string | null;
  /** The JSON, or null where it is none. */
  readonly schema: Schema<A> | null;
  /** One sentence. */
  readonly says: string;
}

/** One operation. Codes that follow from the rest, as of sign-in, are not listed again. */
export interface Operation<P = unknown, Q = unknown, B = unknown, A = unknown, W = Access> {
  /** In camel case; for good. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As hono writes it: `/v1/directory/:label`. */
  readonly path: string;
  readonly topic: Topic;
  /** One line. */
  readonly summary: string;
  /** What else there is to know, Markdown. */
  readonly about?: string;
  readonly access: W;
  /** The parameters of the path. */
  readonly place?: Schema<P>;
  /** The code for a path that is not as `place` says; `malformed` unless told otherwise. */
  readonly misplaced?: ProblemCode;
  /** The query; without it there must be none. */
  readonly query?: Schema<Q>;
  /** The JSON of the body. */
  readonly body?: Schema<B>;
  /** Takes an `Idempotency-Key`: for a POST by a device that changes something. */
  readonly isKeyed?: boolean;
  /** How often it may be asked for, where that is told in the answer. */
  readonly budget?: Budget<Taken<P, Q, B, W>>;
  /** Its URL has one spelling, since another would go past every cache. */
  readonly isCacheable?: boolean;
  readonly answer: Answer<A>;
  /** The refusals of its own. */
  readonly codes: readonly ProblemCode[];
}

/** How often something may be asked for by somebody. */
export interface Budget<T> {
  /** What it is called in `RateLimit`. */
  readonly name: string;
  /** What counts it. */
  readonly buckets: KeyedBuckets;
  /** Under which name a request is counted. */
  key(taken: T): string;
}

/** What a request brought, parsed. */
export interface Taken<P, Q, B, W> {
  readonly place: P;
  readonly query: Q;
  readonly body: B;
  /** Who asks, where `access` is `device`. */
  readonly principal: W extends "device" ? Principal : null;
}

/** Answers an operation: with the JSON that it declares, or with a response of its own. */
type Act<P, Q, B, A, W> = (
  exchange: Exchange,
  taken: Taken<P, Q, B, W>,
) => Promise<A | Response> | A | Response;

/** An operation with what answers it. */
export interface Served {
  readonly operation: Operation;
  readonly act: Act<unknown, unknown, unknown, unknown, Access>;
}

/** Ties an operation to what answers it; here types agree, and nowhere else do they matter. */
export function serve<P, Q, B, A, const W extends Access>(
  operation: Operation<P, Q, B, A, W>,
  act: Act<P, Q, B, A, W>,
): Served {
  return { operation: operation as Operation, act: act as Served["act"] };
}

/** JSON of a schema. */
export function json<A>(
  schema: Schema<A, unknown>,
  says: string,
  status: 200 | 201 | 202 = 200,
): Answer<A> {
  return { status, type: "application/json", schema, says };
}

/** Another media type, in a response that the handler makes itself. */
export function media(type: string, says: string): Answer<Response> {
  return { status: 200, type, schema: null, says };
}

/** No body: the handler gives null. */
export function nothing(says: string): Answer<null> {
  return { status: 204, type: null, schema: null, says };
}

const ALWAYS: readonly ProblemCode[] = ["malformed", "misdirected", "unavailable", "internal"];
const OF_BODY: readonly ProblemCode[] = ["too_large", "unsupported_media_type"];
const OF_PROOF: readonly ProblemCode[] = [
  "unauthenticated",
  "use_dpop_nonce",
  "invalid_proof",
  "proof_replayed",
];

const OF_TOKEN: readonly ProblemCode[] = ["invalid_token", "unknown_device"];
const OF_KEY: readonly ProblemCode[] = [
  "idempotency_mismatch",
  "idempotency_in_flight",
  "rate_limited",
];

/** Every refusal that an operation gives. */
export function codesOf(operation: Operation): ReadonlySet<ProblemCode> {
  const { access, body, misplaced, isKeyed = false, budget, codes } = operation;
  return new Set([
    ...ALWAYS,
    ...codes,
    ...misplaced === undefined ? [] : [misplaced],
    ...body === undefined ? [] : OF_BODY,
    ...access === "anybody" ? [] : OF_PROOF,
    ...access === "device" || access === "visitor" ? OF_TOKEN : [],
    ...isKeyed ? OF_KEY : [],
    ...budget === undefined ? [] : ["rate_limited" as const],
  ]);
}
