/**
 * The least that speaks WebSocket (RFC 6455), for whoever makes load: it has to cost less than any server
 * that it measures. It counts frames by their headers and reads the text of those alone that are asked for.
 *
 * Never a client for anything else: its mask is zero, so that a frame is made once and sent as it is, and
 * it takes the server to be one that keeps the rules.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect } from "node:net";

/** Where a socket goes. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly subprotocol: string | null;
}

/** What a socket tells. */
export interface RawEvents {
  /** The upgrade was confirmed. */
  opened(socket: RawSocket): void;
  /** A data frame is at `[start, end)` of a buffer that is good during the call only. */
  frame(socket: RawSocket, buffer: Buffer, start: number, end: number): void;
  /** All frames that came in together were told. */
  drained?(socket: RawSocket): void;
  /** It is gone. @param why empty where we ended it */
  closed(why: string): void;
}

/** One socket. */
export interface RawSocket {
  /** Sends frames of `frameOf`. */
  send(frames: Buffer): void;
  /** Cuts it off, without a close frame. */
  cut(): void;
}

const READ_BYTES = 256 * 1024;
/** Shared by all sockets: what is read is told before anything else is read. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);
const NONE = Buffer.alloc(0);

/** A masked text frame, whose mask is zero. */
export function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  if (length < 126) {
    return Buffer.concat([Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0]), payload]);
  }
  if (length > 0xffff) throw new Error("too long for a benchmark");
  const head = Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

/** Connects and upgrades. */
export function openRaw({ port, path, subprotocol }: Target, events: RawEvents): void {
  let kept: Buffer = NONE;
  let isOpen = false;
  let isCut = false;
  const native = connect({
    port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer: shared,
      callback(length: number) {
        take(length);
        return true;
      },
    },
  });
  const socket: RawSocket = {
    send: (frames) => void native.write(frames),
    cut() {
      isCut = true;
      native.resetAndDestroy();
    },
  };
  native.on("connect", () => {
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      ...subprotocol === null ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`],
    ];
    native.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
  native.on("error", (error) => events.closed(error.message));
  native.on("close", () => events.closed(isCut ? "" : "the server closed a socket"));

  function take(length: number): void {
    const isWhole = kept.length === 0;
    const buffer = isWhole ? shared : Buffer.concat([kept, shared.subarray(0, length)]);
    const end = isWhole ? length : buffer.length;
    let at = 0;
    if (!isOpen) {
      const head = buffer.indexOf("\r\n\r\n");
      if (head < 0 || head >= end) return keep(buffer, 0, end);
      at = head + 4;
      if (buffer.toString("latin1", 9, 12) !== "101") {
        return void native.destroy(new Error(`no upgrade: ${buffer.toString("latin1", 0, 64)}`));
      }
      isOpen = true;
      events.opened(socket);
    }
    at = frames(buffer, at, end);
    keep(buffer, at, end);
    events.drained?.(socket);
  }

  /** Tells the whole frames and answers where the rest begins. */
  function frames(buffer: Buffer, from: number, end: number): number {
    let at = from;
    while (end - at >= 2) {
      const opcode = buffer[at]! & 15;
      let size = buffer[at + 1]! & 127;
      let start = at + 2;
      if (size === 126) {
        if (end - at < 4) break;
        size = buffer.readUInt16BE(at + 2);
        start = at + 4;
      } else if (size === 127) {
        if (end - at < 10) break;
        size = Number(buffer.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (end - start < size) break;
      at = start + size;
      if (opcode <= 2) events.frame(socket, buffer, start, at);
      // A ping may be left unanswered as long as a trial lasts; a close is followed by the end.
    }
    return at;
  }

  function keep(buffer: Buffer, from: number, end: number): void {
    // A copy: the shared buffer is the next socket's.
    kept = from === end ? NONE : Buffer.from(buffer.subarray(from, end));
  }
}
