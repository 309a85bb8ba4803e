/**
 * `GET /v1/ws`: who may open a WebSocket, and all that are open.
 *
 * Upgrades stay outside the HTTP application, whose middleware would write to headers that are no
 * longer to be written. A browser tells its page nothing about a refused upgrade, so a foreign
 * origin or another version is told by a `bye` and a close code right after the opening.
 *
 * @module
 */

import { type Context } from "../core/context.ts";
import { type Cluster } from "../core/cluster/cluster.ts";
import { openRelay, type Relay } from "../core/relay.ts";
import { pairCount, type PairRates } from "../core/pair_rate.ts";
import { type Rate } from "../core/token_bucket.ts";
import { CLOSE } from "../wire/close.ts";
import {
  AUTH_DEADLINE_MS,
  DEVICE_CHECK_MS,
  DRAIN_JITTER_MS,
  DRAIN_NOTICE_MS,
  FRAME_BURST,
  FRAMES_PER_SECOND,
  HEARTBEAT_MS,
} from "../wire/limits.ts";
import { SUBPROTOCOL } from "../wire/paths.ts";
import {
  type Conversation,
  type ConversationParts,
  type Farewell,
  openConversation,
} from "./conversation.ts";
import { type AllowanceRates, openAllowances } from "./allowance.ts";
import { type Arrival } from "./arrival.ts";
import { clientPrefix, isTrusted, type TrustedProxies } from "./client_address.ts";
import { openPlaces, type Place, type PlaceLimits } from "./socket_places.ts";
import { type Log, problemResponse, refusalOf } from "./problem.ts";
import { type Api, targetOf } from "./route.ts";
import { type Socket, type SocketEvents } from "./socket.ts";

/** The clocks of the sockets, in milliseconds. */
export interface SocketTiming {
  /** How long a client has to sign in. */
  readonly authDeadlineMs: number;
  /** How long a client may be silent before it is asked. */
  readonly heartbeatMs: number;
  /** How often it is looked whether a client's device is still one of its account. */
  readonly deviceCheckMs: number;
  /** How often the clocks are looked at. */
  readonly tickMs: number;
  /** How long before its end the service says that it stops. */
  readonly drainNoticeMs: number;
}

/** The times of the protocol. */
export const SOCKET_TIMING: SocketTiming = {
  authDeadlineMs: AUTH_DEADLINE_MS,
  heartbeatMs: HEARTBEAT_MS,
  deviceCheckMs: DEVICE_CHECK_MS,
  tickMs: 500,
  drainNoticeMs: DRAIN_NOTICE_MS,
};

/** The rate of a socket's frames. */
export const FRAME_RATE: Rate = { burst: FRAME_BURST, refillMs: 1_000 / FRAMES_PER_SECOND };

/** The WebSocket endpoint. */
export interface Sockets {
  /**
   * Answers a request for a WebSocket; null where the answer is on its way already.
   *
   * @throws ServiceError `unavailable`, `rate_limited`
   */
  accept(request: Request, arrival: Arrival): Response | null;
  /** The connections behind the sockets. */
  readonly relay: Relay;
  /** Says goodbye to everybody, takes nobody in, and resolves when they are gone or after 2 s. */
  close(): Promise<void>;
}

/** What the endpoint is made of. */
export interface SocketOptions {
  /** Pages of other sites that may connect. */
  readonly allowedOrigins: readonly string[];
  /** The clocks. */
  readonly timing: SocketTiming;
  /** How often somebody may be rung. */
  readonly rings: PairRates;
  /** The other instances; without it there are none. */
  readonly cluster?: Cluster | undefined;
  /** How many frames a socket may send. */
  readonly frames: Rate;
  /** What a connection may ask of others. */
  readonly allowance: AllowanceRates;
  /** How many sockets. */
  readonly places: PlaceLimits;
  /** Who says where a request comes from. */
  readonly trustedProxies: TrustedProxies;
  /** Takes faults, and each origin that was refused. */
  readonly log: Log;
}

const DRAIN_MS = 2_000;
/** Most origins that are told to the log. */
const MAX_LOGGED_ORIGINS = 64;

