/**
 * Which connections are at this instance, and which are on their way from it or to it.
 *
 *     here       its frames are handed to it at once
 *     leaving    another instance asked for it: what comes is for its snapshot, or goes after it
 *     coming     it was asked for: what comes waits until its snapshot is here
 *
 * @module
 */

import { type Delivery } from "../bus.ts";
import { type SettlingEntry } from "./settler.ts";

/** Something that waits for a connection that is coming. */
export interface Held {
  readonly frame: Delivery["frame"];
  readonly entry: SettlingEntry | null;
}

/** Whom this instance has. */
export interface Residents {
  /** Whether somebody here takes frames of this connection; set by the relay. */
  has: (cid: string) => boolean;
  /** Connections that another instance asked for. */
  readonly leaving: Set<string>;
  /** What waits, by connection. */
  readonly coming: Map<string, Held[]>;
}

/** Nobody yet. */
export function openResidents(): Residents {
  return { has: () => false, leaving: new Set(), coming: new Map() };
}
