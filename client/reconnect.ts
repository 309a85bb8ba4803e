/**
 * Keeping a connection on a socket: patiently, by full jitter, and at once when the network is back.
 *
 * @module
 */

import { type Connection } from "./connection.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Socket } from "./socket.ts";

/** Longest wait before connecting again, in milliseconds. */
const MAX_BACKOFF_MS = 30_000;
/** The bound of the first one, which doubles. */
const BACKOFF_MS = 500;
/** After how many attempts it is told that sockets alone can't be opened. */
const BLOCKED_AFTER = 2;

/** What is asked and told meanwhile. */
export interface KeepOptions {
  readonly signal: AbortSignal;
  /** A socket came or went. @param limited that no socket can be opened, while requests can be made */
  readonly onOnline: (isOnline: boolean, limited: ClientError | null) => void;
  /** Makes a request, to tell a network that is down from one that lets no socket through. */
  readonly probe: () => Promise<unknown>;
}

/**
 * Opens socket after socket until the signal aborts, or the service ends the connection.
 *
 * @throws ClientError why it ended; where there never was a socket, why there was none
 */
export async function keepConnected(connection: Connection, options: KeepOptions): Promise<never> {
  const { signal, onOnline } = options;
  let wasOnline = false;
  // Whoever breaks the protocol over and over is asked less and less often.
  let faults = 0;
  for (;;) {
    const socket = await nextSocket(connection, options, wasOnline ? faults : null);
    wasOnline = true;
    onOnline(true, null);
    const { isRetryable, isFault, error } = await socket.lost;
    signal.throwIfAborted();
    if (connection.failure !== null) throw connection.failure;
    if (!isRetryable) throw error;
    faults = isFault ? faults + 1 : 0;
    onOnline(false, null);
  }
}

/** @param patience how often it has failed before, or null where the first attempt counts */
async function nextSocket(
  connection: Connection,
  { signal, onOnline, probe }: KeepOptions,
  patience: number | null,
): Promise<Socket> {
  for (let attempt = patience ?? 0;; attempt++) {
    // Full jitter: the wait is random up to a doubling bound, so that clients do not come as one. Who
    // leaves an instance that stops has waited already.
    const bound = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** attempt);
    const isAwaited = patience !== null && (attempt > 0 || !connection.isDraining);
    if (isAwaited) await pause(Math.random() * bound, signal);
    signal.throwIfAborted();
    try {
      return await connection.connect(signal);
    } catch (error) {
      const failure = await named(toClientError(error, "network"), probe);
      if (signal.aborted || patience === null || !failure.retryable) throw failure;
      const isBlocked = failure.code === "socket_blocked" && attempt === patience + BLOCKED_AFTER;
      if (isBlocked) onOnline(false, failure);
    }
  }
}

/** Whether sockets alone are blocked, or nothing gets through. */
async function named(failure: ClientError, probe: () => Promise<unknown>): Promise<ClientError> {
  if (failure.code !== "socket_blocked") return failure;
  try {
    await probe();
    return failure;
  } catch {
    return new ClientError("network", "The service can't be reached");
  }
}

/** Waits, no longer than until the network is back. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    globalThis.addEventListener?.("online", done);
  });
}
