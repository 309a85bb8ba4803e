import { deepEqual, equal } from "node:assert/strict";
import { openContext } from "../../core/context.ts";
import { register } from "../../core/registration.ts";
import { type Party } from "../../core/identity.ts";
import { issueNonce } from "../../core/proof_nonce.ts";
import { openRelay } from "../../core/relay.ts";
import { pairCount, RING_RATES } from "../../core/pair_rate.ts";
import { signIn } from "../../core/tokens.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { ALLOWANCE, openAllowances } from "../../routes/allowance.ts";
import {
  type Conversation,
  type ConversationParts,
  openConversation,
} from "../../routes/conversation.ts";
import { type Socket } from "../../routes/socket.ts";
import { FRAME_RATE } from "../../routes/sockets.ts";
import { CLOSE } from "../../wire/close.ts";
import { type ResumeRequest } from "../../wire/client_frames.ts";
import { type ServerFrame } from "../../wire/frames.ts";
import { serverFrameFromWire } from "../../wire/server_frame.ts";
import {
  FAN_OUT_BURST,
  FAN_OUT_PER_SECOND,
  MAX_BUFFERED_BYTES,
  MAX_CONNECTIONS_PER_ACCOUNT,
  MAX_FIRST_FRAME_BYTES,
} from "../../wire/limits.ts";
import { makeProof } from "../support/dpop.ts";
import { newAccount, ORIGIN, type TestAccount, testSecret } from "../support/service_core.ts";

const URL_ = "http://service.test/v1/ws";
const PLACE = { signedIn: () => {}, ended: () => {} };
const ROOM = toBase64Url(new Uint8Array(16).fill(1));

interface FakeSocket extends Socket {
  readonly sent: ServerFrame[];
  readonly closes: number[];
  waiting: number;
}

function fakeSocket(): FakeSocket {
  const sent: ServerFrame[] = [];
  const closes: number[] = [];
  const socket: FakeSocket = {
    sent,
    closes,
    waiting: 0,
    send: (text) => void sent.push(serverFrameFromWire(text)),
    close: (code) => void closes.push(code),
    waitingBytes: () => socket.waiting,
    ignore: () => {},
    terminate: () => {},
  };
  return socket;
}

async function openParts(): Promise<ConversationParts & AsyncDisposable> {
  const kv = await Deno.openKv(":memory:");
  const report = () => {};
  const secret = testSecret();
  const ctx = await openContext({ kv, origin: ORIGIN, secret, now: Date.now, report });
  return {
    ctx,
    relay: openRelay({ ctx, rings: pairCount(RING_RATES), report }),
    log: report,
    frames: FRAME_RATE,
    allowances: openAllowances(ALLOWANCE),
    monotonic: () => performance.now(),
    authDeadlineMs: 5_000,
    heartbeatMs: 20_000,
    deviceCheckMs: 0,
    async [Symbol.asyncDispose]() {
      await ctx.close();
      kv.close();
    },
  };
}

/** A valid `auth` frame. */
async function authText(
  parts: ConversationParts,
  account: TestAccount,
  resume?: ResumeRequest,
): Promise<string> {
  const { ctx } = parts;
  const proofFor = (method: string, url: string, token?: string) => {
    const nonce = issueNonce(ctx.keys.nonces, Date.now());
    const given = token === undefined ? {} : { token };
    return makeProof(account.keys.signing, { method, url, nonce, ...given });
  };
  const url = "http://service.test/v1/tokens";
  const proof = await proofFor("POST", url);
  const { token } = await signIn(ctx, account.label, { proof, method: "POST", url });
  return JSON.stringify({ t: "auth", token, proof: await proofFor("GET", URL_, token), resume });
}

async function welcomed(
  parts: ConversationParts,
  account: TestAccount,
  resume?: ResumeRequest,
): Promise<{ live: Conversation; socket: FakeSocket }> {
  const live = openConversation(parts, URL_, PLACE);
  const socket = fakeSocket();
  live.opened(socket);
  live.text(await authText(parts, account, resume));
  await until(() => socket.sent.some((frame) => frame.t === "welcome"));
  return { live, socket };
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 4));
  equal(holds(), true);
}

async function person(parts: ConversationParts, name: string): Promise<TestAccount> {
  const account = await newAccount(name);
  await register(parts.ctx, account.label, account.record, null);
  return account;
}

