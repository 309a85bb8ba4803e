/**
 * The brand of what a function verified that alone makes it. It stands in types, and nowhere else.
 *
 * @module
 */

/** Marks what was verified; there is no such value. */
export declare const verified: unique symbol;
