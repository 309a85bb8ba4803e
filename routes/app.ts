/**
 * The service as one fetch handler: the HTTP application, with the WebSocket beside it.
 *
 * @module
 */

import { Hono } from "hono";
import { openContext } from "../core/context.ts";
import { type ClusterTiming } from "../core/cluster/timing.ts";
import { type MailWaiters, mailWaiters } from "../core/mail_waiters.ts";
import { type ServiceError } from "../core/error.ts";
import { type TokenIssuer } from "../core/issuer.ts";
import { type NamePolicy } from "../core/name_policy.ts";
import { type WitnessSettings } from "../core/publisher.ts";
import { type PairRates, RING_RATES } from "../core/pair_rate.ts";
import { type PushSettings } from "../core/push_settings.ts";
import { type TurnSettings } from "../core/turn.ts";
import { type Rate } from "../core/token_bucket.ts";
import { type Secret } from "../crypto/secret.ts";
import { MAX_MAIL_WAIT_MS, RECORD_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from "../wire/limits.ts";
import { MAILBOX, SOCKET } from "../wire/paths.ts";
import { authRoutes } from "./auth.ts";
import { descriptionRoutes } from "./description.ts";
import { documentRoutes } from "./documents.ts";
import { directoryRoutes } from "./directory.ts";
import { isApi, preflight, setApiHeaders, setHeaders, withinTime } from "./guard.ts";
import { healthRoutes } from "./health.ts";
import { iceRoutes } from "./ice.ts";
import { keySetRoutes } from "./key_set.ts";
import { ALLOWANCE, type AllowanceRates } from "./allowance.ts";
import { type Arrival } from "./arrival.ts";
import { type TrustedProxies } from "./client_address.ts";
import { requireLoopback, urlOf } from "./host.ts";
import { linkRoutes } from "./links.ts";
import { mailboxRoutes } from "./mailbox.ts";
import { logRoutes } from "./log.ts";
import { metricsRoutes } from "./metrics.ts";
import { pageRoutes, type Pages } from "./page.ts";
import { mount } from "./mount.ts";
import { type Operation, type Served } from "./operation.ts";
import { PLACE_LIMITS, type PlaceLimits } from "./socket_places.ts";
import { type Log, problemResponse, refusalOf } from "./problem.ts";
import { pushRoutes } from "./push.ts";
import { inviteRoutes } from "./invites.ts";
import { roomRoutes } from "./rooms.ts";
import { openSignaling } from "./signaling.ts";
import { FRAME_RATE, openSockets, SOCKET_TIMING, type SocketTiming } from "./sockets.ts";
import { type Api, methodNotAllowed } from "./route.ts";

/** What a service is made of. */
export interface ServiceOptions {
  /** The store; the service closes it. */
  readonly kv: Deno.Kv;
  /** 32 bytes from which every key comes. */
  readonly secret: Secret;
  /** The log's origin, `<host>/kt/<generation>`. */
  readonly origin: string;
  /** Scheme and host under which clients reach the service, or null for its names on loopback. */
  readonly publicOrigin: string | null;
  /** Origins of other sites whose pages may open a WebSocket. */
  readonly allowedOrigins: readonly string[];
  /** Proxies that say in `X-Forwarded-For` where a request comes from; none unless they are named. */
  readonly trustedProxies?: TrustedProxies;
  /** The web page. */
  readonly pages: Pages;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Takes faults, without secrets. */
  readonly log: Log;
  /** Whether no other process works on the store as long as this one does; `false` unless it is said. */
  readonly isAlone?: boolean;
  /** Who cosigns the log's heads; without it they are published at once. */
  readonly witnesses?: WitnessSettings;
  /** Whether heads are signed with ML-DSA-44 too. */
  readonly isPostQuantum?: boolean;
  /** Who may take a name; without it anybody. */
  readonly names?: NamePolicy | undefined;
  /** Whether `/metrics` is served. */
  readonly hasMetrics?: boolean;
  /** How devices are woken; without it they are not. */
  readonly push?: PushSettings | null;
  /** STUN and TURN servers; without it there are none. */
  readonly turn?: TurnSettings | null;
  /** Whose backend makes room tokens besides us. */
  readonly embedder?: TokenIssuer | null | undefined;
  /** Other times than the protocol's, for tests. */
  readonly timing?: SocketTiming;
  /** The times of several instances on one store; null where this process has it alone. */
  readonly cluster?: ClusterTiming | null | undefined;
  /** Other rates of rings than the protocol's, for tests. */
  readonly rings?: PairRates;
  /** Another rate of a connection's frames than the protocol's, for tests and benchmarks. */
  readonly frames?: Rate;
  /** Other rates of joins and deliveries than the protocol's, for tests and benchmarks. */
  readonly allowance?: AllowanceRates;
  /** Other numbers of sockets than the protocol's, for tests. */
  readonly places?: Partial<PlaceLimits>;
}

/** A running service. */
export interface Service {
  /** The log's verifier key, `name+hash+key`: what applications are shipped with. */
  readonly logKey: string;
  /** What it answers over HTTP, but for the pages. */
  readonly operations: readonly Operation[];
  /** What the HTTP application has, the pages too; `ALL` where it refuses other methods. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Answers a request; null where that was a WebSocket, whose answer is on its way already. */
  fetch(request: Request, arrival: Arrival): Promise<Response | null>;
  /** The answer to what is no request that `fetch` could be asked. */
  refuse(error: ServiceError): Response;
  /** Says goodbye to every socket and takes no more; requests are still answered. */
  drain(): Promise<void>;
  /** Drains, finishes the epoch, and closes the store; no request may be under way. */
  close(): Promise<void>;
}

/** Opens a service. @throws those of `openContext` */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { kv, origin, secret, now, publicOrigin } = options;
  const ctx = await openContext({
    kv,
    origin,
    secret,
    now,
    report: options.log,
    isAlone: options.isAlone,
    names: options.names,
    embedder: options.embedder,
    ...options.witnesses === undefined ? {} : { witnesses: options.witnesses },
    isPostQuantum: options.isPostQuantum ?? false,
    push: options.push ?? null,
    turn: options.turn ?? null,
  });
  const log: Log = (sentence, facts) => {
    if (facts?.event === "fault") ctx.metrics.count("faults");
    options.log(sentence, facts);
  };
  const api: Api = {
    ctx,
    publicOrigin: (request) => publicOrigin ?? urlOf(request).origin,
  };
  const isHttps = publicOrigin?.startsWith("https:") === true;
  const waiters = mailWaiters(ctx);
  const served = servedBy(api, waiters, options.hasMetrics ?? false);
  const app = buildApp(api, served, options.pages, log);
  const signaling = await openSignaling({
    ctx,
    timing: options.cluster ?? null,
    log,
    openSockets: (cluster) =>
      openSockets(api, {
        allowedOrigins: options.allowedOrigins,
        timing: options.timing ?? SOCKET_TIMING,
        rings: options.rings ?? RING_RATES,
        cluster,
        places: { ...PLACE_LIMITS, ...options.places },
        trustedProxies: options.trustedProxies ?? [],
        frames: options.frames ?? FRAME_RATE,
        allowance: options.allowance ?? ALLOWANCE,
        log,
      }),
  });

  async function answer(request: Request, url: URL, arrival: Arrival): Promise<Response | null> {
    if (publicOrigin === null) requireLoopback(url, arrival.at);
    if (url.pathname === SOCKET && request.method === "GET") {
      return signaling.accept(request, arrival);
    }
    if (request.method === "OPTIONS" && isApi(url.pathname)) return preflight();
    if (url.pathname === SOCKET) return methodNotAllowed("GET");
    // A record is answered when witnesses have seen it.
    const isRecord = request.method === "PUT" || url.pathname.endsWith("/reset");
    const ms = isRecord ? RECORD_TIMEOUT_MS : REQUEST_TIMEOUT_MS;
    // Whoever asks for mail may wait for it.
    const waitMs = url.pathname === MAILBOX ? MAX_MAIL_WAIT_MS : 0;
    return await withinTime(app.fetch(request), ms + waitMs);
  }

  function withHeaders(response: Response, path: string): Response {
    setHeaders(response, isHttps);
    if (isApi(path)) setApiHeaders(response, path, ctx);
    return response;
  }

  return {
    logKey: ctx.keys.logVerifierKey,
    operations: served.map(({ operation }) => operation),
    routes: app.routes,
    async fetch(request, arrival) {
      let response: Response | null;
      let path = "";
      try {
        const url = urlOf(request);
        path = url.pathname;
        response = await answer(request, url, arrival);
      } catch (error) {
        response = problemResponse(refusalOf(error, log));
      }
      // An upgrade's headers are no longer to be written.
      if (response === null || response.status === 101) return response;
      return withHeaders(response, path);
    },
    refuse: (error) => withHeaders(problemResponse(error), ""),
    async drain() {
      waiters.close();
      await signaling.drain();
    },
    async close() {
      await signaling.close();
      await ctx.close();
      kv.close();
    },
  };
}

/** The HTTP application: what is served, and the pages. */
function buildApp(
  api: Api,
  served: readonly Served[],
  pages: Pages,
  log: Log,
): Hono {
  const app = new Hono();
  app.onError((error) => problemResponse(refusalOf(error, log)));
  app.notFound(() => problemResponse({ code: "not_found", message: "Nothing is at this path" }));
  mount(app, api, served);
  pageRoutes(app, pages);
  return app;
}

/** Every operation of the HTTP application, with what answers it. */
function servedBy(
  api: Api,
  waiters: MailWaiters,
  hasMetrics: boolean,
): readonly Served[] {
  const served = [
    ...authRoutes(api),
    ...directoryRoutes(api),
    ...linkRoutes(api),
    ...pushRoutes(api),
    ...iceRoutes(api),
    ...mailboxRoutes(api, waiters),
    ...roomRoutes(api),
    ...inviteRoutes(api),
    ...logRoutes(api),
    ...descriptionRoutes(api),
    ...keySetRoutes(api),
    ...healthRoutes(api),
    ...hasMetrics ? metricsRoutes(api) : [],
  ];
  return [...served, ...documentRoutes(api, served)];
}
