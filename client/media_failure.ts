/**
 * What a stack's failure is to a call.
 *
 * @module
 */

import { type MediaFailure } from "./adapter.ts";
import { ClientError } from "./error.ts";

/** The error with which a call, or a link of one, ends. */
export function mediaError(failure: MediaFailure): ClientError {
  return failure === "bypass_detected"
    ? new ClientError("bypass_detected", "A frame was about to leave without encryption")
    : new ClientError("media_failed", "The media connection was lost");
}
