/**
 * How numbered frames get to the instances whose connections they are for.
 *
 * In a single process they are handed over at once, and nothing is waited for. Between instances they
 * are written down before their sender is told that they were taken.
 *
 * @module
 */

import { type Effect, type Unnumbered } from "./effect.ts";
import { type Address } from "./room.ts";

/** A frame for connections of one instance. */
export interface Delivery {
  /** Their ids. */
  readonly to: readonly string[];
  readonly frame: Unnumbered;
}

/** Where a delivery is written down until its receivers have it. */
export interface JournalEntry {
  /** The connections that do not have it yet. */
  readonly left: ReadonlySet<string>;
}

/** The way between instances. */
export interface Bus {
  /** This one. */
  readonly instance: string;
  /** Hands deliveries to instances; null where nothing has to be waited for, else durable when it resolves. */
  publish(deliveries: Deliveries): Promise<void> | null;
  /** Numbers a frame and sends it to connections of this instance; set by the relay. */
  onDelivery: ((delivery: Delivery, entry: JournalEntry | null) => void) | null;
  /** A client acked an entry, or its connection is over: the journal may forget it. */
  settled(entry: JournalEntry, cid: string): void;
}

/** Deliveries by instance. */
export type Deliveries = ReadonlyMap<string, readonly Delivery[]>;

/** The frames among some effects, by instance, each instance's in their order. */
export function deliveriesOf(effects: readonly Effect[]): Deliveries {
  const deliveries = new Map<string, Delivery[]>();
  for (const effect of effects) {
    if (effect.kind !== "send") continue;
    for (const [instance, to] of cidsOf(effect.to)) {
      const delivery = { to, frame: effect.frame };
      const before = deliveries.get(instance);
      if (before === undefined) deliveries.set(instance, [delivery]);
      else before.push(delivery);
    }
  }
  return deliveries;
}

/** The connections of each instance. */
function cidsOf(to: readonly Address[]): Map<string, string[]> {
  const grouped = new Map<string, string[]>();
  // Mostly all are of one instance, and then nothing is looked up twice.
  let last: string | null = null;
  let cids: string[] = [];
  for (const { cid, instance } of to) {
    if (instance !== last) {
      cids = grouped.get(instance) ?? [];
      grouped.set(instance, cids);
      last = instance;
    }
    cids.push(cid);
  }
  return grouped;
}

/** The bus of a single process. */
export function localBus(): Bus {
  const bus: Bus = {
    instance: "local",
    onDelivery: null,
    publish(deliveries) {
      for (const delivery of deliveries.get("local") ?? []) bus.onDelivery?.(delivery, null);
      return null;
    },
    settled: () => {},
  };
  return bus;
}
