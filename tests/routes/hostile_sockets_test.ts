/**
 * What strangers and clients do to a service by its sockets, and what it does: each is told its
 * code where it can be told anything, nothing grows without bound, and nobody else notices.
 *
 * @module
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { readProxies } from "../../routes/client_address.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { CLOSE } from "../../wire/close.ts";
import {
  FRAME_BURST,
  JOIN_BURST,
  MAX_BUFFERED_BYTES,
  MAX_CT_BYTES,
  MAX_FRAME_BYTES,
  MAX_ROOMS_PER_CONNECTION,
  MAX_WAITING_SOCKETS_PER_PREFIX,
} from "../../wire/limits.ts";
import { registered } from "../support/dpop.ts";
import { OPCODE, type RawSocket, rawSocket } from "../support/raw_socket.ts";
import { startService, type TestService, usedSockets } from "../support/service.ts";
import { authFrame, online, type TestSocket } from "../support/socket.ts";
import { type TestAccount } from "../support/service_core.ts";

const MIB = 1_048_576;

function room(): string {
  const id = randomBytes(16);
  id[0]! &= 0x7f;
  return toBase64Url(id);
}

/** Signs in by hand. */
async function signedIn(service: TestService, account: TestAccount): Promise<RawSocket> {
  const response = await fetch(`${service.url}/v1/nothing`);
  await response.body?.cancel();
  const nonce = response.headers.get("dpop-nonce")!;
  const socket = await rawSocket(service);
  await socket.frame(OPCODE.text, JSON.stringify(await authFrame(service, account, nonce)));
  return socket;
}

/** The code of a `bye` among texts. */
function byeOf(texts: readonly string[]): number | null {
  const bye = texts.map((text) => JSON.parse(text)).find((frame) => frame.t === "bye");
  return bye?.code ?? null;
}

/** Expects that whatever was done ended with a code, said in `bye` and again in the close frame. */
async function endsWith(socket: RawSocket, code: number, what: string): Promise<void> {
  const { texts, code: closed } = await socket.end();
  deepEqual([byeOf(texts), closed], [code, code], what);
}

/** Whether the service still serves: somebody signs in, and is answered. */
async function serves(service: TestService, account: TestAccount): Promise<void> {
  using socket = await online(service, account);
  socket.send({ t: "ping" });
  await socket.next("pong");
}

Deno.test("a frame that announces 64 MiB is refused before it is sent, whether or not it comes", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  for (const comes of [false, true]) {
    using socket = await rawSocket(service);
    const before = Deno.memoryUsage().rss;
    await socket.frame(OPCODE.text, new Uint8Array(65_536), { length: 64 * MIB });
    // The ws implementation reads no further than the announcement; what comes is thrown away.
    const sent = (async () => {
      const chunk = new Uint8Array(65_536);
      for (let i = 1; comes && i < 1_024; i++) await socket.bytes(chunk);
    })();
    if (usedSockets() === "ws") await endsWith(socket, CLOSE.tooLarge, "64 MiB");
    else equal(byeOf((await socket.end()).texts), null);
    const grown = (Deno.memoryUsage().rss - before) / MIB;
    console.log(`64 MiB ${comes ? "sent" : "announced"}: resident memory +${grown.toFixed(1)} MiB`);
    ok(grown < 32, `${grown} MiB`);
    socket[Symbol.dispose]();
    await sent;
  }
  await serves(service, alice);
  deepEqual(service.faults, []);
});

Deno.test("a message of fragments is as long as all of them", async () => {
  await using service = await startService();
  using socket = await rawSocket(service);
  await socket.frame(OPCODE.text, " ".repeat(MAX_FRAME_BYTES / 2), { fin: false });
  await socket.frame(OPCODE.more, " ".repeat(MAX_FRAME_BYTES / 2 + 1));
  await endsWith(socket, CLOSE.tooLarge, "fragments");
  if (usedSockets() === "native") return;
  using crumbs = await rawSocket(service);
  await crumbs.frame(OPCODE.text, "x", { fin: false });
  for (let i = 0; i < 200; i++) await crumbs.frame(OPCODE.more, "x", { fin: false });
  await endsWith(crumbs, CLOSE.malformed, "crumbs");
});

