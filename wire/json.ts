/**
 * Reading JSON that somebody else wrote: every value is checked before it is used.
 *
 * The client reads the service's answers with these; what the service receives has zod schemas.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { fromBase64Url } from "../crypto/base64.ts";

/** Something received that is not of the shape the protocol says. */
export class WireError extends Error {
  /** @param what the value's name, for the sentence */
  constructor(what: string) {
    super(`Cannot read what was received: ${what} is not what the protocol says`);
    this.name = "WireError";
  }
}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Requires an object. @throws WireError */
export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WireError(what);
  }
  return value as JsonObject;
}

/** Requires an array of at most `most` values. @throws WireError */
export function asArray(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw new WireError(what);
  return value;
}

/** Requires a text. @throws WireError */
export function asText(value: unknown, what: string): string {
  if (typeof value !== "string") throw new WireError(what);
  return value;
}

/** Requires an integer that is not negative. @throws WireError */
export function asCount(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new WireError(what);
  return value as number;
}

/** Requires true or false. @throws WireError */
export function asBoolean(value: unknown, what: string): boolean {
  if (typeof value !== "boolean") throw new WireError(what);
  return value;
}

/** Requires one of these texts. @throws WireError */
export function asOneOf<const T extends string>(
  value: unknown,
  known: readonly T[],
  what: string,
): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw new WireError(what);
  return found;
}

/** Null as it is, and anything else as it is read. @throws what `read` does */
export function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null ? null : read(value);
}

/** Requires canonical base64url. @throws WireError */
export function asBytes(value: unknown, what: string): Bytes {
  const bytes = typeof value === "string" ? fromBase64Url(value) : null;
  if (bytes === null) throw new WireError(what);
  return bytes;
}

/** Whether an object has these members and no others. */
export function hasExactly(value: unknown, members: readonly string[]): value is JsonObject {
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(value).length === members.length &&
    members.every((member) => Object.hasOwn(value, member));
}
