/**
 * The managed rooms of a service, as its store has them.
 *
 *     known to the room        gets in as what the room says, without a token
 *     a good token for it      gets in as what the token says, and is known from then on; who knocks is not
 *     everybody else           hears what they would hear of a room that there is not
 *
 * A good token is for this room and for the key of whoever shows it, and is of the room's epoch: an
 * embedder's backend that does not say the epoch made it after the epoch began. A locked room takes in
 * nobody whom it does not know, whatever they hold.
 *
 * Every rule is decided on the row that the commit checks, so that no two of them are decided apart.
 *
 * @module
 */

import { toHex } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Held, readCreated, readRoom, type RoomRow } from "../kv/rooms.ts";
import { type Decision, transact } from "../kv/transact.ts";
import { isManaged, managedRoomId } from "../wire/room_id.ts";
import { type Identity, type Party } from "./identity.ts";
import { entered, grantFor } from "./room_entry.ts";
import { type Entry, type RoomChange, type RoomRules, type RoomState } from "./room_rules.ts";
import { changed, newRoom, requireMay, roomEnded, roomNotFound, stateOf } from "./room_state.ts";
import { type TokenWorld } from "./room_tokens.ts";
import { invitesOver, written } from "./room_writes.ts";
import { type Turns, turns } from "./turns.ts";

/** What managed rooms are kept with. */
export type RoomWorld = LogStore & TokenWorld;

/** A room as one who runs it sees it. */
export interface RoomOverview {
  readonly room: string;
  readonly row: RoomRow;
  /** Who asks. */
  readonly by: Identity;
}

/** What a host or a cohost changes over REST; what is absent stays. */
export interface RoomAmendment {
  readonly isLocked?: boolean | undefined;
  /** Sealed, base64url, or null for none. */
  readonly meta?: string | null | undefined;
}

/** The managed rooms, with what the relay does not need. */
export interface ManagedRooms extends RoomRules {
  /** Whose turn it is to write each room. */
  readonly turns: Turns;
  /** Makes a room, of which the maker is host. @throws ServiceError `too_many_open` */
  create(by: Identity, meta: string | null): Promise<RoomState>;
  /** The open rooms that somebody made. @throws StoreError */
  list(by: Identity): Promise<readonly RoomOverview[]>;
  /** One room. @throws ServiceError `room_not_found`, `room_ended`, `forbidden` */
  view(room: string, by: Identity): Promise<RoomOverview>;
  /** Locks a room, or says what it is about. @throws ServiceError as `view` */
  amend(room: string, by: Identity, amendment: RoomAmendment): Promise<RoomOverview>;
  /** Ends a room. @throws ServiceError as `view` */
  end(room: string, by: Identity): Promise<void>;
}

