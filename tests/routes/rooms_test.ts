import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { CLOSE } from "../../wire/close.ts";
import {
  DRAIN_JITTER_MS,
  FRAME_BURST,
  MAX_CONNECTIONS_PER_ACCOUNT,
  MAX_CT_BYTES,
  MAX_FIRST_FRAME_BYTES,
  MAX_FRAME_BYTES,
  RESUME_WINDOW_MS,
  RING_BURST_PER_PAIR,
  RING_REFILL_PER_PAIR_MS,
} from "../../wire/limits.ts";
import { RING_RATES } from "../../core/pair_rate.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { registered, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, type TestAccount } from "../support/service_core.ts";
import { authFrame, connect, online, type TestSocket } from "../support/socket.ts";

const ROOM = toBase64Url(new Uint8Array(16).fill(1));
const OTHER_ROOM = toBase64Url(new Uint8Array(16).fill(2));

/** Registers people and connects each. */
async function people(
  service: TestService,
  ...names: string[]
): Promise<{ account: TestAccount; socket: TestSocket }[]> {
  return await Promise.all(names.map(async (name) => {
    const account = await registered(service, name);
    return { account, socket: await online(service, account) };
  }));
}

/** Joins and answers one's member id. */
async function join(socket: TestSocket, room = ROOM): Promise<string> {
  socket.send({ t: "join", id: "join", room });
  return (await socket.next("joined")).mid;
}

/** Whether nothing but the answer to a ping comes. */
async function isQuiet(socket: TestSocket): Promise<void> {
  socket.send({ t: "ping" });
  await socket.next("pong");
}

Deno.test("two people meet in a room, hear each other, and see each other go", async () => {
  await using service = await startService();
  const [alice, bob] = await people(service, "alice", "bob");
  const aliceMid = await join(alice!.socket);
  bob!.socket.send({ t: "join", id: "j", room: ROOM });
  const joined = await bob!.socket.next("joined");
  const shown = { guest: null, role: "member", away: false, meta: null };
  deepEqual(joined.members, [{ mid: aliceMid, account: "alice", device: 1, ...shown }]);
  deepEqual([joined.seq, joined.rseq], [1, 2]);
  const came = await alice!.socket.next("presence");
  deepEqual([came.event, came.member.account, came.rseq, came.seq], ["join", "bob", 2, 2]);
  alice!.socket.send({ t: "signal", id: "s1", room: ROOM, to: came.member.mid, ct: "AAAA" });
  const heard = await bob!.socket.next("signal");
  deepEqual(heard, { t: "signal", seq: 2, room: ROOM, from: aliceMid, id: "s1", ct: "AAAA" });
  deepEqual(await alice!.socket.next("ack"), { t: "ack", id: "s1", status: "relayed" });
  bob!.socket.close();
  const lost = await alice!.socket.next("presence");
  deepEqual([lost.event, lost.member.mid, lost.member.away, lost.rseq], [
    "away",
    joined.mid,
    true,
    3,
  ]);
  service.advance(RESUME_WINDOW_MS);
  const gone = await alice!.socket.next("presence");
  deepEqual([gone.event, gone.member.mid, gone.rseq], ["leave", joined.mid, 4]);
  deepEqual(service.faults, []);
});

Deno.test("rooms do not hear each other, and a stranger learns nothing of either", async () => {
  await using service = await startService();
  const [alice, bob, carol] = await people(service, "alice", "bob", "carol");
  await join(alice!.socket);
  const bobMid = await join(bob!.socket, OTHER_ROOM);
  alice!.socket.send({ t: "signal", id: "s1", room: ROOM, to: bobMid, ct: "AAAA" });
  equal((await alice!.socket.next("error")).code, "no_such_member");
  alice!.socket.send({ t: "signal", id: "s2", room: ROOM, to: "*", ct: "AAAA" });
  equal((await alice!.socket.next("ack")).status, "relayed");
  await isQuiet(bob!.socket);
  for (const room of [ROOM, toBase64Url(new Uint8Array(16).fill(9))]) {
    carol!.socket.send({ t: "signal", id: "s3", room, to: "*", ct: "AAAA" });
    const { code, title } = await carol!.socket.next("error");
    deepEqual([code, title], ["not_in_room", "Join this room first"]);
    carol!.socket.send({ t: "leave", id: "s4", room });
    equal((await carol!.socket.next("error")).code, "not_in_room");
  }
});