Deno.test("a reader that does not keep up is cut off, and the room hears everything in order", async () => {
  await using parts = await openParts();
  const alice = await welcomed(parts, await person(parts, "alice"));
  const bob = await welcomed(parts, await person(parts, "bob"));
  const carol = await welcomed(parts, await person(parts, "carol"));
  for (const { live, socket } of [bob, alice, carol]) {
    live.text(JSON.stringify({ t: "join", id: "j", room: ROOM }));
    await until(() => socket.sent.some((frame) => frame.t === "joined"));
  }
  bob.socket.waiting = MAX_BUFFERED_BYTES + 1;
  const before = carol.socket.sent.length;
  alice.live.text(JSON.stringify({ t: "signal", id: "s", room: ROOM, to: "*", ct: "AAAA" }));
  await until(() => bob.socket.closes.length > 0);
  deepEqual(bob.socket.closes, [CLOSE.slowConsumer]);
  equal(bob.socket.sent.some((frame) => frame.t === "signal"), false);
  const after = carol.socket.sent.slice(before);
  deepEqual(after.map((frame) => frame.t), ["signal", "presence"]);
  const numbers = carol.socket.sent.flatMap((frame) => "seq" in frame ? [frame.seq] : []);
  deepEqual(numbers, [0, 1, 2, 3]);
});

Deno.test("a connection that ended keeps its account's place until its socket is closed", async () => {
  await using parts = await openParts();
  const alice = await person(parts, "alice");
  const ended: Conversation[] = [];
  for (let i = 0; i < MAX_CONNECTIONS_PER_ACCOUNT; i++) {
    const { live } = await welcomed(parts, alice);
    live.binary();
    ended.push(live);
  }
  const more = openConversation(parts, URL_, PLACE);
  const socket = fakeSocket();
  more.opened(socket);
  more.text(await authText(parts, alice));
  await until(() => socket.closes.length > 0);
  deepEqual(socket.closes, [CLOSE.connectionLimit]);
  more.closed();
  ended[0]!.closed();
  ended[0]!.closed();
  const { live } = await welcomed(parts, alice);
  for (const one of [live, ...ended]) one.closed();
});

Deno.test("whatever comes after the end is ignored, and the end comes once", async () => {
  await using parts = await openParts();
  const { live, socket } = await welcomed(parts, await person(parts, "alice"));
  live.drain();
  live.drain();
  live.binary();
  live.tick();
  live.text("{");
  live.text(JSON.stringify({ t: "join", id: "j", room: ROOM }));
  await until(() => socket.closes.length > 0);
  live.closed();
  live.closed();
  deepEqual(socket.closes, [CLOSE.drain]);
  deepEqual(socket.sent.map((frame) => frame.t), ["hello", "welcome", "bye"]);
});

Deno.test("a first frame that is malformed, too large or too early closes with its own code", async () => {
  await using parts = await openParts();
  for (
    const [first, code] of [
      ["{", 4500],
      [JSON.stringify({ t: "unknown", id: "u" }), 4500],
      [JSON.stringify({ t: "join", id: "j", room: "short" }), 4500],
      [" ".repeat(MAX_FIRST_FRAME_BYTES) + `{"t":"ping"}`, 4507],
      [JSON.stringify({ t: "join", id: "j", room: ROOM }), 4501],
      [JSON.stringify({ t: "ping" }), 4501],
    ] as const
  ) {
    const live = openConversation(parts, URL_, PLACE);
    const socket = fakeSocket();
    live.opened(socket);
    live.text(first);
    await until(() => socket.closes.length > 0);
    deepEqual(socket.closes, [code], first.trim());
    live.closed();
  }
});

Deno.test("a socket that goes while its proof is checked leaves no connection behind", async () => {
  await using parts = await openParts();
  const account = await person(parts, "alice");
  let arrived = 0;
  const relay: ConversationParts["relay"] = {
    ...parts.relay,
    arrive: (arrival) => {
      arrived++;
      return parts.relay.arrive(arrival);
    },
  };
  await welcomed({ ...parts, relay }, account);
  equal(arrived, 1);
  const gone = openConversation({ ...parts, relay }, URL_, PLACE);
  const socket = fakeSocket();
  gone.opened(socket);
  gone.text(await authText(parts, account));
  // The frame is now being acted upon, and its proof takes a moment to check.
  await Promise.resolve();
  await Promise.resolve();
  gone.closed();
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(arrived, 1);
  deepEqual(socket.sent.map((frame) => frame.t), ["hello"]);
});

Deno.test("a frame for more receivers than a connection may reach is refused, and another time it is not", async () => {
  await using parts = await openParts();
  let members = FAN_OUT_BURST / 2;
  const relay = { ...parts.relay, membersOf: () => members };
  let nowMs = 0;
  const clocked = { ...parts, relay, monotonic: () => nowMs };
  const { live, socket } = await welcomed(clocked, await person(parts, "alice"));
  live.text(JSON.stringify({ t: "join", id: "j", room: ROOM }));
  const outcomes = () =>
    socket.sent.flatMap((frame) => {
      if (frame.t === "ack") return [`${frame.id} ${frame.status}`];
      return frame.t === "error" ? [`${frame.id} ${frame.code}`] : [];
    });
  const signal = (id: string, to: string | string[] = "*") =>
    live.text(JSON.stringify({ t: "signal", id, room: ROOM, to, ct: "AAAA" }));
  for (const id of ["a", "b", "c"]) signal(id);
  await until(() => outcomes().length === 3);
  members = 1;
  nowMs += 1_000 / FAN_OUT_PER_SECOND;
  signal("c");
  await until(() => outcomes().length === 4);
  deepEqual(outcomes(), ["a relayed", "b relayed", "c rate_limited", "c relayed"]);
  live.closed();
});

