/**
 * What the service answers over HTTP, as zod schemas: published in `/openapi.json`, and held against
 * every answer that the service gives in the tests.
 *
 * Each is of the type that `wire/` has for it. Clients ignore fields that they do not know.
 *
 * @module
 */

import { z } from "zod";
import { type BundlesWire, type LookupWire } from "./directory.ts";
import { type KeySetWire } from "./key_set.ts";
import { type LinkMessagesWire } from "./link.ts";
import {
  MAX_LINK_MESSAGES,
  MAX_OFFERS,
  MAX_ROOM_INVITES,
  MAX_ROOMS_PER_CREATOR,
} from "./limits.ts";
import { type ConsistencyWire, type EpochWire } from "./log.ts";
import { type Problem, PROBLEM_STATUS, type ProblemCode } from "./problem.ts";
import {
  type InvitesWire,
  type InviteWire,
  ROLES,
  type RoomsWire,
  type RoomTokenWire,
  type RoomWire,
} from "./room.ts";
import { codeTexts } from "./problem_texts.ts";
import { charsOf, size, text64 } from "./schema_parts.ts";
import { type ServiceDescription } from "./service.ts";
import { type TokenWire } from "./token.ts";

const hash = z.string().length(charsOf(32)).meta({ contentEncoding: "base64url" });
const hashes = z.array(hash).readonly();

const CODES = Object.keys(PROBLEM_STATUS) as [ProblemCode, ...ProblemCode[]];

/** Every code of a refusal. */
export const problemCode = z.enum(CODES).meta({
  id: "ProblemCode",
  description: "Why something was refused. The list is closed: a new code is a new version.",
  "x-codes": codeTexts(),
});

/** A refusal, `application/problem+json`. */
export const problem: z.ZodType<Problem, Problem> = z.strictObject({
  type: z.literal("about:blank"),
  status: z.number().int().min(400).max(599),
  code: problemCode,
  title: z.string().meta({ description: "One sentence for people, without names or secrets." }),
}).meta({
  id: "Problem",
  description: "A refusal (RFC 9457). Programs go by `code`.",
  examples: [{
    type: "about:blank",
    status: 404,
    code: "name_not_found",
    title: "Nobody has this name",
  }],
});

const proof = z.string().meta({ description: "A C2SP tlog-proof." });
const consistency = hashes.meta({
  description: "Consistency hashes from the head that was named, base64url.",
});

/** The answer to a lookup. */
export const lookupAnswer: z.ZodType<LookupWire, LookupWire> = z.strictObject({
  proof,
  consistency,
}).meta({ id: "Lookup", description: "What the log proves about a name." });

/** The answer to a bundle request. */
export const bundlesAnswer: z.ZodType<BundlesWire, BundlesWire> = z.strictObject({
  proof,
  consistency,
  bundles: z.array(
    z.strictObject({
      device: size,
      set: text64,
      signature: text64,
      opk: z.strictObject({ index: size, key: text64, path: hashes }).nullable().meta({
        description: "A one-time prekey with its way to the set's root; null where none is left.",
      }),
      pad: z.string().meta({ description: "Random characters that nobody reads." }),
    }).meta({ id: "Bundle", description: "What a call to one device begins with." }),
  ).max(MAX_OFFERS).readonly(),
}).meta({ id: "Bundles", description: "A lookup, and one bundle for each current device." });

/** The answer to a sign-in. */
export const tokenAnswer: z.ZodType<TokenWire, TokenWire> = z.strictObject({
  access_token: z.string(),
  token_type: z.literal("DPoP"),
  expires_in: size.meta({ description: "Life in seconds." }),
}).meta({ id: "Token", description: "An access token bound to the key of the proof (RFC 9449)." });

/** The messages of one side of a meeting. */
export const linkMessagesAnswer: z.ZodType<LinkMessagesWire, LinkMessagesWire> = z.strictObject({
  messages: z.array(text64).max(MAX_LINK_MESSAGES).readonly(),
}).meta({ id: "LinkMessages" });

/** A consistency proof. */
export const consistencyAnswer: z.ZodType<ConsistencyWire, ConsistencyWire> = z.strictObject({
  from: size,
  to: size,
  hashes: hashes.meta({ description: "PROOF(from, D[to]) of RFC 6962." }),
}).meta({ id: "Consistency" });

const provenEntry = z.strictObject({
  entry: text64,
  hashes: hashes.meta({ description: "PATH(m, D[size]) of RFC 6962." }),
}).meta({ id: "ProvenEntry" });

