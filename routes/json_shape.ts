/**
 * What was received, of the shape that a schema says. Bodies and frames go through it, and through
 * `wire/json_text.ts` before.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";

/** Where a value is wrong. */
interface Misfit {
  readonly issues: readonly { readonly path: readonly PropertyKey[] }[];
}

/** What a schema of `wire/schema.ts` is to this folder, which does not know zod. */
export interface Schema<T> {
  /** Checks a value. */
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: Misfit };
}

/** Requires the shape of a schema. @throws ServiceError `malformed`, naming the place, not the value */
export function requireShape<T>(schema: Schema<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ServiceError("malformed", `${what} is not as expected${placeOf(result.error)}`);
}

function placeOf({ issues }: Misfit): string {
  const path = issues[0]?.path ?? [];
  return path.length === 0 ? "" : `: see '${path.map(String).join(".")}'`;
}
