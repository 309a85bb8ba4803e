/**
 * A WebSocket of `ws` on `node:http`, for whoever runs the service on a machine of their own.
 *
 * It refuses a message by its announced length, before any of it is kept; stops reading from a peer
 * who does not read; counts pings; and cuts off whoever does not answer a close. It never decides
 * who may connect.
 *
 * @module
 */

import { type Buffer } from "node:buffer";
import { type IncomingMessage } from "node:http";
import { nextTick } from "node:process";
import { type Duplex } from "node:stream";
import { CLOSE } from "../wire/close.ts";
import { FRAME_BURST, MAX_FRAME_BYTES, SOFT_BUFFERED_BYTES } from "../wire/limits.ts";
import { guarded, type Socket, type SocketEvents, type Upgrade } from "./socket.ts";
import { type WriteTurn, writeTurns } from "./write_turn.ts";

/** How long a peer has to answer a close before it is cut off, in milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;
/** Bytes of a peer that are read once the closing has begun: its answer, and what was on its way. */
const MAX_LATE_BYTES = 131_072;
/** Most fragments of a message: nobody who means well splits 32 KiB further. */
const MAX_FRAGMENTS = 128;
/** Most reads that one message may take. */
const MAX_CHUNKS = 4_096;
/** Most answers to pings that wait to be sent: whoever sends more is cut off, or told why before. */
const MAX_PENDING_PONGS = 2 * FRAME_BURST;
/** How the library ends a connection whose peer broke the protocol (RFC 6455, section 7.4.1). */
const ITS_CODES: readonly (number | undefined)[] = [1002, 1007, 1008, 1009];
/** Among these: the message is longer than it may be. */
const MESSAGE_TOO_BIG = 1009;

/** What an `upgrade` event of `node:http` brings. */
export interface UpgradeRequest {
  /** The request's head. */
  readonly incoming: IncomingMessage;
  /** The connection. */
  readonly stream: Duplex;
  /** What came behind the head. */
  readonly head: Buffer;
}

/**
 * The part of the library that is used here, as its documentation has it. Its types are a package
 * that would put the types of Node in the place of the runtime's own, everywhere.
 */
interface Library {
  handleUpgrade(
    incoming: IncomingMessage,
    stream: Duplex,
    head: Buffer,
    opened: (ws: WsSocket) => void,
  ): void;
  on(event: "wsClientError", listener: () => void): void;
}

interface WsSocket {
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  send(text: string, done: () => void): void;
  close: (code?: number, reason?: string | Buffer) => void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: "error" | "ping" | "pong" | "close", listener: () => void): void;
}

/** Makes WebSockets of `upgrade` events. */
export async function wsUpgrades(): Promise<(request: UpgradeRequest) => Upgrade> {
  // When it is wanted: it reads the environment, which not every command may.
  const { WebSocketServer } = await import("ws");
  const confirmed = new WeakMap<IncomingMessage, string>();
  const hold = writeTurns();
  const server: Library = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    maxPendingAutoPongs: MAX_PENDING_PONGS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // Which of the offered ones it is was decided before.
    handleProtocols: (_offered: ReadonlySet<string>, incoming: IncomingMessage) =>
      confirmed.get(incoming) ?? false,
  });
  // Without a listener the library would answer what is no handshake, with a page.
  server.on("wsClientError", () => {});
  return ({ incoming, stream, head }) => (protocol, events) => {
    if (protocol !== null) confirmed.set(incoming, protocol);
    let isOpen = false;
    server.handleUpgrade(incoming, stream, head, (ws) => {
      isOpen = true;
      drive(ws, stream, hold, guarded(events));
    });
    // It opens before the call returns, or never does: no handshake, or a peer who has gone.
    if (!isOpen) throw new TypeError("not a WebSocket handshake");
    return null;
  };
}

function drive(ws: WsSocket, stream: Duplex, hold: WriteTurn, events: SocketEvents): void {
  const close = ws.close.bind(ws);
  // The library closes with a code of its own, and says right after whether the peer broke the
  // protocol or closed with that code itself. The former is ours to tell.
  let held: number | null = null;
  ws.close = (code, reason) => {
    if (code === undefined || !ITS_CODES.includes(code)) return close(code, reason);
    held = code;
    queueMicrotask(() => {
      if (held !== null) close(code, reason);
      held = null;
    });
  };
  ws.on("error", () => {
    // Other errors are the connection's, which is gone with them.
    if (held === null) return;
    const isTooLarge = held === MESSAGE_TOO_BIG;
    held = null;
    // The library is about to read on, and throw away what comes; but that may be a lot.
    nextTick(() => ws.pause());
    if (isTooLarge) events.broken(CLOSE.tooLarge, "too large");
    else events.broken(CLOSE.malformed, "malformed");
  });
  ws.on("message", (data, isBinary) => {
    if (isBinary) events.binary();
    else events.text(data.toString());
  });
  ws.on("ping", () => events.control());
  ws.on("pong", () => events.control());
  ws.on("close", () => events.closed());
  events.opened(socketOf(ws, stream, hold, close));
}

function socketOf(
  ws: WsSocket,
  stream: Duplex,
  hold: WriteTurn,
  close: WsSocket["close"],
): Socket {
  let isIgnored = false;
  let isClosing = false;
  return {
    send(text) {
      hold(stream);
      ws.send(text, nothing);
      if (ws.bufferedAmount <= SOFT_BUFFERED_BYTES || ws.isPaused) return;
      // Whoever does not read what it asked for is asked nothing more of.
      ws.pause();
      stream.once("drain", () => {
        if (!isIgnored) ws.resume();
      });
    },
    ignore() {
      isIgnored = true;
      ws.pause();
    },
    close(code, reason) {
      close(code, reason);
      if (isClosing) return;
      isClosing = true;
      // The answer has to be read, but not whatever a peer sends instead: that waits for the end.
      let late = 0;
      stream.on("data", (bytes: Buffer) => {
        late += bytes.length;
        if (late > MAX_LATE_BYTES) ws.pause();
      });
      ws.resume();
    },
    waitingBytes: () => ws.bufferedAmount,
    terminate: () => ws.terminate(),
  };
}

/** A frame that could not be sent: the socket is closing, and `closed` says so. */
function nothing(): void {}
