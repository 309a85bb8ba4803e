/**
 * One message to one push service (RFC 8030, section 5), and what its answer means.
 *
 * A push service is somebody else's, and the endpoint was chosen by whoever brought it: no redirect is
 * followed, no answer is read, and nothing is waited for beyond its time.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";

/** What became of a message. */
export type PushAnswer =
  | { readonly kind: "delivered" }
  /** The subscription is no more. */
  | { readonly kind: "gone" }
  /** The service does not want this message, now or later. */
  | { readonly kind: "refused"; readonly status: number }
  /** It may take it later. @param afterMs as it says itself, or 0 */
  | { readonly kind: "later"; readonly afterMs: number };

/** One message. */
export interface PushRequest {
  readonly endpoint: string;
  /** The value of `Authorization`. */
  readonly authorization: string;
  /** Sealed. */
  readonly message: Bytes;
  /** How long it is worth keeping, in milliseconds. */
  readonly ttlMs: number;
}

/**
 * What replaces what, at the push service: of the messages to one subscription that wait there, the
 * newest is enough, since none says anything.
 */
const TOPIC = "ring";

/** Sends a message. Never throws. @param signal gives it up */
export async function sendPush(
  { endpoint, authorization, message, ttlMs }: PushRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PushAnswer> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        authorization,
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        ttl: String(Math.ceil(ttlMs / 1000)),
        urgency: "high",
        topic: TOPIC,
      },
      body: message,
      redirect: "manual",
      signal: AbortSignal.any([late.signal, signal]),
    });
    // Its status says all; whatever else it says is cut off.
    await response.body?.cancel();
    return answerOf(response);
  } catch {
    return { kind: "later", afterMs: 0 };
  } finally {
    clearTimeout(timer);
  }
}

function answerOf({ ok, status, headers }: Response): PushAnswer {
  if (ok) return { kind: "delivered" };
  if (status === 404 || status === 410) return { kind: "gone" };
  if (status !== 429 && status < 500) return { kind: "refused", status };
  const seconds = /^[0-9]{1,5}$/.exec(headers.get("retry-after") ?? "")?.[0] ?? "0";
  return { kind: "later", afterMs: Number(seconds) * 1000 };
}
