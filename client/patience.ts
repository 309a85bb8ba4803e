/**
 * How often somebody is looked up before what waits for it is given up.
 *
 * @module
 */

import { type ClientErrorCode, toClientError } from "./error.ts";

const LOOKUPS = 3;
/** How long until the next attempt, in milliseconds. */
const PAUSE_MS = 1_000;

/** Looks somebody up, again where the service could not answer. @throws ClientError */
export async function patiently<T>(lookUp: () => Promise<T>, code: ClientErrorCode): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await lookUp();
    } catch (thrown) {
      const error = toClientError(thrown, code);
      if (!error.retryable || attempt >= LOOKUPS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