Deno.test("a socket that ends while somebody signs in on it counts as one with nobody behind it", async () => {
  await using parts = await openParts();
  const alice = await person(parts, "alice");
  const counted: string[] = [];
  const place = {
    signedIn: () => void counted.push("signed in"),
    ended: () => void counted.push("ended"),
  };
  const waitingFor = () => {
    live.binary();
    return Promise.resolve([]);
  };
  const relay = { ...parts.relay, mail: { ...parts.relay.mail, waitingFor } };
  const live = openConversation({ ...parts, relay }, URL_, place);
  live.opened(fakeSocket());
  live.text(await authText(parts, alice));
  await until(() => [...parts.relay.connections.all()].length === 1);
  await new Promise((resolve) => setTimeout(resolve, 10));
  deepEqual(counted, ["ended"]);
  deepEqual([...parts.relay.connections.all()].map(({ outlet }) => outlet), [null]);
  live.closed();
});

Deno.test("what a connection may reach is the same however many sockets it has, or its identity connections", async () => {
  await using parts = await openParts();
  const alice = await person(parts, "alice");
  const members = 10;
  const relay = { ...parts.relay, membersOf: () => members };
  const once = { burst: members, refillMs: 1_000_000 };
  const allowances = openAllowances({ ...ALLOWANCE, deliveries: once });
  /** What becomes of a message to everybody on a socket of its own, and how to go on. */
  async function say(resume?: ResumeRequest): Promise<[string, ResumeRequest]> {
    const { live, socket } = await welcomed({ ...parts, relay, allowances }, alice, resume);
    live.text(JSON.stringify({ t: "join", id: "j", room: ROOM }));
    live.text(
      JSON.stringify({ t: "signal", id: crypto.randomUUID(), room: ROOM, to: "*", ct: "AAAA" }),
    );
    const found = () =>
      socket.sent.flatMap((frame) => {
        return frame.t === "ack" ? [frame.status] : frame.t === "error" ? [frame.code] : [];
      });
    await until(() => found().length > 0);
    if (resume !== undefined) live.text(JSON.stringify({ t: "bye" }));
    live.closed();
    const [welcome] = socket.sent.filter((frame) => frame.t === "welcome");
    return [found()[0]!, { cid: welcome!.cid, key: welcome!.resume, seq: 0 }];
  }
  for (let i = 0; i < MAX_CONNECTIONS_PER_ACCOUNT; i++) {
    const [first, resume] = await say();
    const [second] = await say(resume);
    deepEqual([first, second], ["relayed", "rate_limited"]);
  }
  equal((await say())[0], "rate_limited", "a fresh connection, and nothing is left for it");
});

Deno.test("ten drops a minute of each of six devices for an hour are let through, and so is a bad minute of one", () => {
  const { coversResume } = openAllowances(ALLOWANCE);
  const party = { identity: "alice" } as Party;
  for (let ms = 0; ms < 3_600_000; ms += 6_000) {
    for (let device = 0; device < 6; device++) equal(coversResume(party, ms), true);
  }
  for (let i = 0; i < 100; i++) equal(coversResume(party, 4_000_000 + 600 * i), true);
});

Deno.test("a repeat that comes before the receipt is signed is acked with that receipt", async () => {
  await using parts = await openParts();
  const alice = await welcomed(parts, await person(parts, "alice"));
  const bob = await welcomed(parts, await person(parts, "bob"));
  for (const { live, socket } of [bob, alice]) {
    live.text(JSON.stringify({ t: "join", id: "j", room: ROOM }));
    await until(() => socket.sent.some((frame) => frame.t === "joined"));
  }
  const frame = { t: "signal", id: "s", room: ROOM, to: "*", ct: "AAAA", receipt: true };
  const acks = () => alice.socket.sent.flatMap((frame) => frame.t === "ack" ? [frame] : []);
  // At once, so that nothing is signed in between.
  for (let i = 0; i < 3; i++) alice.live.text(JSON.stringify(frame));
  deepEqual(acks(), []);
  await until(() => acks().length === 3);
  deepEqual(acks().map(({ status }) => status), ["relayed", "dup", "dup"]);
  const [receipt, ...again] = acks().map((ack) => ack.receipt);
  equal(receipt!.sig.length, 86);
  deepEqual(again, [receipt, receipt]);
  equal(bob.socket.sent.filter(({ t }) => t === "signal").length, 1);
});
