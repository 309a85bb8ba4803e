/**
 * Reading what the service answered.
 *
 * @module
 */

import { toClientError } from "./error.ts";

/** An answer as what it is. @throws ClientError `bad_answer` where it is nothing of the kind */
export function reading<T>(fromWire: (answer: unknown) => T, answer: unknown): T {
  try {
    return fromWire(answer);
  } catch (error) {
    throw toClientError(error, "bad_answer");
  }
}