Deno.test("a frame sent twice is delivered once, and a refused one may be tried again", async () => {
  await using service = await startService();
  const [alice, bob] = await people(service, "alice", "bob");
  const [, bobMid] = [await join(alice!.socket), await join(bob!.socket)];
  await alice!.socket.next("presence");
  const frame = { t: "signal", id: "s1", room: ROOM, to: bobMid, ct: "AAAA" } as const;
  for (const status of ["relayed", "dup", "dup"]) {
    alice!.socket.send(frame);
    equal((await alice!.socket.next("ack")).status, status);
  }
  await bob!.socket.next("signal");
  await isQuiet(bob!.socket);
  alice!.socket.send({ ...frame, id: "s2", to: "nobody-here" });
  equal((await alice!.socket.next("error")).code, "no_such_member");
  alice!.socket.send({ ...frame, id: "s2", to: [bobMid, "nobody-here"] });
  equal((await alice!.socket.next("ack")).status, "partial");
});

Deno.test("each join gives another member id", async () => {
  await using service = await startService();
  const [alice] = await people(service, "alice");
  const first = await join(alice!.socket);
  alice!.socket.send({ t: "leave", id: "l", room: ROOM });
  await alice!.socket.next("ack");
  notEqual(await join(alice!.socket), first);
});

Deno.test("a call rings the devices of an account with their own offer", async () => {
  await using service = await startService();
  const [alice, bob] = await people(service, "alice", "bob");
  const ring = { t: "ring", id: "r1", to: "bob", common: "AAAA", devices: [1] } as const;
  alice!.socket.send({ ...ring, offers: [{ device: 1, offer: "BBBB" }] });
  equal((await alice!.socket.next("ack")).status, "relayed");
  const rang = await bob!.socket.next("ring");
  const expected = { id: "r1", from: "alice", device: 1, common: "AAAA", offer: "BBBB" };
  deepEqual(rang, { t: "ring", seq: 1, ...expected });
  alice!.socket.send({ ...ring, offers: [{ device: 1, offer: "BBBB" }] });
  equal((await alice!.socket.next("ack")).status, "dup");
  await isQuiet(bob!.socket);
});

Deno.test("who is rung too often hears no more of it, and stays connected", async () => {
  await using service = await startService({ rings: RING_RATES });
  const [mallory, carol, victim] = await people(service, "mallory", "carol", "victim");
  const offers = [{ device: 1, offer: "A".repeat(8_000) }];
  const ring = (socket: TestSocket, id: string) => {
    socket.send({ t: "ring", id, to: "victim", common: "AAAA", devices: [1], offers });
  };
  for (let i = 0; i < 60; i++) ring(mallory!.socket, `r${i}`);
  for (let i = 0; i < 60; i++) {
    if (i < RING_BURST_PER_PAIR) {
      equal((await mallory!.socket.next("ack")).status, "relayed");
      await victim!.socket.next("ring");
    } else equal((await mallory!.socket.next("error")).code, "rate_limited");
  }
  await isQuiet(victim!.socket);
  ring(carol!.socket, "c");
  equal((await carol!.socket.next("ack")).status, "relayed");
  equal((await victim!.socket.next("ring")).from, "carol");
  service.advance(RING_REFILL_PER_PAIR_MS);
  ring(mallory!.socket, "r59");
  equal((await mallory!.socket.next("ack")).status, "relayed");
});

