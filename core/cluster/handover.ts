/**
 * The other side of a takeover: what an instance does that is asked for a connection, or stops.
 *
 * A connection says nothing more from the moment that it is asked for; what comes for it until its seats
 * have moved is in its snapshot. The snapshot is in the store before anything of it is forgotten here.
 *
 * @module
 */

import {
  connectionKey,
  type ConnectionRow,
  readConnection,
  writeConnection,
  writeSnapshot,
} from "../../kv/connection_rows.ts";
import { CLOSE } from "../../wire/close.ts";
import { type Connection } from "../connection.ts";
import { type Connections } from "../connections.ts";
import { type Unnumbered } from "../effect.ts";
import { type Committer, Overtaken } from "./task.ts";
import { type InboxReader } from "./inbox_reader.ts";
import { encodeItem, type Word } from "./item.ts";
import { type Residents } from "./residents.ts";
import { type Snapshot, writeState } from "./snapshot.ts";
import { moveSeat } from "./seat_move.ts";

/** Gives connections away. */
export interface Handover {
  /** Another instance asks for a connection. @throws StoreError */
  give(cid: string, by: string): Promise<void>;
  /** Another instance has taken a connection: it is none of this one's any more. */
  lost(cid: string): void;
  /** Leaves a snapshot of every connection, once nothing is under way any more. @throws StoreError */
  leaveAll(cursors: () => ReadonlyMap<string, number>): Promise<void>;
}

/** What a handover works with. */
export interface HandoverParts {
  readonly kv: Deno.Kv;
  readonly instance: string;
  readonly committer: Committer;
  readonly residents: Residents;
  readonly reader: () => InboxReader;
  readonly connections: Connections;
  /** A connection is another instance's. */
  readonly onGone: (cid: string) => void;
  /** The row of a connection of this instance. */
  readonly rowOf: (connection: Connection) => ConnectionRow;
}

const MAX_TRIES = 4;

/** Gives away the connections of an instance. */
export function openHandover(parts: HandoverParts): Handover {
  const { kv, instance, committer, residents, reader, connections, onGone, rowOf } = parts;

  async function give(cid: string, by: string): Promise<void> {
    const connection = connections.get(cid);
    if (residents.leaving.has(cid)) return;
    // It is on its way here, and that was not ended: whoever asks takes it without an answer.
    if (connection === null && residents.coming.has(cid)) return;
    if (connection === null || connection.isOver) return await tell(by, { word: "none", cid });
    residents.leaving.add(cid);
    try {
      await handOver(connection, by);
      connections.forget(connection, true);
    } catch (error) {
      connections.forget(connection, false);
      if (!(error instanceof Overtaken)) throw error;
    } finally {
      residents.leaving.delete(cid);
      onGone(cid);
    }
  }

  async function handOver(connection: Connection, by: string): Promise<void> {
    const { cid } = connection;
    const { outlet } = connection;
    connections.suspend(connection);
    outlet?.close(CLOSE.moved, "goes on elsewhere");
    await atRest(connection);
    const row: ConnectionRow = { ...rowOf(connection), owner: by, behind: [instance] };
    const versionstamp = await giveRow(connection, row);
    await Promise.all(
      [...connection.rooms].map((room) => moveSeat(committer, room, cid, by)),
    );
    // What was sent before its seats moved is in this instance's inbox by now.
    await reader().caughtUp();
    const bytes = writeState(snapshotOf(connection, reader().cursors()));
    await committer.submit({
      rooms: [],
      build(draft) {
        const { parts: count, mutations } = writeSnapshot(cid, bytes);
        draft.check({ key: connectionKey(cid), versionstamp });
        draft.write(mutations);
        draft.write(writeConnection(cid, { ...row, parts: count }));
        draft.post(by, encodeItem({ word: "handed", cid }));
      },
    });
  }

  /** Gives the row away. What was still to be written of it by this instance goes first. */
  async function giveRow(connection: Connection, row: ConnectionRow): Promise<string> {
    const { cid } = connection;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const read = await readConnection(kv, cid);
      if (read.row !== null && read.row.owner !== instance) break;
      try {
        const moved = await committer.submit({
          rooms: [],
          build(draft) {
            draft.check({ key: connectionKey(cid), versionstamp: read.versionstamp });
            draft.write(writeConnection(cid, row, rowOf(connection)));
          },
        });
        return moved.versionstamp;
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
      }
    }
    throw new Overtaken("Another instance has taken the connection");
  }

  function snapshotOf(
    connection: Connection,
    cursors: ReadonlyMap<string, number>,
  ): Snapshot {
    const { ring, recent, lostMs } = connections.snapshot(connection);
    return {
      instance,
      cursors: Object.fromEntries(cursors),
      lostMs,
      seq: ring.seq,
      frames: ring.frames.map((rest) => JSON.parse(`{${rest}`) as Unnumbered),
      recent,
    };
  }

  async function tell(to: string, word: Word): Promise<void> {
    await committer.submit({ rooms: [], build: (draft) => draft.post(to, encodeItem(word)) });
  }

  return {
    give,
    lost(cid) {
      const connection = connections.get(cid);
      if (connection !== null) connections.forget(connection, false);
      onGone(cid);
    },
    async leaveAll(cursors) {
      const all = [...connections.all()].filter(({ isOver }) => !isOver);
      for (const connection of all) connections.suspend(connection);
      await Promise.all(all.map(atRest));
      await reader().caughtUp();
      // From here on nothing is delivered any more.
      await reader().close();
      await Promise.all(all.map(async (connection) => {
        const bytes = writeState(snapshotOf(connection, cursors()));
        const { parts: count, mutations } = writeSnapshot(connection.cid, bytes);
        await committer.submit({
          rooms: [],
          build(draft) {
            draft.write(mutations);
            draft.write(writeConnection(connection.cid, { ...rowOf(connection), parts: count }));
          },
        });
      }));
    },
  };
}

/** Nothing of it is under way any more, and the receipts of what was taken go with it. */
async function atRest({ tail, recent }: Connection): Promise<void> {
  await tail;
  await recent.signed();
}
