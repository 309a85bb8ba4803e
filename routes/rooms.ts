/**
 * `GET /v1/ws`: who may open a WebSocket, and all that are open.
 *
 * Upgrades stay outside the HTTP application, whose middleware would write to headers that are no
 * longer to be written. A browser tells its page nothing about a refused upgrade, so a foreign
 * origin or another version is told by a close code right after the opening.
 *
 * @module
 */

import { type Context } from "../core/context.ts";
import { openRelay } from "../core/relay.ts";
import { CLOSE } from "../wire/frames.ts";
import { AUTH_DEADLINE_MS, HEARTBEAT_MS } from "../wire/limits.ts";
import { SUBPROTOCOL } from "../wire/paths.ts";
import { type Connection, connection, type ConnectionParts } from "./connection.ts";
import { type Log, problemResponse } from "./problem.ts";
import { type Api, targetOf } from "./route.ts";
import { type SocketEvents, upgrade } from "./socket.ts";

/** The clocks of the sockets, in milliseconds. */
export interface SocketTiming {
  /** How long a client has to sign in. */
  readonly authDeadlineMs: number;
  /** How long a client may be silent before it is asked. */
  readonly heartbeatMs: number;
  /** How often the clocks are looked at. */
  readonly tickMs: number;
}

/** The times of the protocol. */
export const SOCKET_TIMING: SocketTiming = {
  authDeadlineMs: AUTH_DEADLINE_MS,
  heartbeatMs: HEARTBEAT_MS,
  tickMs: 500,
};

/** The WebSocket endpoint. */
export interface Rooms {
  /** Answers a request for a WebSocket. */
  accept(request: Request): Response;
  /** Says goodbye to everybody, takes nobody in, and resolves when they are gone or after 2 s. */
  close(): Promise<void>;
}

const DRAIN_MS = 2_000;

/** Opens the endpoint. @param allowedOrigins pages of other sites that may connect */
export function openRooms(
  api: Api,
  allowedOrigins: readonly string[],
  timing: SocketTiming,
  log: Log,
): Rooms {
  const open = new Set<Connection>();
  const parts = partsOf(api.ctx, timing, log);
  let whenEmpty: (() => void) | null = null;
  let isClosing = false;
  const sweep = setInterval(() => {
    for (const one of open) one.tick();
  }, timing.tickMs);

  function track(url: string): SocketEvents {
    const one = connection(parts, url);
    open.add(one);
    const closed = () => {
      one.closed();
      open.delete(one);
      if (open.size === 0) whenEmpty?.();
    };
    return { ...one, closed };
  }

  function accept(request: Request): Response {
    if (isClosing) {
      return problemResponse({ code: "unavailable", message: "The service is stopping" });
    }
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return problemResponse({ code: "malformed", message: "This path speaks WebSocket only" });
    }
    const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",");
    const isOurs = offered.some((name) => name.trim() === SUBPROTOCOL);
    const protocol = isOurs ? SUBPROTOCOL : null;
    let events: SocketEvents;
    if (!isOurs) events = refusing(CLOSE.version, "subprotocol rooms.v1 required");
    else if (!mayConnect(request)) events = refusing(CLOSE.origin, "origin");
    else events = track(targetOf(api, request));
    try {
      return upgrade(request, protocol, events);
    } catch (error) {
      events.closed();
      if (!(error instanceof TypeError)) throw error;
      return problemResponse({ code: "malformed", message: "This is no WebSocket handshake" });
    }
  }

  function mayConnect(request: Request): boolean {
    const origin = request.headers.get("origin");
    // Programs that are not browsers send none, and could send any.
    if (origin === null) return true;
    return origin === api.publicOrigin(request) || allowedOrigins.includes(origin);
  }

  async function close(): Promise<void> {
    if (isClosing) return;
    isClosing = true;
    clearInterval(sweep);
    const empty = new Promise<void>((resolve) => whenEmpty = resolve);
    for (const one of open) one.drain();
    if (open.size === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, DRAIN_MS));
    await Promise.race([empty, late]);
    clearTimeout(timer);
  }

  return { accept, close };
}

function partsOf(ctx: Context, timing: SocketTiming, log: Log): ConnectionParts {
  const { authDeadlineMs, heartbeatMs } = timing;
  const relay = openRelay(ctx);
  return { ctx, relay, log, monotonic: () => performance.now(), authDeadlineMs, heartbeatMs };
}

/** A socket that is told why it is not wanted. */
function refusing(code: number, reason: string): SocketEvents {
  const nothing = () => {};
  return {
    opened: (socket) => socket.close(code, reason),
    text: nothing,
    binary: nothing,
    closed: nothing,
    failed: nothing,
  };
}