Deno.test("calls to oneself, nobody, the wrong devices or somebody offline are refused", async () => {
  await using service = await startService();
  const [alice] = await people(service, "alice");
  const bob = await registered(service, "bob");
  const call = async (to: string, ...devices: number[]) => {
    const offers = devices.map((device) => ({ device, offer: "BBBB" }));
    alice!.socket.send({ t: "ring", id: "r", to, common: "AAAA", devices, offers });
    return (await alice!.socket.next("error")).code;
  };
  equal(await call("alice", 1), "self_call");
  equal(await call("nobody", 1), "name_not_found");
  equal(await call("Bob", 1), "bad_label");
  equal(await call("bob", 2), "extra_devices");
  equal(await call("bob", 1, 2), "extra_devices");
  equal(await call("bob", 1, 1), "extra_devices");
  equal(await call("bob", 1), "offline");
  const socket = await online(service, bob);
  alice!.socket.send({
    t: "ring",
    id: "r",
    to: "bob",
    common: "AAAA",
    devices: [1],
    offers: [{ device: 1, offer: "BBBB" }],
  });
  equal((await alice!.socket.next("ack")).status, "relayed");
  equal((await socket.next("mail")).kind, "missed");
  equal((await socket.next("ring")).id, "r");
});

Deno.test("nothing acts before somebody signed in", async () => {
  await using service = await startService();
  const first = connect(service);
  await first.next("hello");
  first.send({ t: "join", id: "j", room: ROOM });
  const { id, code } = await first.next("error");
  deepEqual([id, code], ["j", "unauthenticated"]);
  equal(await first.ended, CLOSE.unauthenticated);
  const second = connect(service);
  await second.next("hello");
  second.send("{");
  equal((await second.next("error")).code, "malformed");
  equal(await second.ended, CLOSE.malformed);
  const third = connect(service);
  await third.next("hello");
  third.send(JSON.stringify({ t: "auth", token: "a".repeat(MAX_FIRST_FRAME_BYTES), proof: "a" }));
  equal(await third.ended, CLOSE.tooLarge);
});

Deno.test("a sign-in that does not hold ends the socket; an old nonce gets a new one", async () => {
  await using service = await startService();
  const [alice, mallory] = [await registered(service, "alice"), await newAccount("mallory")];
  const attempt = async (change: (nonce: string) => ReturnType<typeof authFrame>) => {
    const socket = connect(service);
    socket.send(await change((await socket.next("hello")).nonce));
    const { code } = await socket.next("error");
    equal(await socket.ended, CLOSE.unauthenticated);
    return code;
  };
  const token = await tokenOf(service, alice);
  equal(await attempt((nonce) => authFrame(service, alice, nonce, "a.b.c")), "invalid_token");
  equal(await attempt((nonce) => authFrame(service, mallory, nonce, token)), "invalid_token");
  let used: Awaited<ReturnType<typeof authFrame>> | null = null;
  const socket = connect(service);
  used = await authFrame(service, alice, (await socket.next("hello")).nonce, token);
  socket.send(used);
  await socket.next("welcome");
  equal(await attempt(() => Promise.resolve(used!)), "proof_replayed");
  const late = connect(service);
  const { nonce } = await late.next("hello");
  service.advance(61_000);
  late.send(await authFrame(service, alice, nonce));
  equal((await late.next("error")).code, "use_dpop_nonce");
  late.send(await authFrame(service, alice, (await late.next("hello")).nonce));
  await late.next("welcome");
});

Deno.test("whoever does not sign in, or falls silent, is disconnected", async () => {
  const timing = { ...SOCKET_TIMING, authDeadlineMs: 60, heartbeatMs: 80, tickMs: 10 };
  await using service = await startService({ timing });
  const silent = connect(service);
  await silent.next("hello");
  equal(await silent.ended, CLOSE.authDeadline);
  const alice = await registered(service, "alice");
  const token = await tokenOf(service, alice);
  const socket = connect(service);
  socket.send(await authFrame(service, alice, (await socket.next("hello")).nonce, token));
  await socket.next("welcome");
  await socket.next("ping");
  socket.send({ t: "pong" });
  await socket.next("ping");
  equal(await socket.ended, CLOSE.heartbeat);
});

