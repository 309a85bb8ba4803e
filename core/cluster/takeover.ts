/**
 * Going on with a connection that another instance has, or had.
 *
 *     it lives       it is asked, and hands over: resumed
 *     it stopped     its snapshot is there: resumed
 *     it is lost     its seats are kept, and what its journal holds comes again: `instance_lost`
 *
 * In each case the connection's row changes hands by compare-and-set, then its seats, and only then is
 * the old inbox read: whatever was sent before is in it, whatever is sent after comes to the new one. So
 * nothing is missed between the two, and its order is that of the commits.
 *
 * @module
 */

import { equal } from "../../crypto/bytes.ts";
import {
  connectionKey,
  type ConnectionRow,
  deleteSnapshot,
  type ReadConnection,
  readConnection,
  readSnapshot,
  writeConnection,
} from "../../kv/connection_rows.ts";
import { listRoomsOf } from "../../kv/seats.ts";
import { type ResumeRequest } from "../../wire/client_frames.ts";
import { type ResumeFailure } from "../../wire/frames.ts";
import { type Unnumbered } from "../effect.ts";
import { type Party } from "../identity.ts";
import { type Committer, Overtaken } from "./task.ts";
import { encodeItem, type Word } from "./item.ts";
import { type LeftInboxes } from "./left_inboxes.ts";
import { type OwnLease } from "./lease.ts";
import { type Held, type Residents } from "./residents.ts";
import { type Settler } from "./settler.ts";
import { moveSeat } from "./seat_move.ts";
import { readState, type Snapshot } from "./snapshot.ts";

/** A connection that was at another instance, and is now here. */
export interface Taken {
  /** What its owner knew of it, or null where that is lost. */
  readonly snapshot: Snapshot | null;
  readonly row: ConnectionRow;
  /** The version of its row. */
  readonly versionstamp: string;
  /** The rooms in which it has a place. */
  readonly rooms: readonly string[];
  /** What it has not acked, and what came since, in order. */
  readonly held: readonly Held[];
}

/** Takes connections over. */
export interface Takeover {
  /**
   * Takes a connection over for a client that has shown who it is. Frames for it wait until `arrived`.
   *
   * @param isGood whether the key that the client shows is one of the row's
   * @throws StoreError
   */
  take(
    party: Party,
    request: ResumeRequest,
    isGood: (row: ConnectionRow) => boolean,
  ): Promise<Taken | ResumeFailure>;
  /** It has been taken in, or will not be. What came since it was taken is to be handed over first. */
  arrived(cid: string): readonly Held[];
  /** A word of another instance about a connection that is asked for. */
  heard(word: Extract<Word, { word: "handed" | "none" }>): void;
}

/** What a takeover works with. */
export interface TakeoverParts {
  readonly kv: Deno.Kv;
  readonly instance: string;
  readonly committer: Committer;
  readonly lease: OwnLease;
  readonly residents: Residents;
  readonly settler: Settler;
  readonly left: LeftInboxes;
  /** How long an instance may take to answer, in milliseconds. */
  readonly askMs: number;
}

type Answer = "handed" | "none" | "silent";

const MAX_TRIES = 8;

