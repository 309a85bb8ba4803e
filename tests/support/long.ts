/**
 * Whether tests that measure take their whole time: `COUNTERSIGN_LONG=1`. Without it they do the same, less
 * often.
 *
 * @module
 */

/** Whether they do. */
export const isLong = Deno.env.get("COUNTERSIGN_LONG") === "1";
