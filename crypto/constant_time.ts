/**
 * Comparing secrets.
 *
 * `@std/crypto` would do the same, but that package lives on JSR only and a published client folder
 * imports from npm only; either source fits behind this function.
 *
 * @module
 */

/** Whether both hold the same bytes, in a time that depends on their lengths only. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