/** Takes over what is asked for. */
export function openTakeover(parts: TakeoverParts): Takeover {
  const { kv, instance, committer, lease, residents, settler, left, askMs } = parts;
  const asked = new Map<string, (answer: Answer) => void>();

  async function take(
    party: Party,
    { cid }: ResumeRequest,
    isGood: (row: ConnectionRow) => boolean,
  ): Promise<Taken | ResumeFailure> {
    // What comes from the moment at which its seats are here has to wait: also where this fails, for
    // the next time.
    if (!residents.coming.has(cid)) residents.coming.set(cid, []);
    const found = await own(party, cid, isGood);
    if (typeof found === "string") residents.coming.delete(cid);
    return found;
  }

  async function own(
    party: Party,
    cid: string,
    isGood: (row: ConnectionRow) => boolean,
  ): Promise<Taken | ResumeFailure> {
    let isSilent = false;
    const finished = async (...step: Parameters<typeof finish>): Promise<Taken | null> => {
      try {
        return await finish(...step);
      } catch (error) {
        // Its owner did answer, late; or its client is already somewhere else.
        if (error instanceof Overtaken) return null;
        throw error;
      }
    };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const read = await readConnection(kv, cid);
      const { row } = read;
      if (row === null || !isOf(row, party) || !isGood(row)) return "unknown";
      if (row.owner === instance) {
        // Handed over, or begun before and not ended.
        if (row.behind.length === 0) return "unknown";
        const taken = await finished(cid, row, read.versionstamp!);
        if (taken !== null) return taken;
        continue;
      }
      const state = await lease.stateOf(row.owner);
      if (state === "live" && !isSilent) {
        const answer = await ask(cid, row.owner);
        if (answer === "none" && (await readConnection(kv, cid)).row === null) return "expired";
        // An owner that has it no longer, and did not end it, is as good as lost.
        isSilent = answer !== "handed";
        continue;
      }
      const isLost = row.isLost || state !== "drained" || row.parts === 0;
      const mine = { ...row, owner: instance, behind: [row.owner, ...row.behind], isLost };
      const stamp = await replace(cid, read, mine);
      if (stamp !== null) {
        // Where it lives after all, it is not to speak for this connection.
        if (state === "live") await tell(row.owner, { word: "taken", cid });
        const taken = await finished(cid, mine, stamp);
        if (taken !== null) return taken;
      }
    }
    return "unknown";
  }

  /** Asks the instance that has it. */
  async function ask(cid: string, owner: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    asked.set(cid, resolve);
    const timer = setTimeout(resolve, askMs, "silent");
    try {
      const word: Word = { word: "ask", cid, by: instance };
      await tell(owner, word);
      return await promise;
    } finally {
      clearTimeout(timer);
      asked.delete(cid);
    }
  }

  async function tell(to: string, word: Word): Promise<void> {
    await committer.submit({ rooms: [], build: (draft) => draft.post(to, encodeItem(word)) });
  }

  /** Replaces the row, unless somebody else did. */
  async function replace(
    cid: string,
    read: ReadConnection,
    row: ConnectionRow,
  ): Promise<string | null> {
    try {
      const { versionstamp } = await committer.submit({
        rooms: [],
        build(draft) {
          draft.check({ key: connectionKey(cid), versionstamp: read.versionstamp });
          draft.write(writeConnection(cid, row, read.row));
        },
      });
      return versionstamp;
    } catch (error) {
      if (error instanceof Overtaken) return null;
      throw error;
    }
  }

  /** The row is this instance's: the rest follows. */
  async function finish(
    cid: string,
    row: ConnectionRow,
    stamp: string,
  ): Promise<Taken> {
    const rooms = await listRoomsOf(kv, cid);
    await Promise.all(rooms.map((room) => moveSeat(committer, room, cid, instance)));
    const bytes = await readSnapshot(kv, cid, row.parts);
    const snapshot = bytes === null ? null : readState(bytes);
    const frames: Unnumbered[] = [...snapshot?.frames ?? []];
    for (const inbox of row.behind.toReversed()) {
      for (const { from, n, frame } of await left.framesFor(inbox, cid)) {
        const isInSnapshot = snapshot?.instance === inbox &&
          (from === inbox || n <= (snapshot.cursors[from] ?? 0));
        if (!isInSnapshot) frames.push(frame);
      }
    }
    const { held, versionstamp } = await journal(cid, row, stamp, frames);
    // What came meanwhile stays behind these; `arrived` hands it over with them.
    const buffer = residents.coming.get(cid) ?? [];
    return {
      snapshot: row.isLost ? null : snapshot,
      row,
      versionstamp,
      rooms,
      held: [...held, ...buffer.splice(0)],
    };
  }

  /** Writes down here what was written down elsewhere; only then is it forgotten there. */
  async function journal(
    cid: string,
    row: ConnectionRow,
    stamp: string,
    frames: readonly Unnumbered[],
  ): Promise<{ readonly held: readonly Held[]; readonly versionstamp: string }> {
    const held = frames.map((frame) => ({ frame, entry: settler.entry([cid]) }));
    const tasks: Promise<unknown>[] = held.map(({ frame, entry }) => {
      const item = encodeItem({ to: [cid], frame });
      return committer.submit({
        rooms: [],
        build: (draft) => draft.post(instance, item),
      }, ({ own }) => settler.bind([entry], own));
    });
    const last = committer.submit({
      rooms: [],
      build(draft) {
        draft.check({ key: connectionKey(cid), versionstamp: stamp });
        draft.write(writeConnection(cid, { ...row, behind: [], isLost: false, parts: 0 }));
        draft.write(deleteSnapshot(cid, row.parts));
      },
    });
    await Promise.allSettled([...tasks, last]);
    try {
      await Promise.all(tasks);
      return { held, versionstamp: (await last).versionstamp };
    } catch (error) {
      // What was written down for this try is for nobody.
      for (const { entry } of held) settler.settled(entry, cid);
      throw error;
    }
  }

  return {
    take,
    arrived(cid) {
      const rest = residents.coming.get(cid) ?? [];
      residents.coming.delete(cid);
      return rest;
    },
    heard({ word, cid }) {
      asked.get(cid)?.(word);
    },
  };
}

function isOf(row: ConnectionRow, party: Party): boolean {
  if (row.identity !== party.identity || !equal(row.signing, party.signing)) return false;
  return party.kind === "account"
    ? row.device === party.device && row.room === null
    : row.room === party.room;
}
