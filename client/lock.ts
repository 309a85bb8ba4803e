/**
 * One tab at a time is online for a device of an account: two would both take the one ring, and the
 * second would see a replayed offer.
 *
 * Held by a Web Lock, which ends with the tab. Runtimes without Web Locks have one process a store.
 *
 * @module
 */

import { ClientError } from "./error.ts";

/** How long the place may take to become free, as after a reload, in milliseconds. */
const PATIENCE_MS = 500;

/** What is used of Web Locks: the types of some runtimes do not have them. */
interface Locks {
  request(
    name: string,
    options: { readonly signal: AbortSignal },
    hold: () => Promise<void>,
  ): Promise<unknown>;
}

/** Takes the device's place; gives the function that leaves it. @throws ClientError `in_use` */
export async function holdOnline(service: string, device: string): Promise<() => void> {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { locks } = navigator as Navigator & { readonly locks?: Locks };
  if (locks === undefined) return release;
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return await new Promise((resolve, reject) => {
    locks.request(`countersign ${service} ${device}`, { signal }, () => {
      resolve(release);
      return held;
    }).catch((cause) =>
      reject(new ClientError("in_use", "This account is online in another tab", { cause }))
    );
  });
}
