/**
 * The service's side of one socket: what it says there, and how it stops.
 *
 *     open -> ended -> closed
 *
 * Nothing is sent after the end, and whoever sends what nobody reads is not waited for.
 *
 * @module
 */

import { type Outlet } from "../core/connection.ts";
import { type ServiceError } from "../core/error.ts";
import { type Metrics } from "../core/metrics.ts";
import { CLOSE, mayReconnect } from "../wire/close.ts";
import { type ServerFrame } from "../wire/frames.ts";
import { MAX_BUFFERED_BYTES } from "../wire/limits.ts";
import { type Socket } from "./socket.ts";

/** Said where the client ends a connection itself (RFC 6455, section 7.4.1). */
export const NORMAL_CLOSURE = 1000;
/**
 * Between `bye` and the close, in milliseconds. The runtime drops a connection on which a frame
 * arrives after it began to close, and the close code with it; so the code is said in `bye` first,
 * and what was on its way has time to arrive and be ignored.
 */
const FAREWELL_MS = 200;

/** What is said on one socket. */
export interface Line extends Outlet {
  /** Whether it has ended: nothing is sent any more. */
  readonly isEnded: boolean;
  /** The socket is open. */
  opened(socket: Socket): void;
  /** Sends a frame that has no number. */
  say(frame: ServerFrame): void;
  /** Refuses a frame. @param id the frame, or null where none could be told */
  refuse(id: string | null, refusal: ServiceError): void;
  /** Ends it without a word, where there is nobody to say it to. */
  cut(code: number, reason: string): void;
  /** The socket is closed, whoever did it. */
  closed(): void;
}

/**
 * A line whose socket is not open yet.
 *
 * @param onEnd hears once that it ends, and whether what outlives the socket ends with it
 */
export function openLine(metrics: Metrics, onEnd: (isForGood: boolean) => void): Line {
  let socket: Socket | null = null;
  let isEnded = false;
  let farewell: ReturnType<typeof setTimeout> | undefined;

  function send(text: string): void {
    if (isEnded || socket === null) return;
    if (socket.waitingBytes() > MAX_BUFFERED_BYTES) {
      // Not now: the relay may be in the middle of telling a room something.
      queueMicrotask(() => cut(CLOSE.slowConsumer, "too slow"));
      return;
    }
    socket.send(text);
  }

  function say(frame: ServerFrame): void {
    metrics.count("frames_sent", frame.t);
    send(JSON.stringify(frame));
  }

  /** False where it has ended already. */
  function leave(isForGood: boolean): boolean {
    if (isEnded) return false;
    isEnded = true;
    onEnd(isForGood);
    return true;
  }

  function cut(code: number, reason: string): void {
    if (!leave(code === NORMAL_CLOSURE)) return;
    metrics.count("closes", code);
    socket?.close(code, reason);
  }

  return {
    get isEnded() {
      return isEnded;
    },
    opened: (opened) => void (socket = opened),
    send,
    say,
    refuse(id, { code, message }) {
      metrics.count("refusals", code);
      say({ t: "error", id, code, title: message });
    },
    close(code, reason) {
      say({ t: "bye", code, reason });
      if (!leave(!mayReconnect(code))) return;
      metrics.count("closes", code);
      socket?.ignore();
      farewell = setTimeout(() => socket?.close(code, reason), FAREWELL_MS);
    },
    cut,
    closed() {
      clearTimeout(farewell);
      leave(false);
    },
  };
}
