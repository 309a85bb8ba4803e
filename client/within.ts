/**
 * A bound on how long something may take: nothing that a stack or a service owes is waited for
 * without one.
 *
 * @module
 */

import { ClientError } from "./error.ts";

/** How long a media stack may take for one step, in milliseconds. */
const STACK_TIMEOUT_MS = 20_000;

/** Waits for the work, or fails. @throws ClientError `media_failed` */
export async function withinStackTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new ClientError("media_failed", "The media stack took too long");
    timer = setTimeout(() => reject(error), STACK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