Deno.test("what is no frame, no text, no JSON or nested without end closes with 4500", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const text = (payload: string) => (socket: RawSocket) => socket.frame(OPCODE.text, payload);
  const wrong: Record<string, (socket: RawSocket) => Promise<void>> = {
    brace: text("{"),
    nested: text("[".repeat(8_000)),
    nestedWell: text(`{"t":${"[".repeat(4_000)}${"]".repeat(4_000)}}`),
    prototype: text(`{"t":"ping","__proto__":{"t":"auth"}}`),
    binary: (socket) => socket.frame(OPCODE.binary, "{}"),
  };
  // These the runtime's own sockets answer with no more than the end of the connection.
  const broken: typeof wrong = {
    notUtf8: (socket) => socket.frame(OPCODE.text, new Uint8Array([0xff, 0xfe, 0x80])),
    opcode: (socket) => socket.frame(5, "{}"),
    longPing: (socket) => socket.frame(OPCODE.ping, "x".repeat(200)),
    shortClose: (socket) => socket.frame(OPCODE.close, new Uint8Array([3])),
  };
  await Promise.all(
    Object.entries({ ...wrong, ...broken }).map(async ([name, act]) => {
      using socket = await rawSocket(service);
      await act(socket);
      const isTold = name in wrong || usedSockets() === "ws";
      if (isTold) await endsWith(socket, CLOSE.malformed, name);
      else equal(byeOf((await socket.end()).texts), null, name);
    }),
  );
  await serves(service, alice);
  deepEqual(service.faults, []);
});

Deno.test("a client may close as it likes, and twice", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  for (const code of [1000, 1002, 1009, 1011, 3000, 4999]) {
    using socket = await rawSocket(service);
    const close = new Uint8Array([code >> 8, code & 0xff]);
    await socket.frame(OPCODE.close, close);
    await socket.frame(OPCODE.close, close);
    const { texts, code: answered } = await socket.end();
    deepEqual([byeOf(texts), answered], [null, code]);
  }
  await serves(service, alice);
  deepEqual(service.faults, []);
});

Deno.test("pings count as frames do", async () => {
  // The runtime tells nobody of them, and answers each.
  if (usedSockets() === "native") return;
  await using service = await startService();
  using socket = await rawSocket(service);
  for (let i = 0; i <= FRAME_BURST; i++) await socket.frame(OPCODE.ping, "x");
  await endsWith(socket, CLOSE.rateLimited, "pings");
  using flood = await rawSocket(service);
  const pings = new Uint8Array(6 * 10_000);
  for (let i = 0; i < pings.length; i += 6) pings.set([0x80 | OPCODE.ping, 0x80], i);
  await flood.bytes(pings);
  await flood.end();
});

Deno.test("odd headers make no socket, or the one that they ask for", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const refused: Record<string, Record<string, string | null>> = {
    noKey: { "sec-websocket-key": null },
    noConnection: { connection: "keep-alive" },
    noUpgrade: { upgrade: null },
    h2c: { upgrade: "h2c" },
    several: { upgrade: "websocket, h2c" },
    body: { "transfer-encoding": "chunked" },
    host: { host: "evil.example" },
    ...usedSockets() === "ws" ? { noHost: { host: null } } : {},
  };
  for (const [name, head] of Object.entries(refused)) {
    using socket = await rawSocket(service, head);
    ok(socket.status >= 400 && socket.status < 500, `${name}: ${socket.status}`);
  }
  const taken: Record<string, Record<string, string | null>> = {
    extensions: { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" },
    broken: { "sec-websocket-extensions": ";;;===" },
    protocols: { "sec-websocket-protocol": "a, rooms.v1, b" },
    spelling: { upgrade: "WebSocket" },
  };
  for (const [name, head] of Object.entries(taken)) {
    using socket = await rawSocket(service, head);
    equal(socket.status, 101, name);
    const answered = socket.answer.toLowerCase();
    equal(answered.includes("sec-websocket-extensions"), false, name);
    equal(/sec-websocket-protocol: (.*)\r\n/.exec(answered)?.[1], "rooms.v1", name);
  }
  using long = await rawSocket(service, { "x-long": "x".repeat(40_000) });
  if (usedSockets() === "ws") equal(long.status, 431);
  await serves(service, alice);
  deepEqual(service.faults, []);
});