/** Opens the endpoint. */
export function openSockets(api: Api, options: SocketOptions): Sockets {
  const { allowedOrigins, timing, log, trustedProxies } = options;
  // Also those that ended, until they are closed.
  const open = new Map<Conversation, Socket | null>();
  const places = openPlaces(options.places);
  const refused = new Set<string>();
  const parts = partsOf(api.ctx, options);
  const { metrics } = api.ctx;
  metrics.measure("open_sockets", () => open.size);
  metrics.measure("connections", () => [...parts.relay.connections.all()].length);
  metrics.measure("rooms", () => {
    const connections = [...parts.relay.connections.all()];
    return new Set(connections.flatMap(({ rooms }) => [...rooms])).size;
  });
  let whenEmpty: (() => void) | null = null;
  let isClosing = false;
  let isProxyTold = false;
  const sweep = setInterval(() => {
    for (const one of open.keys()) {
      try {
        one.tick();
      } catch (error) {
        one.failed(error);
      }
    }
    parts.relay.sweep();
  }, timing.tickMs);

  function track(url: string, place: Place, unwanted: Farewell | null): SocketEvents {
    const one = openConversation(parts, url, place, unwanted);
    open.set(one, null);
    metrics.count("sockets");
    const opened = (socket: Socket) => {
      open.set(one, socket);
      one.opened(socket);
    };
    const closed = () => {
      open.delete(one);
      place.left();
      if (open.size === 0) whenEmpty?.();
      one.closed();
    };
    return { ...one, opened, closed };
  }

  function accept(request: Request, arrival: Arrival): Response | null {
    if (isClosing) {
      return problemResponse({ code: "unavailable", message: "The service is stopping" });
    }
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return problemResponse({ code: "malformed", message: "This path speaks WebSocket only" });
    }
    const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",");
    const isOurs = offered.some((name) => name.trim() === SUBPROTOCOL);
    const protocol = isOurs ? SUBPROTOCOL : null;
    let unwanted: Farewell | null = null;
    if (!isOurs) unwanted = { code: CLOSE.version, reason: "subprotocol rooms.v1 required" };
    else if (!mayConnect(request)) unwanted = { code: CLOSE.origin, reason: "origin not allowed" };
    const events = track(targetOf(api, request), places.take(prefixOf(request, arrival)), unwanted);
    try {
      return arrival.upgrade(protocol, events);
    } catch (error) {
      events.closed();
      if (!(error instanceof TypeError)) throw error;
      return problemResponse({ code: "malformed", message: "This is no WebSocket handshake" });
    }
  }

  function prefixOf(request: Request, { peer }: Arrival): string {
    const forwarded = request.headers.get("x-forwarded-for");
    if (forwarded !== null && !isProxyTold && !isTrusted(peer, trustedProxies)) {
      isProxyTold = true;
      log(
        "X-Forwarded-For is not believed, and whoever sends it counts as one client: " +
          "COUNTERSIGN_TRUSTED_PROXIES names proxies",
      );
    }
    return clientPrefix(peer, forwarded, trustedProxies);
  }

  function mayConnect(request: Request): boolean {
    const origin = request.headers.get("origin");
    // Programs that are not browsers send none, and could send any.
    if (origin === null) return true;
    if (origin === api.publicOrigin(request) || allowedOrigins.includes(origin)) return true;
    if (!refused.has(origin) && refused.size < MAX_LOGGED_ORIGINS) {
      refused.add(origin);
      log(`A page of another site was refused a socket: ${JSON.stringify(origin.slice(0, 256))}`, {
        level: "warn",
        event: "origin_refused",
        origin: origin.slice(0, 256),
      });
    }
    return false;
  }

  async function close(): Promise<void> {
    if (isClosing) return;
    isClosing = true;
    clearInterval(sweep);
    const empty = new Promise<void>((resolve) => whenEmpty = resolve);
    for (const one of open.keys()) one.warn(timing.drainNoticeMs, DRAIN_JITTER_MS);
    if (open.size > 0) await atMost(timing.drainNoticeMs, empty);
    // First, so that whoever connects elsewhere finds what was left.
    await options.cluster?.drain().catch((error) => void refusalOf(error, log));
    for (const one of open.keys()) one.drain();
    if (open.size > 0) await atMost(DRAIN_MS, empty);
    for (const socket of open.values()) socket?.terminate();
  }

  return { accept, relay: parts.relay, close };
}

async function atMost(ms: number, end: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([end, late]);
  clearTimeout(timer);
}

function partsOf(ctx: Context, options: SocketOptions): ConversationParts {
  const { timing, rings, frames, allowance, log, cluster } = options;
  const { authDeadlineMs, heartbeatMs, deviceCheckMs } = timing;
  const report = (error: unknown): void => void refusalOf(error, log);
  const relay = openRelay({ ctx, rings: pairCount(rings), report, ...cluster?.parts });
  const monotonic = (): number => performance.now();
  const clocks = { monotonic, authDeadlineMs, heartbeatMs, deviceCheckMs };
  return { ctx, relay, log, frames, allowances: openAllowances(allowance), ...clocks };
}
