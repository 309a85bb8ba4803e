/**
 * Erasing retired names: openings and values of all versions before the one that ended the name. The
 * log keeps its 64 random-looking bytes of each, which nobody can open any more.
 *
 * Nothing is erased before the published head covers the end of the name, because until then others
 * are answered with the record before it.
 *
 * @module
 */

import { deleteErasure, type Erasure, listErasures, readErasure } from "../kv/erasures.ts";
import { type AccountLabel } from "../crypto/account_label.ts";
import { type LogStore } from "../kv/log_key.ts";
import { deletePrekeys, listPrekeyDevices } from "../kv/prekeys.ts";
import { readPublished } from "../kv/published.ts";
import { deleteValue, listVersions, readValue } from "../kv/records.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";
import { type Report } from "./report.ts";

const MAX_DELETES = 500;

/** Erases while the log goes on. */
export interface Eraser {
  /** Tells it of the published head: whatever that allows is erased, beside those who call. */
  published(size: number): void;
  /** Ends it after the name under way; what is left is erased by the next one. */
  close(): Promise<void>;
}

/** Erases whenever the published head has moved. @param report is given a sentence for the operator */
export function openEraser(log: LogStore, report: Report): Eraser {
  const closing = new AbortController();
  let [published, erased] = [0, 0];
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    try {
      while (erased !== published && !closing.signal.aborted) {
        const size = published;
        await eraseRetired(log, closing.signal);
        erased = size;
      }
    } catch (error) {
      // The next call tries again.
      const why = error instanceof Error ? error.message : String(error);
      report(`What is left of names that ended could not be erased: ${why}`, {
        level: "warn",
        event: "erasure_failed",
      });
    } finally {
      // Here, so that no call comes between the last look and this.
      running = null;
    }
  }

  return {
    published(size) {
      published = size;
      if (running === null && erased !== published) running = run();
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** Erases what the published head allows to erase, until a signal ends it. @throws StoreError */
export async function eraseRetired(log: LogStore, signal?: AbortSignal): Promise<void> {
  for await (const erasure of listErasures(log)) {
    if (signal?.aborted === true) return;
    await eraseCovered(log, erasure);
  }
}

/** Erases one name, if it has to be and the published head allows it. @throws StoreError */
export async function eraseName(log: LogStore, label: AccountLabel): Promise<void> {
  const erasure = await readErasure(log, label);
  if (erasure !== null) await eraseCovered(log, erasure);
}

async function eraseCovered(log: LogStore, erasure: Erasure): Promise<void> {
  const size = (await readPublished(log))?.value.size ?? 0;
  const end = await readValue(log, erasure.label, erasure.version);
  if (end !== null && end.batchIndex < size) await erase(log, erasure);
}

async function erase(log: LogStore, { label, version }: Erasure): Promise<void> {
  const [versions, devices] = await Promise.all([
    listVersions(log, label),
    listPrekeyDevices(log, label),
  ]);
  const deletes = [
    ...versions.filter((earlier) => earlier < version)
      .map((earlier) => deleteValue(log, label, earlier)),
    ...devices.map((device) => deletePrekeys(log, label, device)),
    // Last: what is not finished is found again.
    deleteErasure(log, label),
  ];
  for (let at = 0; at < deletes.length; at += MAX_DELETES) {
    const outcome = await commit(log.kv, [], deletes.slice(at, at + MAX_DELETES));
    if (outcome !== "committed") throw new StoreError("The store does not say whether it erased");
  }
}
