/**
 * One tab at a time is online for an account: two would both take the one ring, and the second would
 * see a replayed offer.
 *
 * Held by a Web Lock, which ends with the tab. Runtimes without Web Locks have one process a store.
 *
 * @module
 */

import { ClientError } from "./error.ts";

/** Takes the account's place; gives the function that leaves it. @throws ClientError `in_use` */
export async function holdOnline(service: string, label: string): Promise<() => void> {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const locks = "locks" in navigator ? navigator.locks : null;
  if (locks === null) return release;
  const taken = await new Promise<boolean>((resolve, reject) => {
    locks.request(`countersign ${service} ${label}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : held;
    }).catch(reject);
  });
  if (!taken) throw new ClientError("in_use", "This account is online in another tab");
  return release;
}
