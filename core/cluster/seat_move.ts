/**
 * A connection's place in a room, as it goes to another instance with its connection.
 *
 * @module
 */

import { withSeat, withWaiting } from "../room.ts";
import { type Committer } from "./task.ts";

/** Moves a connection's place in a room to an instance; nothing where it has none there. */
export async function moveSeat(
  committer: Committer,
  room: string,
  cid: string,
  instance: string,
): Promise<void> {
  await committer.submit({
    rooms: [room],
    build(draft) {
      const now = draft.room(room);
      const mid = now.mids.get(cid) ?? "";
      const address = { cid, instance };
      const seat = now.seats.get(mid);
      const waiting = now.lobby.get(mid);
      if (seat !== undefined) draft.setRoom(withSeat(now, { ...seat, address }));
      else if (waiting !== undefined) draft.setRoom(withWaiting(now, { ...waiting, address }));
    },
  });
}
