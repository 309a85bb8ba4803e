/**
 * Where the rooms are: in this process alone, or in a store that several instances share.
 *
 * @module
 */

import { type Bus, deliveriesOf } from "./bus.ts";
import { type Transition } from "./effect.ts";
import { emptyRoom, type Room } from "./room.ts";

/** The rooms that have somebody in them. */
export interface RoomStore {
  /** The room as this instance knows it, or null: for what changes nothing. */
  read(room: string): Room | null;
  /** The room as it is; between instances this asks the store. */
  refresh(room: string): Promise<Room | null> | Room | null;
  /**
   * Decides on the newest state, keeps the result, and sends what is to be sent, all or nothing. The
   * answers among the effects are left to the caller. `decide` may be called several times.
   */
  change(room: string, decide: (room: Room) => Transition): Promise<Transition> | Transition;
}

/** The rooms of a single process: nothing is waited for. */
export function memoryRooms(bus: Bus): RoomStore {
  const rooms = new Map<string, Room>();
  const read = (id: string): Room | null => rooms.get(id) ?? null;
  return {
    read,
    refresh: read,
    change(id, decide) {
      const transition = decide(rooms.get(id) ?? emptyRoom(id));
      const [after, effects] = transition;
      if (after === null) rooms.delete(id);
      else rooms.set(id, after);
      void bus.publish(deliveriesOf(effects));
      return transition;
    },
  };
}
