/**
 * The bus between instances, on the store: what is published is in the journal when it resolves, also
 * what is for connections of this instance, which had it at once.
 *
 * A signal is sent by the room as this instance knows it, and committed only while the room is so:
 * where somebody moved meanwhile, it goes after them in the same place of the order. So everything of
 * one member for another is in one order of commits, wherever the two are.
 *
 * @module
 */

import { type Bus, type Deliveries, type Delivery, type JournalEntry } from "../bus.ts";
import { type Unnumbered } from "../effect.ts";
import { type Committer } from "./task.ts";
import { type Draft } from "./draft.ts";
import { type Come, type InboxReader } from "./inbox_reader.ts";
import { encodeItem, isWord, type Word } from "./item.ts";
import { type Residents } from "./residents.ts";
import { type Settler, type SettlingEntry } from "./settler.ts";

/** The bus of one of several instances. */
export interface ClusterBus extends Bus {
  /** Takes what came in the inbox; does not throw. */
  come(come: Come): void;
  /** Puts a transition's frames into a commit; what it returns hands those for here over, once committed. */
  post(draft: Draft, deliveries: Deliveries): Posted;
  /** Hands one frame to a connection that has just come. */
  hand(cid: string, frame: Unnumbered, entry: SettlingEntry | null): void;
}

/** Frames for connections of this instance, in the commit that holds them. */
export interface Posted {
  readonly entries: readonly SettlingEntry[];
  /** Hands them over. */
  act(): void;
}

/** What the bus works with. */
export interface BusParts {
  readonly instance: string;
  readonly committer: Committer;
  readonly settler: Settler;
  readonly residents: Residents;
  /** The reader; asked for late, because it hands what it reads to the bus. */
  readonly reader: () => InboxReader;
  /** Takes a word of another instance. */
  readonly onWord: (word: Word, from: string) => void;
  /** Frames for a connection that is not here. */
  readonly onStray: (cid: string, frame: Unnumbered) => void;
  readonly report: (error: unknown) => void;
}

