/**
 * The HTTP API as an OpenAPI 3.1 document, made of the operations as they are served.
 *
 * Nothing is described here that an operation does not declare: what is wrong in the document is wrong
 * in the service.
 *
 * @module
 */

import { MAX_IDEMPOTENCY_KEY_CHARS } from "../wire/limits.ts";
import { PROBLEM_STATUS, type ProblemCode } from "../wire/problem.ts";
import { problem } from "../wire/schema_answers.ts";
import { type Json, type JsonSchemas, jsonSchemas, type Schema } from "../wire/schema_json.ts";
import { VERSION } from "../wire/service.ts";
import { type Access, codesOf, type Operation, type Topic } from "./operation.ts";

const ABOUT =
  "Signaling rooms whose payloads the service can't read, and a directory of identity " +
  "keys that a transparency log proves. The WebSocket at `/v1/ws` is described in `/asyncapi.json`, " +
  "the bytes of records, proofs and envelopes in the project's PROTOCOL.\n\n" +
  "Every refusal is an RFC 9457 problem with a stable `code`. Unknown fields are refused; clients " +
  "ignore the fields of an answer that they do not know. Numbers of a query have one spelling.";

const TOPICS: Readonly<Record<Topic, string>> = {
  "sign-in": "A proof for a token that is of no use to a thief",
  "directory": "Names, their records and prekeys",
  "devices": "A new device meets an old one",
  "mailbox": "What waits for a device that is not there",
  "rooms": "Rooms, invites, and the socket",
  "log": "The transparency log, for anybody",
  "service": "What the service says about itself",
};

const SECURITY: Readonly<Record<Access, readonly Json[]>> = {
  anybody: [],
  key: [{ proof: [] }],
  owner: [{ proof: [] }, { token: [], proof: [] }],
  visitor: [{ proof: [] }, { token: [], proof: [] }],
  device: [{ token: [], proof: [] }],
};

const SCHEMES = {
  token: {
    type: "http",
    scheme: "DPoP",
    description:
      "An access token of `POST /v1/tokens`, as `Authorization: DPoP <token>` (RFC 9449).",
  },
  proof: {
    type: "apiKey",
    in: "header",
    name: "DPoP",
    description:
      "A fresh proof for each request (RFC 9449, `typ` `dpop+jwt`, `alg` `EdDSA`): `jti`, " +
      "`htm`, `htu` without query, `iat` within 60 s, `nonce` of the newest `DPoP-Nonce`, and beside a " +
      "token `ath`, its SHA-256.",
  },
};

const HEADERS = {
  nonce: {
    description: "A nonce for the next proof, good for 60 s (RFC 9449, section 8.2).",
    schema: { type: "string" },
  },
  challenge: {
    description: "How to sign in (RFC 9449, section 7.1).",
    schema: { type: "string" },
  },
  retryAfter: {
    description: "Seconds until it is worth another try.",
    schema: { type: "integer" },
  },
  rateLimit: {
    description:
      "What is left (`r`) of the named budget, and in how many seconds (`t`) it is whole again.",
    schema: { type: "string" },
  },
  rateLimitPolicy: {
    description: "The budget: so many requests (`q`) in so many seconds (`w`).",
    schema: { type: "string" },
  },
  etag: { description: "Changes with the answer.", schema: { type: "string" } },
};

const BUDGET: Readonly<Record<string, Json>> = {
  "RateLimit": { $ref: "#/components/headers/rateLimit" },
  "RateLimit-Policy": { $ref: "#/components/headers/rateLimitPolicy" },
};

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Fresh for each request and the same when it is sent again: then it is answered as " +
    "before, for 24 hours, and not done again. A refusal frees the key.",
  schema: { type: "string", minLength: 1, maxLength: MAX_IDEMPOTENCY_KEY_CHARS },
};

/** The schemas of an operation under names of their own. */
function schemasOf(operations: readonly Operation[]): { taken: JsonSchemas; given: JsonSchemas } {
  const taken: Record<string, Schema<unknown>> = {};
  const given: Record<string, Schema<unknown>> = { problem };
  for (const { id, place, query, body, answer } of operations) {
    if (place !== undefined) taken[`${id}.place`] = place;
    if (query !== undefined) taken[`${id}.query`] = query;
    if (body !== undefined) taken[`${id}.body`] = body;
    if (answer.schema !== null) given[id] = answer.schema;
  }
  const schemas = { taken: jsonSchemas(taken, false), given: jsonSchemas(given, true) };
  const isTwice = Object.keys(schemas.taken.named).some((id) => id in schemas.given.named);
  if (isTwice) throw new Error("bug: what is taken and what is given share a schema's id");
  return schemas;
}

