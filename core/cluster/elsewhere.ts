/**
 * A connection that a client asks for and that is not here: taken over, and made into what the presence
 * of this instance goes on with. A client that asks twice at once gets one answer.
 *
 * @module
 */

import { utf8 } from "../../crypto/bytes.ts";
import { constantTimeEqual } from "../../crypto/primitives.ts";
import { type ConnectionRow } from "../../kv/connection_rows.ts";
import { type ResumeRequest } from "../../wire/client_frames.ts";
import { type ResumeFailure } from "../../wire/frames.ts";
import { type ConnectionState } from "../connection.ts";
import { type KeyMaker, shownKey } from "../connection_key.ts";
import { type Party } from "../identity.ts";
import { type Elsewhere, type Found } from "../presence.ts";
import { type ClusterBus } from "./cluster_bus.ts";
import { type OwnRows } from "./own_rows.ts";
import { type Held } from "./residents.ts";
import { type Taken, type Takeover } from "./takeover.ts";

/** How many keys a client may be ahead of its row, whose last write an instance may have taken along. */
const KEYS_AHEAD = 4;

/** What it works with. */
export interface ElsewhereParts {
  readonly takeover: Takeover;
  readonly rows: OwnRows;
  readonly bus: ClusterBus;
  /** Derives resume keys. */
  readonly makeKey: KeyMaker;
}

/** Asks the other instances. */
export function openElsewhere({ takeover, rows, bus, makeKey }: ElsewhereParts): Elsewhere {
  const takings = new Map<string, Promise<Found | ResumeFailure>>();

  /** Which of its keys a client shows, or null where it is none that is good. */
  function numberOf(
    cid: string,
    { keyNumber }: ConnectionRow,
    { key }: ResumeRequest,
  ): number | null {
    const shown = utf8(key);
    for (let n = Math.max(1, keyNumber - 1); n <= keyNumber + KEYS_AHEAD; n++) {
      if (constantTimeEqual(utf8(makeKey(cid, n)), shown)) return n;
    }
    return null;
  }

  function found(party: Party, request: ResumeRequest, taken: Taken): Found {
    const { snapshot, row, rooms: seated, held, versionstamp } = taken;
    const { cid, key } = request;
    rows.took(cid, versionstamp);
    const { epoch } = row;
    const number = Math.max(numberOf(cid, row, request)!, row.keyNumber);
    // What its client has not acked is handed over below, and gets the very numbers that it had.
    const seq = snapshot === null ? 0 : snapshot.seq - snapshot.frames.length;
    const state: ConnectionState = {
      cid,
      party,
      epoch,
      keys: shownKey(key, number),
      lostMs: snapshot?.lostMs ?? null,
      ring: { seq, frames: [] },
      recent: snapshot?.recent ?? [],
      rooms: seated,
    };
    const restored = (): void => {
      const hand = ({ frame, entry }: Held): void => bus.hand(cid, frame, entry);
      held.forEach(hand);
      takeover.arrived(cid).forEach(hand);
    };
    return { state, reason: snapshot === null ? "instance_lost" : null, restored };
  }

  return (party, request) => {
    const { cid } = request;
    const under = takings.get(cid);
    // The same client, whose first try is under way: what comes of that is here.
    if (under !== undefined) return under.then(() => null, () => null);
    const taking = takeover.take(party, request, (row) => numberOf(cid, row, request) !== null)
      .then((taken) => typeof taken === "string" ? taken : found(party, request, taken))
      .finally(() => takings.delete(cid));
    takings.set(cid, taking);
    return taking;
  };
}
