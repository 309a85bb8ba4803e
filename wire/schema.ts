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
import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { HASH_BYTES, SIGNATURE_BYTES } from "../crypto/primitives.ts";
import {
  MAX_AUTHORIZATION_CHARS,
  MAX_COMMON_BYTES,
  MAX_CT_BYTES,
  MAX_FRAME_ID_CHARS,
  MAX_LABEL_CHARS,
  MAX_LINK_MESSAGE_BYTES,
  MAX_MAIL_TTL_MS,
  MAX_MEMBER_ID_CHARS,
  MAX_META_BYTES,
  MAX_OFFERS,
  MAX_ONE_TIME_PREKEYS,
  MAX_PREKEY_SET_BYTES,
  MAX_PROOF_CHARS,
  MAX_RECORD_BYTES,
  MAX_SIGNAL_TARGETS,
  MAX_TOKEN_CHARS,
  ROOM_ID_BYTES,
} from "./limits.ts";

const KEY_BYTES = 32;
const DELIVERY_TOKEN_BYTES = 32;

/** How long the base64url of so many bytes is. */
const charsOf = (bytes: number): number => Math.ceil(bytes * 4 / 3);

/** Canonical base64url of `least` to `most` bytes, decoded. */
function bytes(least: number, most: number): z.ZodType<Bytes, string> {
  return z.string().max(charsOf(most)).transform((text, issues) => {
    const decoded = fromBase64Url(text);
    if (decoded === null || decoded.length < least || decoded.length > most) {
      issues.addIssue({ code: "custom", message: `not base64url of ${least} to ${most} bytes` });
      return z.NEVER;
    }
    return decoded;
  });
}

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** An identifier of the client's or the service's making. */
const idOf = (most: number): z.ZodType<string> =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${most}}$`));
const id = idOf(MAX_FRAME_ID_CHARS);
const mid = idOf(MAX_MEMBER_ID_CHARS);
const room = z.string().length(charsOf(ROOM_ID_BYTES)).refine(
  (text) => fromBase64Url(text)?.length === ROOM_ID_BYTES,
  "not a room id",
);
/** An opaque payload: checked for size and canonical form, relayed as it came. */
const opaque = (most: number): z.ZodType<string> =>
  z.string().min(1).max(charsOf(most)).refine(
    (text) => fromBase64Url(text) !== null,
    "not base64url",
  );

/** `PUT /v1/directory/{label}` and `POST /v1/directory/{label}/reset`. */
export const recordRequest = z.strictObject({
  record: bytes(1, MAX_RECORD_BYTES),
  authorization: z.string().max(MAX_AUTHORIZATION_CHARS).regex(/^[A-Za-z0-9._-]+$/).optional(),
  from: size.optional(),
  known: size.optional(),
  through: size.optional(),
});

/** `POST /v1/directory/{label}/bundle`. */
export const bundleRequest = z.strictObject({
  from: size.optional(),
  known: size.optional(),
});

/** `PUT /v1/keys/{device}`. */
export const prekeysRequest = z.strictObject({
  set: bytes(1, MAX_PREKEY_SET_BYTES),
  signature: bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
  opks: z.array(bytes(KEY_BYTES, KEY_BYTES)).max(MAX_ONE_TIME_PREKEYS),
});

/** `POST /v1/keys/check`. */
export const prekeysCheck = z.strictObject({ hash: bytes(HASH_BYTES, HASH_BYTES) });

/** `PUT /v1/links/{slot}/{side}/{n}`. */
export const linkRequest = z.strictObject({ message: bytes(1, MAX_LINK_MESSAGE_BYTES) });

/** `POST /v1/messages/{label}`. */
export const messageRequest = z.strictObject({
  id,
  ct: opaque(MAX_CT_BYTES),
  device: size.optional(),
  ttl_ms: z.number().int().min(1_000).max(MAX_MAIL_TTL_MS).optional(),
  delivery_token: bytes(DELIVERY_TOKEN_BYTES, DELIVERY_TOKEN_BYTES).optional(),
});

/** `PUT /v1/delivery-token`. */
export const deliveryTokenRequest = z.strictObject({
  hash: bytes(HASH_BYTES, HASH_BYTES).nullable(),
});

/** `POST /v1/tokens`. */
export const tokenRequest = z.strictObject({ account: z.string().max(MAX_LABEL_CHARS) });

const givenRole = z.enum(["host", "cohost", "member", "listener"]);
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
    to: z.string().max(MAX_LABEL_CHARS),
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
