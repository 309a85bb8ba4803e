/**
 * The rows of this instance's connections: what another one needs that goes on with them.
 *
 * @module
 */

import {
  connectionKey,
  type ConnectionRow,
  deleteConnection,
  writeConnection,
} from "../../kv/connection_rows.ts";
import { type Connection } from "../connection.ts";
import { type Committer, Overtaken } from "./task.ts";

/** Keeps rows. */
export interface OwnRows {
  /** A connection as its row has it. */
  rowOf(connection: Connection): ConnectionRow;
  /** Writes a connection's row, unless another instance has taken the connection. */
  keep(connection: Connection): void;
  /** Deletes the row of a connection that is over. */
  drop(connection: Connection): void;
  /** A connection is another instance's: its row is no longer written here. */
  gave(cid: string): void;
  /** A connection was taken over with its row at this version. */
  took(cid: string, versionstamp: string): void;
}

/** What it works with. */
export interface OwnRowsParts {
  readonly instance: string;
  readonly committer: Committer;
  /** Whether nothing is written any more. */
  readonly isStopping: () => boolean;
  /** Another instance has taken a connection of this one. */
  readonly onTaken: (connection: Connection) => void;
  readonly report: (error: unknown) => void;
}

/** No rows yet. */
export function openOwnRows(parts: OwnRowsParts): OwnRows {
  const { instance, committer, isStopping, onTaken, report } = parts;
  /** The version of each row. */
  const stamps = new Map<string, string>();

  function rowOf({ party, epoch, keys, outlet }: Connection): ConnectionRow {
    const isAccount = party.kind === "account";
    return {
      owner: instance,
      identity: party.identity,
      device: isAccount ? party.device : null,
      room: isAccount ? null : party.room,
      signing: new Uint8Array(party.signing),
      epoch,
      keyNumber: keys.number,
      isAway: outlet === null,
      behind: [],
      isLost: false,
      parts: 0,
    };
  }

  function keep(connection: Connection): void {
    const { cid } = connection;
    if (isStopping() || connection.isOver) return;
    committer.submit({
      rooms: [],
      build(draft) {
        const versionstamp = stamps.get(cid);
        if (versionstamp !== undefined) draft.check({ key: connectionKey(cid), versionstamp });
        draft.write(writeConnection(cid, rowOf(connection)));
      },
    }, ({ versionstamp }) => void stamps.set(cid, versionstamp)).catch((error) => {
      if (!(error instanceof Overtaken)) return report(error);
      stamps.delete(cid);
      onTaken(connection);
    });
  }

  function drop(connection: Connection): void {
    const { cid } = connection;
    if (isStopping()) return;
    committer.submit({
      rooms: [],
      build(draft) {
        const versionstamp = stamps.get(cid);
        if (versionstamp === undefined) return;
        draft.check({ key: connectionKey(cid), versionstamp });
        draft.write(deleteConnection(cid, rowOf(connection)));
      },
    }, () => void stamps.delete(cid)).catch((error) => {
      stamps.delete(cid);
      if (!(error instanceof Overtaken)) report(error);
    });
  }

  return {
    rowOf,
    keep,
    drop,
    gave: (cid) => void stamps.delete(cid),
    took: (cid, versionstamp) => void stamps.set(cid, versionstamp),
  };
}
