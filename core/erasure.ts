/**
 * Erasing retired names: openings and values of all versions before the one that ended the name. The
 * log keeps its 64 random-looking bytes of each, which nobody can open any more.
 *
 * Nothing is erased before the published head covers the end of the name, because until then others
 * are answered with the record before it.
 *
 * @module
 */

import { deleteErasure, type Erasure, listErasures } from "../kv/erasures.ts";
import { type LogStore } from "../kv/log_key.ts";
import { deletePrekeys, listPrekeyDevices } from "../kv/prekeys.ts";
import { readPublished } from "../kv/published.ts";
import { deleteValue, listVersions, readValue } from "../kv/records.ts";
import { StoreError } from "../kv/store_error.ts";
import { commit } from "../kv/transact.ts";

const MAX_DELETES = 500;

/**
 * Erases whenever the published head has moved; where that fails, with the next one again.
 *
 * @param report is given a sentence for the operator
 */
export function openEraser(
  log: LogStore,
  report: (sentence: string) => void,
): (publishedSize: number) => Promise<void> {
  let erasedTo = 0;
  return async (publishedSize) => {
    if (publishedSize === erasedTo) return;
    try {
      await eraseRetired(log);
      erasedTo = publishedSize;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      report(`What is left of names that ended could not be erased: ${why}`);
    }
  };
}

/** Erases what the published head allows to erase. @throws StoreError */
export async function eraseRetired(log: LogStore): Promise<void> {
  for await (const erasure of listErasures(log)) {
    const size = (await readPublished(log))?.value.size ?? 0;
    const end = await readValue(log, erasure.label, erasure.version);
    if (end !== null && end.batchIndex < size) await erase(log, erasure);
  }
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