Deno.test("a socket ends a minute after its token, unless it signs in again", async () => {
  const timing = { ...SOCKET_TIMING, tickMs: 10 };
  await using service = await startService({ timing });
  const [alice, bob] = await people(service, "alice", "bob");
  service.advance(599_000);
  const proofNonce = async () => {
    const response = await fetch(`${service.url}/v1/nothing`);
    await response.body?.cancel();
    return response.headers.get("dpop-nonce")!;
  };
  alice!.socket.send(await authFrame(service, alice!.account, await proofNonce()));
  await alice!.socket.next("welcome");
  alice!.socket.send(await authFrame(service, bob!.account, await proofNonce()));
  equal((await alice!.socket.next("error")).code, "forbidden");
  service.advance(62_000);
  equal(await bob!.socket.ended, CLOSE.tokenExpired);
  await isQuiet(alice!.socket);
});

Deno.test("frames that can't be read are refused one by one, and ten of them end it", async () => {
  await using service = await startService();
  const [alice] = await people(service, "alice");
  const { socket } = alice!;
  const ct = "A".repeat(Math.ceil((MAX_CT_BYTES + 3) * 4 / 3));
  const signal = { t: "signal", id: "s", room: ROOM, to: "*", ct: "AAAA" };
  const wrong: [unknown, string | null][] = [
    ["{", null],
    ["[]", null],
    [{ t: "unknown", id: "u1" }, "u1"],
    [{ ...signal, extra: 1 }, "s"],
    [{ ...signal, room: "short" }, "s"],
    [{ ...signal, ct: "AB" }, "s"],
    [{ ...signal, ct }, "s"],
    [{ ...signal, to: [] }, "s"],
    [{ ...signal, id: "not an id" }, null],
  ];
  for (const [frame, id] of wrong) {
    socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    const error = await socket.next("error");
    deepEqual([error.code, error.id], ["malformed", id], JSON.stringify(frame).slice(0, 80));
  }
  await isQuiet(socket);
  socket.send(`{"t":"ping","t":"ping"}`);
  await socket.next("error");
  equal(await socket.ended, CLOSE.malformed);
});

Deno.test("a frame that is too large, binary, or one too many ends the socket", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const large = await online(service, alice);
  large.send(" ".repeat(MAX_FRAME_BYTES - 12) + `{"t":"ping"}`);
  await large.next("pong");
  large.send(" ".repeat(MAX_FRAME_BYTES - 11) + `{"t":"ping"}`);
  equal(await large.ended, CLOSE.tooLarge);
  const wide = await online(service, alice);
  wide.send(JSON.stringify({ t: "ping", x: "€".repeat(MAX_FRAME_BYTES / 3) }));
  equal(await wide.ended, CLOSE.tooLarge);
  const binary = await online(service, alice);
  binary.send(new Uint8Array(3));
  equal(await binary.ended, CLOSE.malformed);
  const fast = await online(service, alice);
  for (let i = 0; i < FRAME_BURST * 2; i++) fast.send({ t: "pong" });
  equal((await fast.next("bye")).code, CLOSE.rateLimited);
  equal(await fast.ended, CLOSE.rateLimited);
});

Deno.test("a page of another site can't connect, this site's and a program can", async () => {
  await using service = await startService({ allowedOrigins: ["https://friend.example"] });
  const from = async (origin: string | null) => {
    const headers: Record<string, string> = origin === null ? {} : { origin };
    using socket = connect(service, { headers });
    const first = socket.next("hello").then(() => "hello", () => "closed");
    return await first === "hello" ? "hello" : await socket.ended;
  };
  equal(await from(null), "hello");
  equal(await from(service.url), "hello");
  equal(await from("https://friend.example"), "hello");
  const foreign = ["https://evil.example", "null", `${service.url}.evil.example`];
  for (const origin of [...foreign, ...foreign]) equal(await from(origin), CLOSE.origin);
  equal(service.faults.length, foreign.length, "each origin is told to the operator once");
  foreign.forEach((origin, i) => match(service.faults[i]!, new RegExp(`"${origin}"$`)));
});

