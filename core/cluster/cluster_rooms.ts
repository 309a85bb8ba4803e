/**
 * The rooms of the store: each change is one commit with the news of it.
 *
 * @module
 */

import { deliveriesOf } from "../bus.ts";
import { type Transition } from "../effect.ts";
import { emptyRoom, type Room } from "../room.ts";
import { type RoomStore } from "../room_store.ts";
import { type ClusterBus } from "./cluster_bus.ts";
import { type Committer } from "./task.ts";
import { type InboxReader } from "./inbox_reader.ts";
import { type Settler } from "./settler.ts";

/** What the rooms work with. */
export interface RoomsParts {
  readonly committer: Committer;
  readonly bus: ClusterBus;
  readonly reader: () => InboxReader;
  readonly settler: Settler;
}

/** The rooms that several instances share. */
export function clusterRooms({ committer, bus, reader, settler }: RoomsParts): RoomStore {
  const unlessEmpty = (room: Room | null): Room | null =>
    room === null || room.mids.size === 0 ? null : room;
  return {
    read: (id) => unlessEmpty(committer.known(id)),
    refresh: async (id) => unlessEmpty(await committer.refresh(id)),
    async change(id, decide): Promise<Transition> {
      const done = await committer.submit({
        rooms: [id],
        build(draft) {
          const before = draft.room(id);
          const transition = decide(before);
          const [after, effects] = transition;
          if (after !== null || before.mids.size > 0) {
            if (after !== before) draft.setRoom(after ?? emptyRoom(id));
          }
          return { transition, posted: bus.post(draft, deliveriesOf(effects)) };
        },
      }, ({ value: { posted }, versionstamp, own }) => {
        settler.bind(posted.entries, own);
        reader().own(versionstamp, posted.act);
      });
      await reader().caughtUp();
      return done.value.transition;
    },
  };
}
