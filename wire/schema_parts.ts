/**
 * The small shapes of which the others are made: base64url, numbers, identifiers.
 *
 * What stands in `.meta` is for readers of the published documents; what is checked stands before it.
 *
 * @module
 */

import { z } from "zod";
import { fromBase64Url, isBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import {
  MAX_FRAME_ID_CHARS,
  MAX_LABEL_CHARS,
  MAX_MEMBER_ID_CHARS,
  ROOM_ID_BYTES,
} from "./limits.ts";

/** What can be said about text that is base64url, where the check itself is code. */
const BASE64URL = { pattern: "^[A-Za-z0-9_-]*$", contentEncoding: "base64url" };

/** How long the base64url of so many bytes is. */
export const charsOf = (bytes: number): number => Math.ceil(bytes * 4 / 3);

/** Canonical base64url of `least` to `most` bytes, decoded. */
export function bytes(least: number, most: number): z.ZodType<Bytes, string> {
  const text = z.string().min(charsOf(least)).max(charsOf(most)).meta(BASE64URL);
  return text.transform((text, issues) => {
    const decoded = fromBase64Url(text);
    if (decoded === null || decoded.length < least || decoded.length > most) {
      issues.addIssue({ code: "custom", message: `not base64url of ${least} to ${most} bytes` });
      return z.NEVER;
    }
    return decoded;
  });
}

/** An opaque payload: checked for size and canonical form, relayed as it came. */
export const opaque = (most: number): z.ZodType<string, string> =>
  z.string().min(1).max(charsOf(most)).refine(
    isBase64Url,
    "not base64url",
  ).meta(BASE64URL);

/** Base64url that the service wrote. */
export const text64 = z.string().meta(BASE64URL);

/** A whole number from 0. */
export const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The same as text of a query or a path, in its one spelling; published as the number that it is. */
export const decimal: z.ZodType<number, string> = z.string().regex(/^(0|[1-9][0-9]{0,15})$/)
  .transform(Number).pipe(size).meta({
    type: "integer",
    pattern: undefined,
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
  });

/** An identifier of the client's or the service's making. */
const idOf = (most: number): z.ZodType<string, string> =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{1,${most}}$`));

/** A client's idempotency key of a frame. */
export const id = idOf(MAX_FRAME_ID_CHARS);
/** A member's id in a room. */
export const mid = idOf(MAX_MEMBER_ID_CHARS);

/** A room's id. */
export const room = z.string().length(charsOf(ROOM_ID_BYTES)).refine(
  // Of this length there is one number of bytes only.
  isBase64Url,
  "not a room id",
).meta(BASE64URL);

/** A name, as somebody writes it; whether it is one, `core/account.ts` says. */
export const label = z.string().max(MAX_LABEL_CHARS);