Deno.test("a page of another site is told why, and nothing that it sends is read", async () => {
  await using service = await startService();
  const socket = connect(service, { headers: { origin: "https://evil.example" } });
  const bye = await socket.next("bye");
  deepEqual(bye, { t: "bye", code: CLOSE.origin, reason: "origin not allowed" });
  for (let i = 0; i < 20; i++) socket.send("{");
  equal(await socket.ended, CLOSE.origin);
  deepEqual(socket.waiting, []);
});

Deno.test("a socket without the subprotocol, and a request that is none, are refused", async () => {
  await using service = await startService();
  equal(await connect(service, { protocols: [] }).ended, CLOSE.version);
  const plain = await fetch(`${service.url}/v1/ws`);
  deepEqual([plain.status, (await plain.json()).code], [400, "malformed"]);
  const posted = await fetch(`${service.url}/v1/ws`, { method: "POST" });
  deepEqual([posted.status, (await posted.json()).code], [405, "method_not_allowed"]);
});

Deno.test("an account has ten connections at most", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const sockets: TestSocket[] = [];
  for (let i = 0; i < MAX_CONNECTIONS_PER_ACCOUNT; i++) sockets.push(await online(service, alice));
  const more = connect(service);
  more.send(await authFrame(service, alice, (await more.next("hello")).nonce));
  equal(await more.ended, CLOSE.connectionLimit);
  sockets[0]!.send({ t: "bye" });
  equal(await sockets[0]!.ended, 1000);
  await online(service, alice);
});

/** Asks for a socket by hand, says nothing more, and never answers a close. */
async function mute(service: TestService): Promise<{ status: string; connection: Deno.TcpConn }> {
  const { host, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const request = `GET /v1/ws HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\n` +
    `connection: upgrade\r\nsec-websocket-version: 13\r\n` +
    `sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: rooms.v1\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(2_048);
  const answer = new TextDecoder().decode(bytes.subarray(0, await connection.read(bytes) ?? 0));
  return { status: answer.split(" ")[1]!, connection };
}

Deno.test("while too many sockets are open with nobody behind them, no more are opened", async () => {
  const timing = { ...SOCKET_TIMING, authDeadlineMs: 50, tickMs: 10 };
  await using service = await startService({ timing, places: { lingering: 4 } });
  const alice = await registered(service, "alice");
  using _ = await online(service, alice);
  const held = await Promise.all(Array.from({ length: 4 }, () => mute(service)));
  deepEqual(held.map(({ status }) => status), ["101", "101", "101", "101"]);
  // Past their deadline and their goodbye, they are as open as before.
  await new Promise((resolve) => setTimeout(resolve, 400));
  const refused = await mute(service);
  equal(refused.status, "503");
  held[0]!.connection.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const taken = await mute(service);
  equal(taken.status, "101");
  for (const { connection } of [...held.slice(1), refused, taken]) connection.close();
});

Deno.test("a service that stops says so to everybody first, and takes nobody in", async () => {
  await using service = await startService();
  const [alice, bob] = await people(service, "alice", "bob");
  const waiting = connect(service);
  await waiting.next("hello");
  await service.drain();
  for (const { socket } of [alice!, bob!]) {
    deepEqual(await socket.next("drain"), {
      t: "drain",
      after_ms: 0,
      jitter_ms: DRAIN_JITTER_MS,
    });
    deepEqual(await socket.next("bye"), { t: "bye", code: 4000, reason: "drain" });
    equal(await socket.ended, CLOSE.drain);
  }
  equal(await waiting.ended, CLOSE.drain);
  notEqual(await connect(service).ended, CLOSE.drain);
});