/** One epoch of the log with all that shows it. */
export const epochAnswer: z.ZodType<EpochWire, EpochWire> = z.strictObject({
  index: size,
  size,
  before: provenEntry,
  batch: provenEntry,
  root: provenEntry,
  transition: text64.meta({ description: "The encoded TransitionProof." }),
}).meta({ id: "Epoch" });

/** How the service describes itself. */
export const serviceAnswer: z.ZodType<ServiceDescription, ServiceDescription> = z.strictObject({
  version: z.literal(1),
  origin: z.string().meta({ description: "The log's origin." }),
  verifier: z.string().meta({ description: "The log's Ed25519 key, `name+hash+key`." }),
  verifiers: z.array(z.string()).readonly().meta({
    description: "Every key that signs the log's heads.",
  }),
  vrf: text64.meta({ description: "The key under which names are hidden in the log." }),
  config: z.string().meta({ description: "A tlog-proof of CONFIG, the log's first entry." }),
  policy: z.enum(["open", "grant", "oidc"]).meta({ description: "Who may take a name." }),
  witnesses: z.string().meta({ description: "A C2SP tlog-policy, for people to read." }),
  push: text64.nullable().meta({
    description: "The `applicationServerKey` of push subscriptions; null without Web Push.",
  }),
  limits: z.record(z.string(), z.number()).readonly().meta({
    description: "Every limit by name, with its unit in the name.",
  }),
}).meta({ id: "Service" });

/** The answer of a service that is well. */
export const healthAnswer = z.strictObject({ status: z.literal("ok") }).meta({ id: "Health" });

/** The service's public keys. */
export const keySetAnswer: z.ZodType<KeySetWire, KeySetWire> = z.strictObject({
  keys: z.array(
    z.strictObject({
      kty: z.literal("OKP"),
      crv: z.literal("Ed25519"),
      alg: z.literal("EdDSA"),
      use: z.literal("sig"),
      kid: z.enum(["tokens", "receipts"]).meta({ description: "What the key signs." }),
      x: hash,
    }),
  ).readonly(),
}).meta({ id: "KeySet", description: "A JWK set (RFC 7517)." });

/** A published document. */
export const documentAnswer = z.record(z.string(), z.unknown());

const role = z.enum(ROLES);

/** A managed room as those see it who run it. */
export const roomAnswer: z.ZodType<RoomWire, RoomWire> = z.strictObject({
  room: text64,
  epoch: size.meta({ description: "One more with every kick, ban, lock and end." }),
  locked: z.boolean(),
  ended: z.boolean(),
  meta: text64.nullable().meta({ description: "Sealed by the members; null for none." }),
  role: role.meta({ description: "What whoever asks is in it." }),
  people: size.meta({ description: "How many people the room knows." }),
  expires_ms: size.meta({ description: "When it ends unless somebody comes, Unix milliseconds." }),
}).meta({ id: "Room", description: "A managed room." });

/** Somebody's rooms. */
export const roomsAnswer: z.ZodType<RoomsWire, RoomsWire> = z.strictObject({
  rooms: z.array(roomAnswer).max(MAX_ROOMS_PER_CREATOR).readonly(),
}).meta({ id: "Rooms", description: "The open rooms that an account made." });

/** An invite as those see it who may invite. */
export const inviteAnswer: z.ZodType<InviteWire, InviteWire> = z.strictObject({
  key: text64.meta({ description: "The public half of its key, which is its id." }),
  role: role.meta({ description: "As what it lets in." }),
  uses: size,
  used: size,
  expires_ms: size,
}).meta({ id: "Invite", description: "An invite into a room, but for its link." });

/** A room's invites. */
export const invitesAnswer: z.ZodType<InvitesWire, InvitesWire> = z.strictObject({
  invites: z.array(inviteAnswer).max(MAX_ROOM_INVITES).readonly(),
}).meta({ id: "Invites", description: "A room's invites that are not over." });

/** A room token. */
export const roomTokenAnswer: z.ZodType<RoomTokenWire, RoomTokenWire> = z.strictObject({
  token: z.string(),
  identity: z.string().meta({ description: "Who the room takes the asker for." }),
  role,
  epoch: size,
  expires_in: size.meta({ description: "Life in seconds." }),
  meta: text64.nullable(),
}).meta({ id: "RoomToken", description: "A token for one room, bound to the key of the proof." });