/** Floods a room, as far as a connection may at once; answers how many frames were acked. */
async function flood(sender: TestSocket, to: string): Promise<number> {
  const ct = toBase64Url(new Uint8Array(MAX_CT_BYTES));
  let acks = 0;
  while (acks < FRAME_BURST - 20) {
    sender.send({ t: "signal", id: `f${acks}`, room: to, to: "*", ct });
    for (;;) {
      const frame = await sender.any();
      if (frame.t === "ack") break;
      if (frame.t === "bye") throw new Error(`ended with ${frame.code}`);
    }
    acks++;
  }
  return acks;
}

Deno.test("readers that stop while a room floods them are cut off at 1 MiB, and memory is bounded", async () => {
  await using service = await startService();
  const names = ["ann", "ben", "cay", "dan"];
  const people = await Promise.all(names.map((name) => registered(service, name)));
  const senders = await Promise.all(people.map((person) => online(service, person)));
  const readers = await Promise.all(["yan", "zoe"].map((name) => registered(service, name)));
  const to = room();
  const stalled = (await Promise.all(
    readers.map((one) => Promise.all(Array.from({ length: 10 }, () => signedIn(service, one)))),
  )).flat();
  for (const socket of stalled) {
    await socket.frame(OPCODE.text, JSON.stringify({ t: "join", id: "j", room: to }));
  }
  for (const sender of senders) {
    sender.send({ t: "join", id: "j", room: to });
    while ((await sender.any()).t !== "joined");
  }
  const before = Deno.memoryUsage().rss;
  let most = 0;
  const watch = setInterval(() => most = Math.max(most, Deno.memoryUsage().rss), 10);
  // Each sender is acked for each of its frames, by a service that is not held up.
  const acked = await Promise.all(senders.map((sender) => flood(sender, to)));
  deepEqual(acked, names.map(() => FRAME_BURST - 20));
  const asked = stalled.length * acked.reduce((a, b) => a + b) * MAX_CT_BYTES * 4 / 3 / MIB;
  clearInterval(watch);
  const grown = (most - before) / MIB;
  console.log(
    `${asked.toFixed(0)} MiB for 20 readers that stopped: resident memory +${grown.toFixed(0)} MiB`,
  );
  // A third of it is the senders', who are in this process too.
  ok(grown < asked * 2 / 3, `${grown} MiB of ${asked}`);
  for (const sender of senders) sender.close();
  for (const socket of stalled) {
    // What the kernel had taken in comes first, and then the connection ends.
    const { texts, code } = await socket.end();
    ok(texts.length < 2 * MAX_BUFFERED_BYTES, "it ended");
    ok(code === null || code === CLOSE.slowConsumer, `${code}`);
    socket[Symbol.dispose]();
  }
});

Deno.test("of many joins a few are made, and the others are refused; a thousand end the connection", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  using socket = await online(service, alice);
  const counted: Record<string, number> = {};
  for (let i = 0; i < 100; i++) socket.send({ t: "join", id: `j${i}`, room: room() });
  for (let i = 0; i < 100; i++) {
    const frame = await socket.any();
    const kind = frame.t === "error" ? frame.code : frame.t;
    counted[kind] = (counted[kind] ?? 0) + 1;
  }
  deepEqual(counted, {
    joined: MAX_ROOMS_PER_CONNECTION,
    too_many_rooms: JOIN_BURST - MAX_ROOMS_PER_CONNECTION,
    rate_limited: 100 - JOIN_BURST,
  });
  for (let i = 0; i < 1_000; i++) socket.send({ t: "join", id: `k${i}`, room: room() });
  equal(await socket.ended, CLOSE.rateLimited);
  await serves(service, alice);
});

