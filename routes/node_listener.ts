/**
 * Listening with `node:http`, for whoever runs the service on a machine of their own: its sockets
 * can be cut off, and it has limits that the runtime's own server has not.
 *
 * Requests go to the service's one fetch handler, as they do on the runtime's server. It never
 * answers anything itself, but what is no HTTP at all.
 *
 * @module
 */

import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import { type Socket } from "node:net";
import { type Duplex } from "node:stream";
import { ServiceError } from "../core/error.ts";
import { concat, utf8 } from "../crypto/bytes.ts";
import { SOCKET } from "../wire/paths.ts";
import { watchAccepting } from "./accept_watch.ts";
import { type Service } from "./app.ts";
import { type Arrival } from "./arrival.ts";
import { type Listening } from "./host.ts";
import { type Listener } from "./listener.ts";
import { type Log } from "./problem.ts";
import { type Upgrade } from "./socket.ts";
import { wsUpgrades } from "./socket_ws.ts";

/** How long things may take and how large they may be, before a request is one. */
export interface HttpLimits {
  /** Longest head of a request, in bytes. */
  readonly headBytes: number;
  /** How long a head may take, in milliseconds. */
  readonly headMs: number;
  /** How long a request may take to come in whole, in milliseconds. */
  readonly requestMs: number;
  /** How long a connection is kept for the next request, in milliseconds. */
  readonly keepAliveMs: number;
  /** How often the clocks are looked at, in milliseconds. */
  readonly checkMs: number;
}

/** The ones that the service has. */
export const HTTP_LIMITS: HttpLimits = {
  headBytes: 32_768,
  headMs: 10_000,
  requestMs: 30_000,
  // Longer than proxies keep theirs, so that none of them sends a request into a closing connection.
  keepAliveMs: 75_000,
  checkMs: 2_000,
};

/** Listens. @throws an error with the `code` of the system, as `EADDRINUSE` */
export async function listenNode(
  service: Pick<Service, "fetch" | "refuse">,
  { hostname, port }: Listening,
  log: Log,
  limits: HttpLimits = HTTP_LIMITS,
): Promise<Listener> {
  let at: Listening = { hostname, port };
  const upgrades = await wsUpgrades();
  const serve = getRequestListener(
    async (request, bindings) => {
      const { incoming } = bindings as HttpBindings;
      const arrival = arrivalOf(at, incoming, notHere);
      return await service.fetch(request, arrival) ?? service.refuse(notHandshake());
    },
    { overrideGlobalObjects: false, errorHandler: () => service.refuse(noUrl()) },
  );
  const server = createServer(
    {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.headMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkMs,
      // All other upgrades are declined by answering the request.
      shouldUpgradeCallback: isSocketRequest,
    } as Parameters<typeof createServer>[0],
    serve,
  );
  const connections = new Set<Socket>();
  server.on("connection", (connection: Socket) => {
    connections.add(connection);
    connection.on("close", () => connections.delete(connection));
  });
  server.on("upgrade", (incoming: IncomingMessage, stream: Duplex, head) => {
    stream.on("error", goneWithError);
    const upgrade = upgrades({ incoming, stream, head });
    answerUpgrade(service, stream, requestOf(incoming), arrivalOf(at, incoming, upgrade))
      .catch(() => stream.destroy());
  });
  at = await listening(server, at);
  const unwatch = watchAccepting(server, at, log);
  return {
    at,
    async stop() {
      await unwatch();
      await closed(server, connections);
    },
  };
}

function listening(server: Server, { hostname, port }: Listening): Promise<Listening> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      const { address, port: own } = server.address() as { address: string; port: number };
      resolve({ hostname: address, port: own });
    });
  });
}

function closed(server: Server, connections: Iterable<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    // A client opens more than it needs; on which nothing ever came is not idle, as the server has it.
    for (const connection of connections) if (connection.bytesRead === 0) connection.destroy();
  });
}

function isSocketRequest({ method, url, headers }: IncomingMessage): boolean {
  const isPath = url === SOCKET || url?.startsWith(`${SOCKET}?`) === true;
  const hasBody = "transfer-encoding" in headers || (headers["content-length"] ?? "0") !== "0";
  return isPath && method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && !hasBody;
}

function arrivalOf(at: Listening, { socket }: IncomingMessage, upgrade: Upgrade): Arrival {
  return { at, peer: socket.remoteAddress ?? null, upgrade };
}

/** Whoever is gone needs no answer. Holds on to nothing of the request, as the connection may last. */
function goneWithError(this: Duplex): void {
  this.destroy();
}

async function answerUpgrade(
  service: Pick<Service, "fetch" | "refuse">,
  stream: Duplex,
  request: Request | null,
  arrival: Arrival,
): Promise<void> {
  const response = request === null
    ? service.refuse(noUrl())
    : await service.fetch(request, arrival);
  if (response !== null) await answerTo(stream, response);
}

/** The head of an upgrade as a request, or null where its `Host` is none. */
function requestOf({ url, headers, rawHeaders }: IncomingMessage): Request | null {
  const target = URL.parse(`http://${headers.host}${url}`);
  if (target === null) return null;
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    pairs.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  }
  return new Request(target, { headers: pairs });
}

/** Answers an upgrade that is none, and ends the connection. */
async function answerTo(stream: Duplex, response: Response): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const head = [
    `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status] ?? ""}`,
    ...[...response.headers].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${body.length}`,
    "connection: close",
  ];
  // In one write, since whoever asks may be one of thousands.
  stream.end(concat(utf8(`${head.join("\r\n")}\r\n\r\n`), body));
}

function notHere(): never {
  throw new TypeError("not an upgrade");
}

function notHandshake(): ServiceError {
  return new ServiceError("malformed", "This is no WebSocket handshake");
}

function noUrl(): ServiceError {
  return new ServiceError("malformed", "The Host or the path of the request is none");
}
