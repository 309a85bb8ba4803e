/**
 * The text of a log's checkpoint (C2SP tlog-checkpoint): how large the tree is and what its root is.
 *
 *     body = origin "\n" decimal(size) "\n" base64(root) "\n"
 *
 * Extension lines are refused: cosigners of type 0x06 do not sign them, so two clients could hold
 * the same cosignatures over different texts. One tree, one body: the size has no leading zeros,
 * the base64 is canonical, and the empty tree has its one root. Nothing here is verified.
 *
 * @module
 */

import { fromBase64, toBase64 } from "./base64.ts";
import { type Bytes, equal, utf8 } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { HASH_BYTES } from "./primitives.ts";
import { emptyRoot } from "./tree.ts";

/** The longest origin in bytes of UTF-8. */
export const MAX_ORIGIN_BYTES = 255;

/** The head of a log. */
export type Checkpoint = {
  /** Which log it is. */
  readonly origin: string;
  /** How many leaves the tree has, below 2^53. */
  readonly size: number;
  /** The root of the tree, 32 bytes. */
  readonly root: Bytes;
};

/** The body of a checkpoint, which is the text of its note. */
export function encodeCheckpoint({ origin, size, root }: Checkpoint): string {
  const body = `${origin}\n${size}\n${toBase64(root)}\n`;
  if (parseBody(body) === null) throw new Error("bug: a checkpoint that cannot be");
  return body;
}

/** Reads the body of a checkpoint. @throws CryptoError `malformed` */
export function parseCheckpoint(body: string): Checkpoint {
  const checkpoint = parseBody(body);
  if (checkpoint === null) {
    throw new CryptoError("malformed", "Not the three lines of a checkpoint in canonical form");
  }
  return checkpoint;
}

/**
 * A tree size or leaf index in its one decimal spelling, or null: no sign, no leading zeros, below
 * 2^53.
 */
export function parseDecimal(text: string): number | null {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

function parseBody(body: string): Checkpoint | null {
  const lines = body.split("\n", 5);
  if (lines.length !== 4 || lines[3] !== "") return null;
  const [origin, decimal, base64] = lines as [string, string, string, string];
  const size = parseDecimal(decimal);
  const root = base64.length === 44 ? fromBase64(base64) : null;
  if (!isOrigin(origin) || size === null || root?.length !== HASH_BYTES) return null;
  return size === 0 && !equal(root, emptyRoot()) ? null : { origin, size, root };
}

function isOrigin(origin: string): boolean {
  return origin !== "" && origin.isWellFormed() && !/\p{Cc}/u.test(origin) &&
    utf8(origin).length <= MAX_ORIGIN_BYTES;
}