Deno.test("an address has so many sockets without somebody behind them, and others have theirs", async () => {
  const trustedProxies = readProxies("127.0.0.1")!;
  const places = { lingeringPerPrefix: 3, perPrefix: 5 };
  await using service = await startService({ trustedProxies, places });
  const from = (address: string) => rawSocket(service, { "x-forwarded-for": address });
  using a = await from("192.0.2.1");
  using b = await from("192.0.2.1");
  using c = await from("198.51.100.7, 192.0.2.1");
  using refused = await from("192.0.2.1");
  deepEqual([a.status, b.status, c.status, refused.status], [101, 101, 101, 429]);
  ok(refused.answer.includes(`"code":"rate_limited"`));
  using other = await from("192.0.2.2");
  equal(other.status, 101);
  // Of IPv6, 64 bits are one client's.
  const six = await Promise.all([1, 2, 3, 4].map((n) => from(`2001:db8::${n}`)));
  deepEqual(six.map(({ status }) => status).sort(), [101, 101, 101, 429]);
  using elsewhere = await from("2001:db8:0:1::1");
  equal(elsewhere.status, 101);
  for (const socket of six) socket[Symbol.dispose]();
  deepEqual(service.faults, []);
});

Deno.test("an address has so many sockets in all, and X-Forwarded-For of a stranger changes nothing", async () => {
  await using service = await startService({ places: { perPrefix: 3 } });
  const people = await Promise.all(["ann", "ben", "cay"].map((name) => registered(service, name)));
  const sockets = await Promise.all(people.map((person) => online(service, person)));
  using refused = await rawSocket(service, { "x-forwarded-for": "192.0.2.1" });
  equal(refused.status, 429);
  sockets[0]!.close();
  await sockets[0]!.ended;
  await new Promise((resolve) => setTimeout(resolve, 50));
  await serves(service, people[0]!);
  deepEqual([service.faults.length, service.faults[0]?.includes("192")], [1, false]);
});

/** Round trips of a pair in one room, in milliseconds, until it is over. */
async function latencies(
  [alice, bob]: readonly [TestSocket, TestSocket],
  to: string,
  isOver: () => boolean,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; !isOver(); i++) {
    const id = `p${performance.now()}-${i}`.replace(".", "-");
    const startMs = performance.now();
    alice.send({ t: "signal", id, room: to, to: "*", ct: "AAAA" });
    equal((await bob.next("signal")).id, id);
    times.push(performance.now() - startMs);
    equal((await alice.next("ack")).id, id);
    // Within what a connection may send.
    await new Promise((resolve) => setTimeout(resolve, i < FRAME_BURST - 10 ? 8 : 35));
  }
  return times;
}

function shown(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!.toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms of ${sorted.length}`;
}

/** How many connect without ever signing in. */
const FLOOD = 10_000;

Deno.test("thousands of strangers who connect take the places of their own address alone", async () => {
  const timing = { ...SOCKET_TIMING, authDeadlineMs: 60_000 };
  const trustedProxies = readProxies("127.0.0.0/8")!;
  await using service = await startService({ trustedProxies, timing });
  const names = ["alice", "bob", "carol"];
  const people = await Promise.all(names.map((name) => registered(service, name)));
  const [alice, bob] = people;
  const headers = { "x-forwarded-for": "192.0.2.1" };
  const pair = [
    await online(service, alice!, headers),
    await online(service, bob!, headers),
  ] as const;
  const to = room();
  for (const socket of pair) {
    socket.send({ t: "join", id: "j", room: to });
    await socket.next("joined");
  }
  await pair[0].next("presence");
  const path = new URL("../support/connect_flood.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-net=127.0.0.1", path, service.url, `${FLOOD}`],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  equal((await lines.read()).value, "ready\n");
  const untilMs = performance.now() + 1_500;
  const calm = await latencies(pair, to, () => performance.now() > untilMs);
  let said: string | undefined;
  const counting = lines.read().then(({ value }) => said = value);
  await input.write(new Uint8Array([0x0a]));
  const attacked = await latencies([pair[1], pair[0]], to, () => said !== undefined);
  await counting;
  const statuses = JSON.parse(said!);
  console.log(`${FLOOD} connects ${said!.trim()}: ${shown(attacked)}; calm: ${shown(calm)}`);
  deepEqual(statuses, {
    101: MAX_WAITING_SOCKETS_PER_PREFIX,
    429: FLOOD - MAX_WAITING_SOCKETS_PER_PREFIX,
  });
  using newcomer = await online(service, people[2]!, { "x-forwarded-for": "192.0.2.2" });
  newcomer.send({ t: "ping" });
  await newcomer.next("pong");
  await input.close();
  await child.status;
  await lines.cancel();
  for (const socket of pair) socket.close();
});
