/**
 * Getting into managed rooms: what the rules say, held against what has become of the room meanwhile.
 *
 * @module
 */

import { ServiceError } from "./error.ts";
import { type Party } from "./identity.ts";
import { type Entry, type RoomRules, type RoomState } from "./room_rules.ts";

/** The way in. */
export interface WayIn {
  /**
   * Asks as what somebody gets in, and does what follows from it before anything else can happen.
   *
   * @throws ServiceError those of `RoomRules.enter`
   */
  enter<T>(
    room: string,
    party: Party,
    token: string | null,
    take: (entry: Entry) => T,
  ): Promise<T>;
  /** A room has changed: whoever is on the way in is asked about again. */
  changed(state: RoomState): void;
}

/** Nobody is on the way. */
export function openWayIn(rules: RoomRules): WayIn {
  /** Rooms that somebody is on the way into, with the changes heard of meanwhile, and the newest epoch. */
  const awaited = new Map<string, { count: number; changes: number; epoch: number }>();
  return {
    async enter(room, party, token, take) {
      const heard = awaited.get(room) ?? { count: 0, changes: 0, epoch: 0 };
      awaited.set(room, heard);
      heard.count++;
      try {
        for (;;) {
          const { changes } = heard;
          const entry = await rules.enter(room, party, token);
          if (entry.state.hasEnded) throw new ServiceError("room_ended", "This room was ended");
          // An answer from before a kick or a ban lets nobody in after it, nor as what they were once.
          if (heard.changes === changes && entry.state.epoch >= heard.epoch) return take(entry);
        }
      } finally {
        if (--heard.count === 0) awaited.delete(room);
      }
    },
    changed({ room, epoch }) {
      const heard = awaited.get(room);
      if (heard === undefined) return;
      heard.changes++;
      heard.epoch = Math.max(heard.epoch, epoch);
    },
  };
}
