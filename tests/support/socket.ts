/**
 * A WebSocket client for tests: frames in order, read as the SDK reads them, and how it ended.
 *
 * @module
 */

import { type ClientFrame } from "../../wire/client_frames.ts";
import { type ServerFrame } from "../../wire/frames.ts";
import { serverFrameFromWire } from "../../wire/server_frame.ts";
import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { requireFrame } from "./contract.ts";
import { makeProof, tokenOf } from "./dpop.ts";
import { type TestService } from "./service.ts";
import { type TestAccount } from "./service_core.ts";

/** One kind of frame. */
export type Frame<T extends ServerFrame["t"]> = Extract<ServerFrame, { t: T }>;

/** One socket. */
export interface TestSocket extends Disposable {
  /** The next frame; throws when it is of another kind, or none comes for 5 s. */
  next<T extends ServerFrame["t"]>(kind: T): Promise<Frame<T>>;
  /** The next frame, whatever it is. */
  any(): Promise<ServerFrame>;
  /** Frames that nobody took yet. */
  readonly waiting: readonly ServerFrame[];
  /** Sends a frame; a text or bytes as they are. */
  send(frame: ClientFrame | string | Uint8Array<ArrayBuffer>): void;
  /** The code with which it closed. */
  readonly ended: Promise<number>;
  /** Closes it. */
  close(): void;
}

const PATIENCE_MS = 5_000;

/** Connects, without signing in. */
export function connect(
  service: TestService,
  options: {
    readonly protocols?: readonly string[];
    readonly headers?: Record<string, string>;
  } = {},
): TestSocket {
  const { protocols = [SUBPROTOCOL], headers = {} } = options;
  // Deno's constructor takes headers too, which the DOM's types do not know.
  const init = { protocols, headers } as unknown as string[];
  const native = new WebSocket(service.url.replace("http", "ws") + SOCKET, init);
  const waiting: ServerFrame[] = [];
  const wakers: (() => void)[] = [];
  let closeCode: number | null = null;
  let misfit: unknown = null;
  const wake = () => wakers.splice(0).forEach((waker) => waker());
  native.onmessage = ({ data }) => {
    try {
      requireFrame(data);
      waiting.push(serverFrameFromWire(data));
    } catch (error) {
      misfit ??= error;
    }
    wake();
  };
  const ended = new Promise<number>((resolve) => {
    native.onclose = ({ code }) => {
      closeCode = code;
      wake();
      resolve(code);
    };
  });
  async function take(): Promise<ServerFrame> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      if (misfit !== null) throw misfit;
      const frame = waiting.shift();
      if (frame !== undefined) return frame;
      if (closeCode !== null) throw new Error(`the socket closed with ${closeCode}`);
      if (performance.now() > deadline) throw new Error("no frame came");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE_MS);
        wakers.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
  const close = () => native.close();
  return {
    waiting,
    any: take,
    ended,
    async next<T extends ServerFrame["t"]>(kind: T): Promise<Frame<T>> {
      const frame = await take();
      if (frame.t === kind) return frame as Frame<T>;
      throw new Error(`expected ${kind}, got ${JSON.stringify(frame)}`);
    },
    send(frame) {
      const isRaw = typeof frame === "string" || frame instanceof Uint8Array;
      native.send(isRaw ? frame : JSON.stringify(frame));
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** The `auth` frame of a person. */
export async function authFrame(
  service: TestService,
  account: TestAccount,
  nonce: string,
  token?: string,
): Promise<Extract<ClientFrame, { t: "auth" }>> {
  const held = token ?? await tokenOf(service, account);
  const proof = await makeProof(account.keys.signing, {
    method: "GET",
    url: service.url + SOCKET,
    nonce,
    token: held,
    nowMs: service.now(),
  });
  return { t: "auth", token: held, proof };
}

/** Connects and signs in. */
export async function online(
  service: TestService,
  account: TestAccount,
  headers: Record<string, string> = {},
): Promise<TestSocket> {
  const socket = connect(service, { headers });
  const { nonce } = await socket.next("hello");
  socket.send(await authFrame(service, account, nonce));
  await socket.next("welcome");
  return socket;
}
