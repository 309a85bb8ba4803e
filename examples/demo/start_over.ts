/**
 * Forgetting everything that this page keeps on this device: keys, people, and the log it trusted.
 * Nothing of it can be brought back, so it is done only when somebody said so twice.
 *
 * @module
 */

import { type Client, type Evidence } from "../../client/mod.ts";
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
    location.reload();
  } catch (error) {
    model.set({
      startOver: null,
      screen: { at: "broken", trouble: troubleOf(error), evidence: null },
    });
  }
}

/** Saves two signed heads that contradict each other, as a file. */
export function saveEvidence(evidence: Evidence): void {
  const link = document.createElement("a");
  const file = new Blob([JSON.stringify(evidence, null, 2)], { type: "application/json" });
  link.href = URL.createObjectURL(file);
  link.download = "countersign-evidence.json";
  link.click();
  // The download has its own reference by the next turn.
  setTimeout(() => URL.revokeObjectURL(link.href));
}
