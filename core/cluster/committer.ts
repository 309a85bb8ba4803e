/**
 * The one writer of an instance: everything that its connections say and do goes through it, in order,
 * many in one commit.
 *
 *     commit = check journal head, check rooms -> journal head, rooms, rows of inboxes, bells
 *
 * The journal's head makes each commit follow on the one before, so one whose answer was lost is found
 * or fails; and whoever gives this instance up replaces it, after which nothing is taken any more. Where
 * a room was changed by others, its row is read again and what concerns it is decided again, in its
 * place: so nothing is told by a state that was over.
 *
 * @module
 */

import { randomBytes } from "../../crypto/primitives.ts";
import { type JournalHead, journalKey, writeMark } from "../../kv/instances.ts";
import { seatsKey } from "../../kv/seats.ts";
import { answered, StoreError } from "../../kv/store_error.ts";
import { stampedCommit } from "../../kv/transact.ts";
import { ServiceError } from "../error.ts";
import { sleep } from "../pause.ts";
import { type Room } from "../room.ts";
import { type Batch, type Draft, nameOf, openBatch, type OwnPlaces, type Sealed } from "./draft.ts";
import { type CachedRoom, loadRoom } from "./room_cache.ts";
import { type Committed, type Committer, Overtaken, type Task } from "./task.ts";

interface Queued {
  readonly rooms: readonly string[];
  build(draft: Draft): void;
  committed(versionstamp: string, own: OwnPlaces): void;
  refuse(error: unknown): void;
  conflicts: number;
  /** The rows that it requires by itself. */
  required: string[];
}

/** What a writer works with. */
export interface CommitterParts {
  readonly kv: Deno.Kv;
  readonly instance: string;
  /** Is told once that this instance was given up. */
  readonly onFenced: () => void;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonic: () => number;
  /** How long the store may not answer before those who wait are told, in milliseconds. */
  readonly patienceMs: number;
}

/** Tasks of one commit. */
const MAX_TASKS = 256;
const MAX_CONFLICTS = 200;
const FIRST_PAUSE_MS = 4;
const LONGEST_PAUSE_MS = 250;
/** Rooms that are remembered beyond those of the tasks at hand. */
const MAX_CACHED = 4_096;

