/**
 * A connection as bytes: what an instance leaves for the one that goes on with it.
 *
 * @module
 */

import { type Bytes, fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { type RecentId } from "../recent_ids.ts";
import { type Unnumbered } from "../effect.ts";

/** What an owner knows of a connection. */
export interface Snapshot {
  /** The owner. */
  readonly instance: string;
  /** How far it has delivered of each sender's rows of its inbox. */
  readonly cursors: Readonly<Record<string, number>>;
  readonly lostMs: number | null;
  /** The number of its last frame. */
  readonly seq: number;
  /** The frames that its client has not acked, without their numbers. */
  readonly frames: readonly Unnumbered[];
  readonly recent: readonly RecentId[];
}

/** Encodes a snapshot. */
export function writeState(snapshot: Snapshot): Bytes {
  return utf8(JSON.stringify(snapshot));
}

/** Decodes what an instance of this service wrote. */
export function readState(bytes: Bytes): Snapshot {
  const text = fromUtf8(bytes);
  if (text === null) throw new Error("bug: a snapshot is not text");
  return JSON.parse(text) as Snapshot;
}