/** Opens the managed rooms of a store. */
export function openManagedRooms(world: RoomWorld): ManagedRooms {
  const { kv, now } = world;
  const inTurn = turns();

  /** Decides once without waiting for anybody, since most decisions write nothing. */
  async function settle<T>(room: string, decide: () => Promise<Decision<T>>): Promise<T> {
    const first = await decide();
    if ("done" in first) return first.done;
    return await inTurn.take(room, () => transact(kv, decide));
  }

  async function enter(room: string, party: Party, token: string | null): Promise<Entry> {
    const grant = token === null ? null : await grantFor(world, room, party, token);
    if (!isManaged(room) || party.kind === "guest" && party.room !== room) throw roomNotFound();
    const changeId = freshChange();
    return await settle<Entry>(room, async () => {
      const nowMs = now();
      const held = await readRoom(world, room, nowMs);
      const who = party.identity;
      const { role, row } = entered(held.value, who, grant, token !== null, nowMs, changeId);
      const then: Entry = { role, state: stateOf(room, row) };
      if (row === held.value) return { done: then };
      return { ...await written(world, room, held, { ...row, changeId }, nowMs), then };
    });
  }

  async function change(room: string, by: Identity, what: RoomChange): Promise<RoomState> {
    const changeId = freshChange();
    return await inTurn.take(room, () =>
      transact<RoomState>(kv, async () => {
        const nowMs = now();
        const held = await readRoom(world, room, nowMs);
        const row = held.value;
        if (row === null) throw roomNotFound();
        // The commit before landed, though the store did not say so.
        if (row.changeId === changeId) return { done: stateOf(room, row) };
        if (row.hasEnded) throw roomEnded();
        return await decided(room, held, changed(row, by, what, nowMs), what, changeId, nowMs);
      }));
  }

  async function decided(
    room: string,
    held: Held<RoomRow>,
    next: RoomRow,
    what: RoomChange | null,
    changeId: string,
    nowMs: number,
  ): Promise<Decision<RoomState>> {
    const then = stateOf(room, next);
    if (next === held.value) return { done: then };
    const { checks, mutations } = await written(world, room, held, { ...next, changeId }, nowMs);
    const withdrawn = await invitesOver(world, room, what, nowMs);
    return { checks, mutations: [...mutations, ...withdrawn], then };
  }

  async function create(by: Identity, meta: string | null): Promise<RoomState> {
    const room = managedRoomId();
    const changeId = freshChange();
    return await inTurn.take(by, () =>
      transact<RoomState>(kv, async () => {
        const nowMs = now();
        const row = newRoom(by, { role: "host", sinceMs: nowMs }, meta, nowMs, changeId);
        const then = stateOf(room, row);
        const held = await readRoom(world, room, nowMs);
        if (held.value?.changeId === changeId) return { done: then };
        return { ...await written(world, room, held, row, nowMs), then };
      }));
  }

  async function list(by: Identity): Promise<readonly RoomOverview[]> {
    const nowMs = now();
    const created = (await readCreated(world, by, nowMs)).value?.rooms ?? [];
    const rows = await Promise.all(created.map(async ({ room }): Promise<RoomOverview[]> => {
      const row = (await readRoom(world, room, nowMs)).value;
      return row === null || row.hasEnded || !row.people.has(by) ? [] : [{ room, row, by }];
    }));
    return rows.flat();
  }

  async function view(room: string, by: Identity): Promise<RoomOverview> {
    const held = isManaged(room) ? (await readRoom(world, room, now())).value : null;
    return { room, row: requireMay(held, by, "invite").row, by };
  }

  /** Changes a room, looking at who may in the same commit, and tells the relay. */
  async function administer(
    room: string,
    decide: (row: RoomRow | null, nowMs: number) => RoomRow,
    what: RoomChange | null,
  ): Promise<RoomRow> {
    if (!isManaged(room)) throw roomNotFound();
    const changeId = freshChange();
    let isNews = false;
    const row = await inTurn.take(room, () =>
      transact<RoomRow>(kv, async () => {
        const nowMs = now();
        const held = await readRoom(world, room, nowMs);
        if (held.value?.changeId === changeId) return { done: held.value };
        const next = decide(held.value, nowMs);
        const decision = await decided(room, held, next, what, changeId, nowMs);
        if ("done" in decision) return { done: next };
        isNews = true;
        return { ...decision, then: next };
      }));
    if (isNews) rooms.onChange?.(stateOf(room, row));
    return row;
  }

  async function amend(
    room: string,
    by: Identity,
    { isLocked, meta }: RoomAmendment,
  ): Promise<RoomOverview> {
    const row = await administer(room, (held, nowMs) => {
      let { row } = requireMay(held, by, "lock");
      if (isLocked !== undefined) row = changed(row, by, { kind: "lock", isLocked }, nowMs);
      return meta === undefined || meta === row.meta ? row : { ...row, meta };
    }, null);
    return { room, row, by };
  }

  async function end(room: string, by: Identity): Promise<void> {
    const what: RoomChange = { kind: "end" };
    await administer(
      room,
      (held, nowMs) => changed(requireMay(held, by, "end").row, by, what, nowMs),
      what,
    );
  }

  const rooms: ManagedRooms = {
    enter,
    change,
    onChange: null,
    turns: inTurn,
    create,
    list,
    view,
    amend,
    end,
  };
  return rooms;
}

function freshChange(): string {
  return toHex(randomBytes(16));
}
