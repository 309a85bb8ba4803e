/**
 * What the service receives, as zod schemas: the only door through which the JSON of bodies and
 * frames gets in. What is inside access tokens and DPoP proofs is read by `core/tokens.ts` and
 * `core/dpop.ts`, together with the signatures around it.
 *
 * Strict throughout: an unknown field is a refusal, so that a misspelt one is never ignored.
 *
 * @module
 */

import { z } from "zod";
import { HASH_BYTES, SIGNATURE_BYTES } from "../crypto/primitives.ts";
import {
  MAX_AUTHORIZATION_CHARS,
  MAX_COMMON_BYTES,
  MAX_CT_BYTES,
  MAX_INVITE_USES,
  MAX_LINK_MESSAGE_BYTES,
  MAX_MAIL_TTL_MS,
  MAX_META_BYTES,
  MAX_OFFERS,
  MAX_ONE_TIME_PREKEYS,
  MAX_PREKEY_SET_BYTES,
  MAX_PROOF_CHARS,
  MAX_RECORD_BYTES,
  MAX_SIGNAL_TARGETS,
  MAX_TOKEN_CHARS,
} from "./limits.ts";
import { bytes, charsOf, id, label, mid, opaque, room, size } from "./schema_parts.ts";

const KEY_BYTES = 32;
const DELIVERY_TOKEN_BYTES = 32;

/** What stands for bytes in an example. */
const some = (bytes: number): string => "A".repeat(charsOf(bytes));

/** `PUT /v1/directory/{label}` and `POST /v1/directory/{label}/reset`. */
export const recordRequest = z.strictObject({
  record: bytes(1, MAX_RECORD_BYTES),
  authorization: z.string().max(MAX_AUTHORIZATION_CHARS).regex(/^[A-Za-z0-9._-]+$/).optional(),
  from: size.optional(),
  known: size.optional(),
  through: size.optional(),
}).meta({
  id: "RecordRequest",
  description: "The next record of a name, with what the bringer knows of the log already.",
  examples: [{ record: some(300), from: 1234 }],
});

/** `POST /v1/directory/{label}/bundle`. */
export const bundleRequest = z.strictObject({
  from: size.optional(),
  known: size.optional(),
}).meta({ id: "BundleRequest", examples: [{ from: 1234, known: 0 }] });

/** `PUT /v1/keys/{device}`. */
export const prekeysRequest = z.strictObject({
  set: bytes(1, MAX_PREKEY_SET_BYTES),
  signature: bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
  opks: z.array(bytes(KEY_BYTES, KEY_BYTES)).max(MAX_ONE_TIME_PREKEYS),
}).meta({
  id: "PrekeysRequest",
  examples: [{ set: some(1_400), signature: some(SIGNATURE_BYTES), opks: [some(KEY_BYTES)] }],
});

/** `POST /v1/keys/check`. */
export const prekeysCheck = z.strictObject({ hash: bytes(HASH_BYTES, HASH_BYTES) }).meta({
  id: "PrekeysCheck",
  examples: [{ hash: some(HASH_BYTES) }],
});

/** `PUT /v1/links/{slot}/{side}/{n}`. */
export const linkRequest = z.strictObject({ message: bytes(1, MAX_LINK_MESSAGE_BYTES) }).meta({
  id: "LinkRequest",
  examples: [{ message: some(34) }],
});

/** `POST /v1/messages/{label}`. */
export const messageRequest = z.strictObject({
  id,
  ct: opaque(MAX_CT_BYTES),
  device: size.optional(),
  ttl_ms: z.number().int().min(1_000).max(MAX_MAIL_TTL_MS).optional(),
  delivery_token: bytes(DELIVERY_TOKEN_BYTES, DELIVERY_TOKEN_BYTES).optional(),
}).meta({ id: "MessageRequest", examples: [{ id: "m1", ct: "c2VhbGVk", ttl_ms: 3_600_000 }] });

/** `PUT /v1/delivery-token`. */
export const deliveryTokenRequest = z.strictObject({
  hash: bytes(HASH_BYTES, HASH_BYTES).nullable(),
}).meta({ id: "DeliveryTokenRequest", examples: [{ hash: some(HASH_BYTES) }] });

