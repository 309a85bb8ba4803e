/**
 * Forgetting everything that this page keeps on this device: keys, people, and the log it trusted.
 * Nothing of it can be brought back, so it is done only when somebody said so twice.
 *
 * @module
 */

import { type Client } from "../../client/mod.ts";
import { callTimesOf } from "./contacts.ts";
import { type Model } from "./model.ts";
import { troubleOf } from "./trouble.ts";

/** Deletes a store and loads the page anew; other tabs that hold the store are waited for. */
export async function startOver(store: string, client: Client | null, model: Model): Promise<void> {
  model.set({ startOver: "working" });
  client?.close();
  try {
    await new Promise<void>((resolve, reject) => {
      const deletion = indexedDB.deleteDatabase(store);
      deletion.onblocked = () => model.set({ startOver: "blocked" });
      deletion.onsuccess = () => resolve();
      deletion.onerror = () => reject(deletion.error);
    });
    localStorage.removeItem(callTimesOf(store));
    location.reload();
  } catch (error) {
    model.set({
      startOver: null,
      screen: { at: "broken", trouble: troubleOf(error) },
    });
  }
}
