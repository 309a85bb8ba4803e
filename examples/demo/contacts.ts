/**
 * Whom this device knows, and when it last had a call with them. Who somebody is comes from the client; when
 * they were called stays in this browser, and nothing is decided by it.
 *
 * @module
 */

import { type Call, type Client } from "../../client/mod.ts";
import { type Model } from "./model.ts";

/** The list of contacts. */
export interface Contacts {
  /** Shows it as it is by now. */
  show(): Promise<void>;
  /** Notes a call that came about, and shows the list anew when it ends. */
  follow(call: Call): Promise<void>;
}

/** Where the times of the last calls are kept. @param store the name of the person's store */
export function callTimesOf(store: string): string {
  return `${store}-last-calls`;
}

/** Makes the contacts of a client. @param store the name of its store */
export function createContacts(client: Client, model: Model, store: string): Contacts {
  const key = callTimesOf(store);
  const contacts: Contacts = {
    async show() {
      if (client.label === null) return;
      try {
        const people = await (await client.verification()).people();
        const times = readTimes(key);
        const listed = people.filter(({ label }) => label !== client.label)
          .map((person) => ({ ...person, lastCallMs: times.get(person.label) ?? null }));
        // Whom one talked to last comes first; the others in the order in which one met them.
        listed.sort((a, b) => (b.lastCallMs ?? 0) - (a.lastCallMs ?? 0));
        model.set({ contacts: listed });
      } catch {
        // A store that can't be read any more says so elsewhere.
      }
    },
    async follow(call) {
      const times = readTimes(key).set(call.peer.label, Date.now());
      try {
        localStorage.setItem(key, JSON.stringify([...times]));
      } catch {
        // Without room for it the list has no time, and another order.
      }
      await call.ended;
      await contacts.show();
    },
  };
  return contacts;
}

function readTimes(key: string): Map<string, number> {
  try {
    const times: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return new Map((times as [string, number][]).filter(([, ms]) => Number.isFinite(ms)));
  } catch {
    return new Map();
  }
}
