/**
 * The two implementations of the socket by themselves: what they promise whoever drives them.
 *
 * @module
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { createServer } from "node:http";
import { guarded, type Socket, type SocketEvents } from "../../routes/socket.ts";
import { nativeUpgrade } from "../../routes/socket_native.ts";
import { wsUpgrades } from "../../routes/socket_ws.ts";
import { SOFT_BUFFERED_BYTES } from "../../wire/limits.ts";
import { OPCODE, type RawSocket, rawSocket } from "../support/raw_socket.ts";

interface SocketServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves sockets of both implementations. */
const SERVERS: Record<"ws" | "native", (events: SocketEvents) => Promise<SocketServer>> = {
  async ws(events) {
    const upgrades = await wsUpgrades();
    const server = createServer();
    server.on("upgrade", (incoming, stream, head) => {
      upgrades({ incoming, stream, head })("rooms.v1", events);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const closed = () => new Promise<void>((resolve) => server.close(() => resolve()));
    return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: closed };
  },
  native(events) {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => nativeUpgrade(request)("rooms.v1", events)!,
    );
    const url = `http://127.0.0.1:${server.addr.port}`;
    return Promise.resolve({ url, [Symbol.asyncDispose]: () => server.shutdown() });
  },
};

/** Events that say what happened, some of which may throw. */
function recording(
  heard: string[],
  throwing: readonly string[] = [],
): SocketEvents & { readonly socket: Socket } {
  let socket: Socket | null = null;
  const hear = (event: string) => {
    heard.push(event);
    if (throwing.includes(event)) throw new Error("bug: thrown for a test");
  };
  return {
    get socket() {
      return socket!;
    },
    opened(opened) {
      socket = opened;
      hear("opened");
    },
    text: (text) => hear(text),
    binary: () => hear("binary"),
    control: () => hear("control"),
    broken(code, reason) {
      socket!.close(code, reason);
      hear("broken");
    },
    closed: () => hear("closed"),
    failed() {
      socket!.close(4006, "failed");
      hear("failed");
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 4));
  equal(holds(), true);
}

for (const [name, serve] of Object.entries(SERVERS)) {
  Deno.test(`${name}: whatever a handler throws ends its socket and nothing else`, async () => {
    for (const throwing of [["opened"], ["t"], ["binary"], ["t", "failed"], ["t", "closed"]]) {
      const heard: string[] = [];
      await using server = await serve(recording(heard, throwing));
      using socket = await rawSocket(server);
      await socket.frame(OPCODE.text, "t");
      await socket.frame(OPCODE.binary, "b");
      const { code } = await socket.end();
      ok(code === 4006 || code === null || code === 1005 || code === 1000, `${throwing}: ${code}`);
      socket[Symbol.dispose]();
      await until(() => heard.includes("closed"));
      equal(heard.filter((event) => event === "closed").length, 1);
      equal(heard[0], "opened");
    }
  });

  Deno.test(`${name}: a peer that says nothing more and goes is closed once`, async () => {
    const heard: string[] = [];
    const events = recording(heard);
    await using server = await serve(events);
    const socket = await rawSocket(server);
    await until(() => heard.includes("opened"));
    socket[Symbol.dispose]();
    await until(() => heard.includes("closed"));
    const { socket: gone } = events;
    gone.send("x");
    gone.close(4000, "x");
    gone.ignore();
    gone.terminate();
    await new Promise((resolve) => setTimeout(resolve, 20));
    deepEqual(heard, ["opened", "closed"]);
  });
}

Deno.test("ws: a peer that does not answer a close is cut off", async () => {
  const heard: string[] = [];
  const events = recording(heard);
  await using server = await SERVERS.ws(events);
  using socket = await rawSocket(server);
  events.socket.close(4000, "drain");
  equal((await socket.end()).code, 4000);
  await until(() => heard.includes("closed"));
  using other = await rawSocket(server);
  events.socket.terminate();
  equal((await other.end()).code, null);
});

/** Sends to a peer that does not read until so many bytes wait for it. */
async function fill(socket: Socket, bytes: number): Promise<void> {
  for (let i = 0; i < 10_000 && socket.waitingBytes() < bytes; i++) {
    socket.send("x".repeat(65_536));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  ok(socket.waitingBytes() >= bytes);
}

/** Reads until so many bytes more came, whatever they are. */
async function drain(socket: RawSocket, texts: number): Promise<void> {
  for (let i = 0; i < texts; i++) await socket.text();
}

Deno.test("ws: whoever does not read is not read, until it does", async () => {
  const heard: string[] = [];
  const events = recording(heard);
  await using server = await SERVERS.ws(events);
  using socket = await rawSocket(server);
  await fill(events.socket, SOFT_BUFFERED_BYTES + 1);
  await socket.frame(OPCODE.text, "asked");
  await new Promise((resolve) => setTimeout(resolve, 50));
  deepEqual(heard, ["opened"]);
  while (events.socket.waitingBytes() > 0) await drain(socket, 1);
  await until(() => heard.includes("asked"));
});

Deno.test("ws: whoever is ignored is read no further, also while it closes", async () => {
  const heard: string[] = [];
  const events = recording(heard);
  await using server = await SERVERS.ws(events);
  using socket = await rawSocket(server);
  events.socket.ignore();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const flood = (async () => {
    for (let i = 0; i < 2_000; i++) await socket.frame(OPCODE.text, " ".repeat(16_384));
  })();
  await new Promise((resolve) => setTimeout(resolve, 50));
  deepEqual(heard, ["opened"]);
  events.socket.close(4005, "rate");
  equal((await socket.end()).code, 4005);
  await until(() => heard.includes("closed"));
  await flood;
  // What is on its way when the closing begins is read, and not what comes instead of an answer.
  ok(heard.length < 40, `${heard.length} of 2,000`);
});

Deno.test("what throws even where it fails is cut off", () => {
  let isCut = false;
  const socket = { terminate: () => void (isCut = true) } as Socket;
  const events = guarded({
    ...recording([]),
    opened: () => {},
    text: () => {
      throw new Error("first");
    },
    failed: () => {
      throw new Error("second");
    },
  });
  events.opened(socket);
  events.text("x");
  equal(isCut, true);
});