/** The document. @param operations all that are served */
export function openApi(operations: readonly Operation[]): Json {
  const { taken, given } = schemasOf(operations);
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const path = paths[pathOf(operation)] ??= {};
    path[operation.method.toLowerCase()] = operationOf(operation, taken, given);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Countersign",
      version: VERSION,
      description: ABOUT,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "Where this document was read" }],
    tags: Object.entries(TOPICS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...taken.named, ...given.named },
      securitySchemes: SCHEMES,
      headers: HEADERS,
      parameters: { idempotencyKey: IDEMPOTENCY_KEY },
    },
  };
}

/** `/v1/links/{slot}` of hono's `/v1/links/:slot`. */
function pathOf({ path }: Operation): string {
  return path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}");
}

function operationOf(operation: Operation, taken: JsonSchemas, given: JsonSchemas): Json {
  const { id, topic, summary, about, access, isKeyed = false } = operation;
  const body = taken.asked[`${id}.body`];
  const content = { "application/json": { schema: body } };
  const parameters = [
    ...parametersOf(taken.asked[`${id}.place`], "path"),
    ...parametersOf(taken.asked[`${id}.query`], "query"),
    ...isKeyed ? [{ $ref: "#/components/parameters/idempotencyKey" }] : [],
  ];
  return {
    operationId: id,
    tags: [topic],
    summary,
    ...about === undefined ? {} : { description: about },
    security: SECURITY[access],
    ...parameters.length === 0 ? {} : { parameters },
    ...body === undefined ? {} : { requestBody: { required: true, content } },
    responses: { ...successOf(operation, given.asked[id]), ...refusalsOf(operation) },
  };
}

function parametersOf(schema: Json | undefined, place: "path" | "query"): Json[] {
  const properties = Object.entries((schema?.["properties"] ?? {}) as Record<string, Json>);
  const needed = (schema?.["required"] ?? []) as readonly string[];
  return properties.map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: needed.includes(name),
    ...description === undefined ? {} : { description },
    schema,
  }));
}

function successOf(operation: Operation, schema: Json | undefined): Record<string, Json> {
  const { isCacheable = false, budget, path, answer: { status, type, says } } = operation;
  const isSaid = /^\/(v1|\.well-known)\//.test(path);
  const headers = {
    ...isSaid && status !== 101 ? { "DPoP-Nonce": header("nonce") } : {},
    ...isCacheable ? { ETag: header("etag") } : {},
    ...budget === undefined ? {} : BUDGET,
  };
  const content = type === null ? {} : { content: { [type]: { schema: schema ?? rawOf(type) } } };
  const response = { description: says, ...some(headers), ...content };
  const same = { description: "The asker has it already (`If-None-Match`)" };
  return { [status]: response, ...isCacheable ? { 304: same } : {} };
}

function rawOf(type: string): Json {
  return type.startsWith("text/") ? { type: "string" } : {};
}

/** The refusals of an operation by status, with the codes of each. */
function refusalsOf(operation: Operation): Record<string, Json> {
  const codes = [...codesOf(operation)].sort();
  const byStatus = Map.groupBy(codes, (code) => PROBLEM_STATUS[code]);
  const hasBudget = operation.budget !== undefined;
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [status, refusal(status, all, hasBudget)]),
  );
}

function refusal(status: number, codes: readonly ProblemCode[], hasBudget: boolean): Json {
  const narrowed = { properties: { status: { const: status }, code: { enum: codes } } };
  const headers = {
    ...status === 401
      ? { "DPoP-Nonce": header("nonce"), "WWW-Authenticate": header("challenge") }
      : {},
    ...status === 429 || status === 503 ? { "Retry-After": header("retryAfter") } : {},
    ...status === 429 && hasBudget ? BUDGET : {},
  };
  const schema = { allOf: [{ $ref: "#/components/schemas/Problem" }, narrowed] };
  return {
    description: codes.map((code) => `\`${code}\``).join(", "),
    ...some(headers),
    content: { "application/problem+json": { schema } },
  };
}

function some(headers: Readonly<Record<string, Json>>): Json {
  return Object.keys(headers).length === 0 ? {} : { headers };
}

function header(name: keyof typeof HEADERS): Json {
  return { $ref: `#/components/headers/${name}` };
}