/** `POST /v1/tokens`. */
export const tokenRequest = z.strictObject({ account: label }).meta({
  id: "TokenRequest",
  examples: [{ account: "alice" }],
});

const role = z.enum(["host", "cohost", "member", "listener", "knocker"]);
const givenRole = role.exclude(["knocker"]);

/** `POST /v1/rooms`. */
export const roomRequest = z.strictObject({
  meta: opaque(MAX_META_BYTES).nullable().optional(),
}).meta({ id: "RoomRequest", examples: [{ meta: "c2VhbGVk" }] });

/** `PATCH /v1/rooms/{room}`: what is absent stays. */
export const roomAmendment = z.strictObject({
  locked: z.boolean().optional(),
  meta: opaque(MAX_META_BYTES).nullable().optional(),
}).meta({ id: "RoomAmendment", examples: [{ locked: true }] });

/** `POST /v1/rooms/{room}/invites`. */
export const inviteRequest = z.strictObject({
  key: bytes(KEY_BYTES, KEY_BYTES),
  role,
  uses: z.number().int().min(1).max(MAX_INVITE_USES),
  expires_ms: size,
}).meta({
  id: "InviteRequest",
  examples: [{ key: some(KEY_BYTES), role: "member", uses: 5, expires_ms: 1_790_000_000_000 }],
});

/** `POST /v1/rooms/{room}/tokens`: without an invite for somebody whom the room knows. */
export const roomTokenRequest = z.strictObject({
  invite: z.strictObject({
    key: bytes(KEY_BYTES, KEY_BYTES),
    ts_ms: size,
    signature: bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
  }).optional(),
}).meta({
  id: "RoomTokenRequest",
  examples: [{
    invite: { key: some(KEY_BYTES), ts_ms: 1_790_000_000_000, signature: some(SIGNATURE_BYTES) },
  }],
});

const token = z.string().max(MAX_TOKEN_CHARS);

/** A frame of a client; opaque payloads stay text. */
export const clientFrame = z.discriminatedUnion("t", [
  z.strictObject({
    t: z.literal("auth"),
    token,
    proof: z.string().max(MAX_PROOF_CHARS),
    resume: z.strictObject({ cid: id, key: id, seq: size }).optional(),
  }),
  z.strictObject({ t: z.literal("join"), id, room, token: token.optional() }),
  z.strictObject({ t: z.literal("leave"), id, room }),
  z.strictObject({ t: z.literal("sync"), id, room }),
  z.strictObject({
    t: z.literal("signal"),
    id,
    room,
    to: z.union([z.literal("*"), mid, z.array(mid).min(1).max(MAX_SIGNAL_TARGETS)]),
    ct: opaque(MAX_CT_BYTES),
    receipt: z.boolean().optional(),
  }),
  z.strictObject({
    t: z.literal("ring"),
    id,
    to: label,
    common: opaque(MAX_COMMON_BYTES),
    devices: z.array(size).min(1).max(MAX_OFFERS),
    offers: z.array(z.strictObject({ device: size, offer: opaque(MAX_CT_BYTES) })).min(1).max(
      MAX_OFFERS,
    ),
  }),
  z.strictObject({
    t: z.literal("meta"),
    id,
    room,
    ct: opaque(MAX_META_BYTES).nullable(),
  }),
  z.strictObject({ t: z.literal("knock"), id, room, ct: opaque(MAX_META_BYTES) }),
  z.strictObject({ t: z.literal("admit"), id, room, mid, role: givenRole.optional() }),
  z.strictObject({ t: z.literal("deny"), id, room, mid }),
  z.discriminatedUnion("act", [
    z.strictObject({ t: z.literal("mod"), id, room, act: z.enum(["kick", "ban"]), mid }),
    z.strictObject({ t: z.literal("mod"), id, room, act: z.literal("role"), mid, role: givenRole }),
    z.strictObject({ t: z.literal("mod"), id, room, act: z.enum(["lock", "unlock", "end"]) }),
  ]),
  z.strictObject({ t: z.literal("ice"), id }),
  z.strictObject({ t: z.literal("ack"), seq: size }),
  z.strictObject({ t: z.literal("ping") }),
  z.strictObject({ t: z.literal("pong") }),
  z.strictObject({ t: z.literal("bye") }),
]);
