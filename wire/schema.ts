/**
 * What the service receives, as zod schemas: the only door through which outside JSON gets in.
 *
 * Strict throughout: an unknown field is a refusal, so that a misspelt one is never ignored.
 *
 * @module
 */

import { z } from "zod";
import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { MAX_CT_BYTES, MAX_FRAME_ID_CHARS, MAX_SIGNAL_TARGETS, ROOM_ID_BYTES } from "./limits.ts";

/** Canonical base64url of `least` to `most` bytes, decoded. */
function bytes(least: number, most: number): z.ZodType<Bytes, string> {
  return z.string().max(Math.ceil(most * 4 / 3)).transform((text, issues) => {
    const decoded = fromBase64Url(text);
    if (decoded === null || decoded.length < least || decoded.length > most) {
      issues.addIssue({ code: "custom", message: `not base64url of ${least} to ${most} bytes` });
      return z.NEVER;
    }
    return decoded;
  });
}

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const id = z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${MAX_FRAME_ID_CHARS}}$`));
const room = z.string().length(22).refine(
  (text) => fromBase64Url(text)?.length === ROOM_ID_BYTES,
  "not a room id",
);
const mid = z.string().regex(/^[A-Za-z0-9_-]{8,32}$/);
/** An opaque payload: checked for size and canonical form, relayed as it came. */
const opaque = (most: number): z.ZodType<string> =>
  z.string().min(1).max(Math.ceil(most * 4 / 3)).refine(
    (text) => fromBase64Url(text) !== null,
    "not base64url",
  );

/** `PUT /v1/directory/{label}`. */
export const recordRequest = z.strictObject({
  record: bytes(1, 16_384),
  from: size.optional(),
});

/** `POST /v1/directory/{label}/bundle`. */
export const bundleRequest = z.strictObject({ from: size.optional() });

/** `PUT /v1/keys/{device}`. */
export const prekeysRequest = z.strictObject({
  set: bytes(1, 2_048),
  signature: bytes(64, 64),
  opks: z.array(bytes(32, 32)).max(32),
});

/** `POST /v1/tokens`. */
export const tokenRequest = z.strictObject({ account: z.string().max(128) });

/** A frame of a client; opaque payloads stay text. */
export const clientFrame = z.discriminatedUnion("t", [
  z.strictObject({
    t: z.literal("auth"),
    token: z.string().max(4_096),
    proof: z.string().max(4_096),
  }),
  z.strictObject({ t: z.literal("join"), id, room }),
  z.strictObject({ t: z.literal("leave"), id, room }),
  z.strictObject({
    t: z.literal("signal"),
    id,
    room,
    to: z.union([z.literal("*"), mid, z.array(mid).min(1).max(MAX_SIGNAL_TARGETS)]),
    ct: opaque(MAX_CT_BYTES),
  }),
  z.strictObject({
    t: z.literal("ring"),
    id,
    to: z.string().max(128),
    common: opaque(1_344),
    offers: z.array(z.strictObject({ device: size, offer: opaque(MAX_CT_BYTES) })).min(1).max(8),
  }),
  z.strictObject({ t: z.literal("ping") }),
  z.strictObject({ t: z.literal("pong") }),
  z.strictObject({ t: z.literal("bye") }),
]);
