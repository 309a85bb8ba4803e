/**
 * A request's JSON body: bounded, read, and of the shape that its schema says.
 *
 * Bodies are counted while they are read, so that a length that lies gains nothing.
 *
 * @module
 */

import { type Context as Exchange } from "hono";
import { ServiceError } from "../core/error.ts";
import { concat, fromUtf8 } from "../crypto/bytes.ts";
import { parseJson } from "../wire/json_text.ts";
import { MAX_BODY_BYTES, REQUEST_TIMEOUT_MS } from "../wire/limits.ts";
import { requireShape, type Schema } from "./json_shape.ts";

/** A body that was read. */
export interface ReadBody<T> {
  /** What it says. */
  readonly body: T;
  /** As it came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * A request's JSON body, checked by its schema.
 *
 * @throws ServiceError `unsupported_media_type`, `too_large`, `malformed`, `unavailable`
 */
export async function bodyOf<T>(exchange: Exchange, schema: Schema<T>): Promise<ReadBody<T>> {
  const type = exchange.req.header("content-type")?.replace(/;.*/, "").trim().toLowerCase();
  if (type !== "application/json") {
    throw new ServiceError("unsupported_media_type", "The body has to be application/json");
  }
  const bytes = await readBody(exchange.req.raw);
  const text = fromUtf8(bytes);
  const value = text === null ? undefined : parseJson(text);
  if (value === undefined) throw new ServiceError("malformed", "The body is not readable JSON");
  return { body: requireShape(schema, value, "The body"), bytes };
}

/**
 * A request's whole body; a part of it never passes for the whole.
 *
 * @throws ServiceError `too_large`, `malformed`, `unavailable` where it took too long
 */
export async function readBody(
  request: Request,
  mostMs: number = REQUEST_TIMEOUT_MS,
): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, mostMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      // What was cancelled ends like what was read to its end.
      if (isLate) throw new ServiceError("unavailable", "The body took too long: try again");
      if (done) return concat(...parts);
      length += value.length;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      parts.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof ServiceError) throw error;
    throw new ServiceError("malformed", "The body broke off");
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(): ServiceError {
  return new ServiceError("too_large", `A body has at most ${MAX_BODY_BYTES} bytes`);
}