/** The bus of an instance. */
export function openClusterBus(parts: BusParts): ClusterBus {
  const { instance, committer, settler, residents, onWord, onStray, report } = parts;

  function handOver(delivery: Delivery, entry: SettlingEntry | null): void {
    try {
      bus.onDelivery?.(delivery, entry);
    } catch (error) {
      report(error);
    }
  }

  /** Hands a frame to those here; keeps it for those who are coming, and passes on the rest. */
  function deliver({ to, frame }: Delivery, entry: SettlingEntry | null): void {
    const here: string[] = [];
    for (const cid of to) {
      const held = residents.coming.get(cid);
      if (held !== undefined) held.push({ frame, entry });
      else if (residents.has(cid)) here.push(cid);
      else {
        onStray(cid, frame);
        if (entry !== null) settler.settled(entry, cid);
      }
    }
    staleness(frame);
    if (here.length > 0) handOver({ to: here, frame }, entry);
  }

  /** A frame that tells of a newer room than the one that is remembered. */
  function staleness(frame: Unnumbered): void {
    if (!("room" in frame) || frame.t === "signal") return;
    const known = committer.known(frame.room);
    const isOld = known !== null && (!("rseq" in frame) || frame.rseq > known.rseq);
    if (isOld) committer.forget(frame.room);
  }

  function come({ items, places, from }: Come): void {
    const entries: SettlingEntry[] = [];
    const acts: (() => void)[] = [];
    for (const item of items) {
      if (isWord(item)) acts.push(() => onWord(item, from));
      else {
        const entry = settler.entry(item.to);
        entries.push(entry);
        acts.push(() => deliver(item, entry));
      }
    }
    settler.bind(entries, places);
    for (const act of acts) act();
  }

  function post(draft: Draft, deliveries: Deliveries): Posted {
    const entries: SettlingEntry[] = [];
    const acts: (() => void)[] = [];
    for (const [to, list] of deliveries) {
      for (const delivery of list) {
        if (to !== instance) draft.post(to, encodeItem(delivery));
        else if (isRepeatable(delivery.frame)) acts.push(() => deliver(delivery, null));
        else {
          draft.post(to, encodeItem(delivery));
          const entry = settler.entry(delivery.to);
          entries.push(entry);
          acts.push(() => deliver(delivery, entry));
        }
      }
    }
    return { entries, act: () => acts.forEach((act) => act()) };
  }

  async function publish(deliveries: Deliveries): Promise<void> {
    const given: Given[] = [];
    const rooms = new Set<string>();
    // What is committed of a room is told before anything that is said by it.
    const mayHaveNow = !parts.reader().hasOwn();
    for (const [to, list] of deliveries) {
      for (const delivery of list) {
        const { frame } = delivery;
        if (frame.t === "signal") rooms.add(frame.room);
        const now = to === instance && mayHaveNow ? delivery.to.filter(isSettledHere) : [];
        const entry = now.length > 0 && !isRepeatable(frame) ? settler.entry(now) : null;
        given.push({ to, delivery, now: new Set(now), entry });
        if (now.length > 0) handOver({ to: now, frame }, entry);
      }
    }
    const done = await committer.submit({
      rooms: [...rooms],
      build: (draft) => {
        const later = new Map<string, Delivery[]>();
        for (const one of given) route(draft, one, later);
        return post(draft, later);
      },
    }, ({ value, versionstamp, own }) => {
      const entries = given.flatMap(({ entry }) => entry === null ? [] : [entry]);
      settler.bind([...entries, ...value.entries], own);
      if (value.entries.length > 0) parts.reader().own(versionstamp, value.act);
    });
    // What could not be handed over at once is, before anything that its sender says next.
    if (done.value.entries.length > 0) await parts.reader().caughtUp();
  }

  function isSettledHere(cid: string): boolean {
    return residents.has(cid) && !residents.leaving.has(cid) && !residents.coming.has(cid);
  }

  /** Where each receiver of a delivery is by the room as it is committed. */
  function route(draft: Draft, { to, delivery, now }: Given, later: Map<string, Delivery[]>): void {
    const { frame } = delivery;
    const room = frame.t === "signal" ? draft.room(frame.room) : null;
    const byInstance = new Map<string, string[]>();
    const written: string[] = [];
    for (const cid of delivery.to) {
      let at = to;
      if (room !== null) {
        const mid = room.mids.get(cid) ?? "";
        const place = room.seats.get(mid) ?? room.lobby.get(mid);
        // Who has left meanwhile would not hear it in a single process either.
        if (place === undefined) {
          if (now.has(cid)) written.push(cid);
          continue;
        }
        at = place.address.instance;
      }
      if (at === instance && now.has(cid)) written.push(cid);
      else byInstance.set(at, [...byInstance.get(at) ?? [], cid]);
    }
    if (written.length > 0 && !isRepeatable(frame)) {
      draft.post(instance, encodeItem({ to: written, frame }));
    }
    for (const [at, cids] of byInstance) {
      later.set(at, [...later.get(at) ?? [], { to: cids, frame }]);
    }
  }

  const bus: ClusterBus = {
    instance,
    onDelivery: null,
    publish,
    settled: (entry: JournalEntry, cid) => settler.settled(entry as SettlingEntry, cid),
    come,
    post,
    hand: (cid, frame, entry) => handOver({ to: [cid], frame }, entry),
  };
  return bus;
}

/** One delivery as it was given, and who had it at once. */
interface Given {
  readonly to: string;
  readonly delivery: Delivery;
  readonly now: ReadonlySet<string>;
  readonly entry: SettlingEntry | null;
}

/** Answers that a client asks for again where they are lost; they are as long as a room is large. */
function isRepeatable({ t }: Unnumbered): boolean {
  return t === "joined" || t === "snapshot" || t === "lobby";
}
