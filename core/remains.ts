/**
 * What is left of connections that ended while nobody was there: enough to say why, to nobody but the
 * one who may ask.
 *
 * @module
 */

import { type ResumeRequest } from "../wire/client_frames.ts";
import { type ResumeFailure } from "../wire/frames.ts";
import { type Connection, isSame } from "./connection.ts";
import { goodKey, type ResumeKeys } from "./connection_key.ts";
import { type Party } from "./identity.ts";

/** How many are remembered. */
const MAX_REMAINS = 4_096;

/** The remains of all. */
export interface Remains {
  /** Remembers why a connection ended; the oldest is forgotten. */
  add(connection: Connection, reason: ResumeFailure): void;
  /** Why it ended; `unknown` to whoever has not its key. */
  reasonFor(party: Party, request: ResumeRequest): ResumeFailure;
}

interface Remain {
  readonly party: Party;
  readonly keys: ResumeKeys;
  readonly reason: ResumeFailure;
}

/** Nothing is left of anybody. */
export function openRemains(): Remains {
  // In the order of their ends.
  const remains = new Map<string, Remain>();
  return {
    add({ cid, party, keys }, reason) {
      if (remains.size >= MAX_REMAINS) remains.delete(remains.keys().next().value!);
      remains.set(cid, { party, keys, reason });
    },
    reasonFor(party, { cid, key }) {
      const over = remains.get(cid);
      if (over === undefined || !isSame(over.party, party)) return "unknown";
      return goodKey(over.keys, key) === null ? "unknown" : over.reason;
    },
  };
}
