/**
 * One commit in the making: what several tasks want written, each seeing what those before it changed.
 *
 * A task is staged whole or not at all, so a commit holds as many as fit.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type InboxPlace, packItems, writeRows } from "../../kv/inboxes.ts";
import { addCost, type Cost, costOf, MAX_COMMIT_CHECKS } from "../../kv/limits.ts";
import { type Room } from "../room.ts";
import { type CachedRoom, checkRoom, replaceRoom } from "./room_cache.ts";

/** What a task may do to the commit that it becomes part of. */
export interface Draft {
  /** A room as it will be; it is checked that it is so. */
  room(id: string): Room;
  /** Replaces a room. */
  setRoom(room: Room): void;
  /** Requires that another row is as it was read: where it is not, the task is refused. */
  check(check: Deno.AtomicCheck): void;
  /** Writes other rows. */
  write(mutations: readonly Deno.KvMutation[]): void;
  /** Puts something into an inbox. */
  post(to: string, item: Bytes): void;
}

/** What became of a task's posts to the instance itself: the rows that hold them. */
export type OwnPlaces = readonly InboxPlace[];

/** A commit of several tasks. */
export interface Batch {
  /**
   * Stages a task; false where the commit would get too large, and then nothing of it is in it.
   *
   * @throws what `build` throws, and then nothing of it is in it either
   */
  stage(build: (draft: Draft) => void): boolean;
  /** Whether anything was staged. */
  readonly isEmpty: boolean;
  /** What it requires, writes, and leaves of rooms, once all are staged. */
  seal(first: number, mark: string): Sealed;
}

/** A commit that is ready. */
export interface Sealed {
  readonly checks: readonly Deno.AtomicCheck[];
  readonly mutations: readonly Deno.KvMutation[];
  /** Rooms as they are once it is made. */
  readonly rooms: ReadonlyMap<string, Omit<CachedRoom, "versionstamp">>;
  /** How many numbers of rows it takes. */
  readonly rows: number;
  /** The rows in the instance's own inbox. */
  readonly own: OwnPlaces;
}

/** Checks of rooms and other rows in one commit; one is the journal's own. */
const MAX_CHECKS = MAX_COMMIT_CHECKS - 1;
/** Far enough below what a commit may weigh that overheads do not matter. */
const MAX: Cost = { mutations: 700, bytes: 480 * 1024, keyBytes: 48 * 1024 };
/** Keys and lengths around an item. */
const ITEM_COST: Cost = { mutations: 0, bytes: 16, keyBytes: 0 };
/** A row, the newest row's number and a bell. */
const INBOX_COST: Cost = { mutations: 3, bytes: 800, keyBytes: 400 };

/** An empty commit. @param cached a room that was loaded, or undefined */
export function openBatch(
  instance: string,
  cached: (room: string) => CachedRoom | undefined,
): Batch {
  const rooms = new Map<string, Room>();
  const checked = new Map<string, Deno.AtomicCheck>();
  const written: Deno.KvMutation[] = [];
  const posts = new Map<string, Bytes[]>();
  let cost: Cost = { mutations: 0, bytes: 0, keyBytes: 0 };

  function originOf(id: string): CachedRoom {
    const found = cached(id);
    if (found === undefined) throw new Error("bug: a room that was not loaded");
    return found;
  }

  function stage(build: (draft: Draft) => void): boolean {
    const staged = {
      rooms: new Map<string, Room>(),
      read: new Set<string>(),
      checks: [] as Deno.AtomicCheck[],
      written: [] as Deno.KvMutation[],
      posts: [] as (readonly [string, Bytes])[],
    };
    build({
      room(id) {
        staged.read.add(id);
        return staged.rooms.get(id) ?? rooms.get(id) ?? originOf(id).room;
      },
      setRoom(room) {
        staged.read.add(room.id);
        staged.rooms.set(room.id, room);
      },
      check: (check) => void staged.checks.push(check),
      write: (mutations) => void staged.written.push(...mutations),
      post: (to, item) => void staged.posts.push([to, item]),
    });
    const names = staged.checks.map(({ key }) => nameOf(key));
    const isEmpty = checked.size === 0 && rooms.size === 0 && posts.size === 0 &&
      written.length === 0;
    // Two of one commit that check the same row would both be believed.
    if (names.some((name) => checked.has(name))) return false;
    const touched = new Set([...rooms.keys(), ...staged.read]);
    if (touched.size + checked.size + names.length > MAX_CHECKS) {
      if (isEmpty) throw new Error("bug: a task over the limits");
      return false;
    }
    let sum = addCost(cost, costOf(staged.written));
    for (const [to, item] of staged.posts) {
      sum = addCost(sum, { ...ITEM_COST, bytes: ITEM_COST.bytes + item.length });
      if (item.length > 50_000 || !posts.has(to)) sum = addCost(sum, INBOX_COST);
    }
    for (const room of staged.rooms.values()) {
      // An upper bound would be too high by far: what the room weighs when it is written counts.
      sum = addCost(sum, costOf(replaceRoom(originOf(room.id), room).mutations));
    }
    const isOver = sum.mutations > MAX.mutations || sum.bytes > MAX.bytes ||
      sum.keyBytes > MAX.keyBytes;
    if (isOver && !isEmpty) return false;
    cost = sum;
    for (const id of staged.read) {
      rooms.set(id, staged.rooms.get(id) ?? rooms.get(id) ?? originOf(id).room);
    }
    for (const check of staged.checks) checked.set(nameOf(check.key), check);
    written.push(...staged.written);
    for (const [to, item] of staged.posts) {
      const held = posts.get(to);
      if (held === undefined) posts.set(to, [item]);
      else held.push(item);
    }
    return true;
  }

  function seal(first: number, mark: string): Sealed {
    const checks = [...checked.values()];
    const mutations = [...written];
    const after = new Map<string, Omit<CachedRoom, "versionstamp">>();
    for (const [id, room] of rooms) {
      const before = originOf(id);
      checks.push(checkRoom(before));
      if (room === before.room) continue;
      const { mutations: changes, texts } = replaceRoom(before, room);
      mutations.push(...changes);
      after.set(id, { room, texts });
    }
    let n = first;
    let own: OwnPlaces = [];
    for (const [to, items] of posts) {
      const { rows } = packItems(items);
      mutations.push(...writeRows(to, instance, n, rows, mark));
      if (to === instance) own = rows.map((_, i) => ({ to, from: instance, n: n + i }));
      n += rows.length;
    }
    return { checks, mutations, rooms: after, rows: n - first, own };
  }

  return {
    stage,
    seal,
    get isEmpty() {
      return checked.size === 0 && rooms.size === 0 && posts.size === 0 && written.length === 0;
    },
  };
}

/** A key as one text. */
export function nameOf(key: Deno.KvKey): string {
  return JSON.stringify(key);
}
