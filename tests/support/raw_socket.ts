/**
 * A WebSocket by hand: every byte is the test's, so that it can send what no client would.
 *
 * @module
 */

import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { type TestService } from "./service.ts";

/** The opcodes of frames (RFC 6455, section 5.2). */
export const OPCODE = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** How a frame lies. */
export interface FrameLies {
  /** Whether it is the last of its message; true unless it is said. */
  readonly fin?: boolean;
  /** Whether it is masked, as a client's has to be; true unless it is said. */
  readonly masked?: boolean;
  /** The length that it announces. */
  readonly length?: number;
}

/** One connection. */
export interface RawSocket extends Disposable {
  /** The status of the answer to the upgrade, 0 where there was none. */
  readonly status: number;
  /** The head and, where it was refused, the body of that answer. */
  readonly answer: string;
  /** Sends a frame; nothing where the peer has gone. */
  frame(opcode: number, payload: Uint8Array | string, lies?: FrameLies): Promise<void>;
  /** Sends bytes; nothing where the peer has gone. */
  bytes(bytes: Uint8Array): Promise<void>;
  /** The next text, or null where the connection ends before one. */
  text(): Promise<string | null>;
  /** Reads to the end: the texts that came, and the code of the close frame, or null without one. */
  end(): Promise<{ readonly texts: readonly string[]; readonly code: number | null }>;
}

const MASK = [1, 2, 3, 4];

/** Asks for a socket. @param head further lines of the request, instead of those of a handshake */
export async function rawSocket(
  service: Pick<TestService, "url">,
  head: Readonly<Record<string, string | null>> = {},
): Promise<RawSocket> {
  const { host, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const lines = Object.entries({
    host,
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "sec-websocket-protocol": SUBPROTOCOL,
    ...head,
  }).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  let buffer: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  const read = async (): Promise<boolean> => {
    const bytes = new Uint8Array(65_536);
    const count = await connection.read(bytes).catch(() => null);
    if (count === null) return false;
    const both = new Uint8Array(buffer.length + count);
    both.set(buffer);
    both.set(bytes.subarray(0, count), buffer.length);
    buffer = both;
    return true;
  };
  const send = async (bytes: Uint8Array): Promise<void> => {
    try {
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    } catch {
      // It is gone, and `end` says so.
    }
  };
  await send(new TextEncoder().encode(`GET ${SOCKET} HTTP/1.1\r\n${lines.join("")}\r\n`));
  let answer = "";
  for (;;) {
    answer = new TextDecoder().decode(buffer);
    if (answer.includes("\r\n\r\n") || !await read()) break;
  }
  const status = Number(answer.split(" ")[1] ?? 0);
  if (status === 101) {
    const head = answer.slice(0, answer.indexOf("\r\n\r\n") + 4);
    buffer = buffer.slice(head.length);
    answer = head;
  } else {
    // Whoever is refused is told so and sent away, or may ask again on the same connection.
    answer = new TextDecoder().decode(buffer);
  }

  const next = async (): Promise<ReturnType<typeof takeFrame>> => {
    for (;;) {
      const frame = takeFrame(buffer);
      if (frame !== null) buffer = frame.rest;
      if (frame !== null || !await read()) return frame;
    }
  };

  return {
    status,
    answer,
    bytes: send,
    frame: (opcode, payload, lies = {}) => send(frameOf(opcode, payload, lies)),
    async text() {
      for (;;) {
        const frame = await next();
        if (frame === null || frame.opcode === OPCODE.close) return null;
        if (frame.opcode === OPCODE.text) return new TextDecoder().decode(frame.payload);
      }
    },
    async end() {
      const texts: string[] = [];
      for (;;) {
        const frame = await next();
        if (frame === null) return { texts, code: null };
        const { opcode, payload } = frame;
        if (opcode === OPCODE.text) texts.push(new TextDecoder().decode(payload));
        if (opcode === OPCODE.close) {
          const code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
          return { texts, code };
        }
      }
    },
    [Symbol.dispose]() {
      try {
        connection.close();
      } catch {
        // It was closed before.
      }
    },
  };
}

function frameOf(opcode: number, payload: Uint8Array | string, lies: FrameLies): Uint8Array {
  const { fin = true, masked = true } = lies;
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const length = lies.length ?? bytes.length;
  const head = [(fin ? 0x80 : 0) | opcode];
  const flag = masked ? 0x80 : 0;
  if (length < 126) head.push(flag | length);
  else if (length < 65_536) head.push(flag | 126, length >> 8, length & 0xff);
  else {
    head.push(flag | 127);
    for (let i = 7; i >= 0; i--) head.push(Math.floor(length / 2 ** (8 * i)) % 256);
  }
  if (masked) head.push(...MASK);
  const frame = new Uint8Array(head.length + bytes.length);
  frame.set(head);
  frame.set(masked ? bytes.map((byte, i) => byte ^ MASK[i % 4]!) : bytes, head.length);
  return frame;
}

/** The first frame of bytes that a service sent, which are not masked; null where it is not whole. */
function takeFrame(
  bytes: Uint8Array,
): { opcode: number; payload: Uint8Array; rest: Uint8Array } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 2 + extra) return null;
  let length = extra === 0 ? short : 0;
  for (let i = 0; i < extra; i++) length = length * 256 + bytes[2 + i]!;
  const start = 2 + extra;
  if (bytes.length < start + length) return null;
  return {
    opcode: bytes[0]! & 0x0f,
    payload: bytes.subarray(start, start + length),
    rest: bytes.subarray(start + length),
  };
}