/** Opens the writer of an instance that was founded. */
export function openCommitter(parts: CommitterParts): Committer {
  const { kv, instance, onFenced, monotonic, patienceMs } = parts;
  const cache = new Map<string, CachedRoom>();
  const closing = new AbortController();
  let queue: Queued[] = [];
  let running: Promise<void> | null = null;
  /** The journal's head as it was left; null where that has to be asked. */
  let head: string | null = null;
  let next = 1;
  let fenced = false;
  let isClosed = false;

  async function refresh(id: string): Promise<Room> {
    const loaded = await loadRoom(kv, id);
    remember(id, loaded);
    return loaded.room;
  }

  function remember(id: string, room: CachedRoom): void {
    cache.delete(id);
    cache.set(id, room);
    if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
  }

  function fence(): void {
    if (fenced) return;
    fenced = true;
    onFenced();
  }

  function refuseAll(error: unknown): void {
    const all = queue;
    queue = [];
    for (const one of all) one.refuse(error);
  }

  /** The versionstamp of the journal's head. @throws StoreError, or ServiceError where fenced */
  async function askHead(): Promise<string> {
    const row = await answered(kv.get<JournalHead>(journalKey(instance)));
    if (row.value === null || row.value.isFenced) {
      fence();
      throw gone();
    }
    return row.versionstamp!;
  }

  function start(): void {
    running ??= work().finally(() => {
      running = null;
      // Somebody may have come between the last look and now.
      if (queue.length > 0) start();
    });
  }

  async function work(): Promise<void> {
    while (queue.length > 0) {
      if (fenced) return refuseAll(gone());
      try {
        head ??= await askHead();
        await loadAhead();
        await once(head);
      } catch (error) {
        // Whether it landed is not known: the head tells before the next one.
        head = null;
        refuseAll(error);
      }
    }
  }

  /** Loads the rooms of the first task, and of those behind it that may go with it. */
  async function loadAhead(): Promise<void> {
    const wanted = new Set<string>();
    for (const { rooms } of queue.slice(0, MAX_TASKS)) {
      for (const room of rooms) if (!cache.has(room)) wanted.add(room);
      if (wanted.size >= 8) break;
    }
    await Promise.all([...wanted].map(refresh));
  }

  function gather(): { readonly batch: Batch; readonly taken: Queued[] } {
    const batch = openBatch(instance, (id) => cache.get(id));
    const taken: Queued[] = [];
    while (queue.length > 0 && taken.length < MAX_TASKS) {
      const one = queue[0]!;
      if (!one.rooms.every((room) => cache.has(room))) break;
      try {
        one.required = [];
        const check = (draft: Draft) => (row: Deno.AtomicCheck): void => {
          one.required.push(nameOf(row.key));
          draft.check(row);
        };
        if (!batch.stage((draft) => one.build({ ...draft, check: check(draft) }))) break;
        taken.push(one);
      } catch (error) {
        one.refuse(error);
      }
      queue.shift();
    }
    return { batch, taken };
  }

  async function once(expected: string): Promise<void> {
    const { batch, taken } = gather();
    if (taken.length === 0) return;
    const mark = writeMark();
    const sealed = batch.seal(next, mark);
    next += sealed.rows;
    const journal: JournalHead = { id: mark, isFenced: false };
    const checks = [{ key: journalKey(instance), versionstamp: expected }, ...sealed.checks];
    const mutations: Deno.KvMutation[] = [
      { type: "set", key: journalKey(instance), value: journal },
      ...sealed.mutations,
    ];
    const landed = await land(checks, mutations, mark).catch((error) => {
      for (const one of taken) one.refuse(error);
      throw error;
    });
    if (landed !== null) {
      head = landed;
      for (const [id, { room, texts }] of sealed.rooms) {
        remember(id, { room, texts, versionstamp: room.mids.size === 0 ? null : landed });
      }
      for (const one of taken) one.committed(landed, sealed.own);
      return;
    }
    await settleConflict(taken, sealed);
  }

  /** The versionstamp of a commit, or null where one of its checks failed. */
  async function land(
    checks: readonly Deno.AtomicCheck[],
    mutations: readonly Deno.KvMutation[],
    mark: string,
  ): Promise<string | null> {
    const startMs = monotonic();
    for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const { outcome, versionstamp } = await stampedCommit(kv, checks, mutations);
      if (outcome === "committed") return versionstamp;
      if (outcome === "conflict") {
        const row = await answered(kv.get<JournalHead>(journalKey(instance)));
        if (row.value?.id === mark) return row.versionstamp;
        if (row.value === null || row.value.isFenced) {
          fence();
          throw gone();
        }
        return null;
      }
      // The same again: the second of two fails by its checks, whichever that is.
      if (monotonic() - startMs >= patienceMs || fenced) {
        throw new StoreError("The store does not say whether it took what was written");
      }
      await sleep(pauseMs, closing.signal);
    }
  }

  /** Reads again what was overtaken, and puts the tasks back in their place. */
  async function settleConflict(taken: readonly Queued[], { checks }: Sealed): Promise<void> {
    const rows = await answered(kv.getMany(checks.map(({ key }) => key)));
    const stale = new Set<string>();
    rows.forEach(({ key, versionstamp }, i) => {
      if (versionstamp !== checks[i]!.versionstamp) stale.add(nameOf(key));
    });
    const rooms = [...cache.keys()].filter((id) => stale.has(nameOf(seatsKey(id))));
    await Promise.all(rooms.map(refresh));
    head = await askHead();
    queue = [
      ...taken.filter((one) => {
        one.conflicts++;
        const isOvertaken = one.required.some((name) => stale.has(name));
        if (isOvertaken) one.refuse(new Overtaken("A row was changed meanwhile"));
        else if (one.conflicts > MAX_CONFLICTS) {
          one.refuse(new StoreError("Too many write at once"));
        }
        return !isOvertaken && one.conflicts <= MAX_CONFLICTS;
      }),
      ...queue,
    ];
    // Those who collided do not collide again.
    await sleep(
      (randomBytes(1)[0]! / 256) * Math.min(2 ** taken[0]!.conflicts, 32),
      closing.signal,
    );
  }

  function submit<T>(
    task: Task<T>,
    onCommit: (done: Committed<T>) => void = () => {},
  ): Promise<Committed<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Committed<T>>();
    if (fenced || isClosed) {
      reject(gone());
      return promise;
    }
    let value: T;
    queue.push({
      rooms: task.rooms,
      conflicts: 0,
      required: [],
      build: (draft) => void (value = task.build(draft)),
      committed(versionstamp, own) {
        const done = { value, versionstamp, own };
        onCommit(done);
        resolve(done);
      },
      refuse: reject,
    });
    start();
    return promise;
  }

  return {
    submit,
    known: (id) => cache.get(id)?.room ?? null,
    forget: (id) => void cache.delete(id),
    refresh,
    isFenced: () => fenced,
    async close() {
      isClosed = true;
      await running;
      closing.abort();
    },
  };
}

function gone(): ServiceError {
  return new ServiceError("unavailable", "This instance was given up: connect again");
}
