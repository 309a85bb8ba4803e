/**
 * A connection survives its socket: over real sockets, signed in for real.
 *
 * @module
 */

import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { CLOSE } from "../../wire/close.ts";
import { type ResumeRequest } from "../../wire/client_frames.ts";
import { RESUME_BURST, RESUME_REFILL_MS, RESUME_WINDOW_MS } from "../../wire/limits.ts";
import { registered, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";
import { authFrame, connect, type Frame, type TestSocket } from "../support/socket.ts";

const ROOM = toBase64Url(new Uint8Array(16).fill(1));

interface Here {
  readonly socket: TestSocket;
  readonly welcome: Frame<"welcome">;
}

/** Signs in, and asks for a connection where one is named. */
async function arrive(
  service: TestService,
  account: TestAccount,
  resume?: ResumeRequest,
): Promise<Here> {
  const socket = connect(service);
  const auth = await authFrame(service, account, (await socket.next("hello")).nonce);
  socket.send(resume === undefined ? auth : { ...auth, resume });
  return { socket, welcome: await socket.next("welcome") };
}

function requestOf({ welcome: { cid, resume: key } }: Here, seq: number): ResumeRequest {
  return { cid, key, seq };
}

async function joined({ socket }: Here): Promise<Frame<"joined">> {
  socket.send({ t: "join", id: "j", room: ROOM });
  return await socket.next("joined");
}

Deno.test("a connection survives its socket: its seat, what it missed, and what it had sent", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const here = await arrive(service, alice);
  deepEqual([here.welcome.epoch, here.welcome.resumed, here.welcome.reason], [1, false, null]);
  await joined(here);
  const other = await arrive(service, bob);
  const { mid } = await joined(other);
  equal((await here.socket.next("presence")).seq, 2);
  // Bob's message and the loss of his socket cross: nobody knows whether it was taken.
  const message = { t: "signal", id: "m1", room: ROOM, to: "*", ct: "AAAA" } as const;
  other.socket.send(message);
  equal((await other.socket.next("ack")).status, "relayed");
  other.socket.close();
  equal((await here.socket.next("signal")).seq, 3);
  const away = await here.socket.next("presence");
  deepEqual([away.event, away.member.mid, away.member.away], ["away", mid, true]);
  here.socket.send({ t: "signal", id: "a1", room: ROOM, to: mid, ct: "BBBB" });
  equal((await here.socket.next("ack")).status, "queued");
  const back = await arrive(service, bob, requestOf(other, 1));
  const { welcome } = back;
  deepEqual([welcome.cid, welcome.epoch, welcome.seq], [other.welcome.cid, 2, 1]);
  deepEqual([welcome.resumed, welcome.reason], [true, null]);
  notEqual(welcome.resume, other.welcome.resume);
  const own = await back.socket.next("presence");
  deepEqual([own.seq, own.event, own.member.mid], [2, "away", mid]);
  const missed = await back.socket.next("signal");
  deepEqual([missed.seq, missed.id, missed.ct], [3, "a1", "BBBB"]);
  equal((await back.socket.next("presence")).event, "back");
  back.socket.send(message);
  equal((await back.socket.next("ack")).status, "dup");
  equal((await here.socket.next("presence")).event, "back");
  here.socket.send({ t: "ping" });
  await here.socket.next("pong");
  deepEqual(service.faults, []);
});

Deno.test("a socket that only seems to live gives way to the one that resumes, and nothing is lost", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const here = await arrive(service, alice);
  const other = await arrive(service, bob);
  await joined(here);
  await joined(other);
  other.socket.send({ t: "signal", id: "m1", room: ROOM, to: "*", ct: "AAAA" });
  await other.socket.next("ack");
  const again = await arrive(service, alice, requestOf(here, 1));
  equal(again.welcome.resumed, true);
  equal((await again.socket.next("presence")).event, "join");
  equal((await again.socket.next("signal")).id, "m1");
  equal(await here.socket.ended, CLOSE.replaced);
  // Nobody saw anything: it was never away.
  other.socket.send({ t: "ping" });
  await other.socket.next("pong");
});

Deno.test("a key that was used is good again only until the next one is known to have arrived", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const first = await arrive(service, alice);
  first.socket.close();
  const second = await arrive(service, alice, requestOf(first, 0));
  const third = await arrive(service, alice, requestOf(first, 0));
  deepEqual([second.welcome.resumed, third.welcome.resumed], [true, true]);
  third.socket.send({ t: "ping" });
  await third.socket.next("pong");
  const replayed = await arrive(service, alice, requestOf(first, 0));
  deepEqual([replayed.welcome.resumed, replayed.welcome.reason], [false, "unknown"]);
  third.socket.send({ t: "ping" });
  await third.socket.next("pong");
});

Deno.test("a second connection of a device is a second one", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const [one, two] = [await arrive(service, alice), await arrive(service, alice)];
  notEqual(one.welcome.cid, two.welcome.cid);
  equal((await joined(one)).members.length, 0);
  equal((await joined(two)).members.length, 1);
  equal((await one.socket.next("presence")).event, "join");
});

Deno.test("whoever says goodbye is gone at once, and so is whoever breaks the rules", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const here = await arrive(service, alice);
  await joined(here);
  for (const farewell of [{ t: "bye" } as const, new Uint8Array(3)]) {
    const other = await arrive(service, bob);
    await joined(other);
    await here.socket.next("presence");
    other.socket.send(farewell);
    equal((await here.socket.next("presence")).event, "leave");
    const again = await arrive(service, bob, requestOf(other, 1));
    deepEqual([again.welcome.resumed, again.welcome.reason], [false, "unknown"]);
    again.socket.send({ t: "bye" });
  }
});

Deno.test("who comes back too late is told so, is out of the room, and begins anew", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const here = await arrive(service, alice);
  const other = await arrive(service, bob);
  const { mid } = await joined(other);
  await joined(here);
  other.socket.close();
  await other.socket.ended;
  equal((await here.socket.next("presence")).event, "away");
  service.advance(RESUME_WINDOW_MS);
  const again = await arrive(service, bob, requestOf(other, 1));
  deepEqual([again.welcome.resumed, again.welcome.reason], [false, "expired"]);
  equal((await here.socket.next("presence")).event, "leave");
  notEqual((await joined(again)).mid, mid);
});

Deno.test("a resume key is worth nothing without the device's own key, and malformed ones are refused", async () => {
  await using service = await startService();
  const [alice, mallory] = [
    await registered(service, "alice"),
    await registered(service, "mallory"),
  ];
  const here = await arrive(service, alice);
  await joined(here);
  const stolen = await arrive(service, mallory, requestOf(here, 0));
  deepEqual([stolen.welcome.resumed, stolen.welcome.reason], [false, "unknown"]);
  notEqual(stolen.welcome.cid, here.welcome.cid);
  for (const seq of [-1, 1.5, 2 ** 53, "1"]) {
    const socket = connect(service);
    const auth = await authFrame(service, mallory, (await socket.next("hello")).nonce);
    socket.send(JSON.stringify({ ...auth, resume: { cid: here.welcome.cid, key: "AA", seq } }));
    equal((await socket.next("error")).code, "malformed");
    equal(await socket.ended, CLOSE.malformed);
  }
  here.socket.send({ t: "ping" });
  await here.socket.next("pong");
  const ahead = await arrive(service, alice, requestOf(here, 2 ** 52));
  deepEqual([ahead.welcome.resumed, ahead.welcome.reason], [false, "unknown"]);
  ok(await here.socket.ended >= 4500);
});

Deno.test("a member who is lost and back over and over is told to wait: its room hears no more, and nothing is lost", async () => {
  await using service = await startService();
  const [alice, mallory] = [
    await registered(service, "alice"),
    await registered(service, "mallory"),
  ];
  const here = await arrive(service, alice);
  await joined(here);
  const token = await tokenOf(service, mallory);
  let there = await arrive(service, mallory);
  await joined(there);
  const startedMs = performance.now();
  let refusedTimes = 0;
  /** Goes on at another socket; false where that is refused. */
  async function flap(): Promise<boolean> {
    there.socket.close();
    const socket = connect(service);
    const auth = await authFrame(service, mallory, (await socket.next("hello")).nonce, token);
    socket.send({ ...auth, resume: requestOf(there, 1) });
    const answer = await socket.any();
    if (answer.t === "welcome") {
      equal(answer.resumed, true);
      there = { socket, welcome: answer };
      return true;
    }
    refusedTimes++;
    deepEqual([answer.t, answer.t === "error" && answer.code], ["error", "rate_limited"]);
    equal((await socket.next("bye")).code, CLOSE.rateLimited);
    equal(await socket.ended, CLOSE.rateLimited);
    return false;
  }
  const tries = 2 * RESUME_BURST;
  for (let i = 0; i < tries && refusedTimes < 3; i++) await flap();
  equal(refusedTimes, 3, `of ${tries} some are refused`);
  const most = RESUME_BURST + Math.ceil((performance.now() - startedMs) / RESUME_REFILL_MS);
  here.socket.send({ t: "signal", id: "a1", room: ROOM, to: "*", ct: "AAAA" });
  const told: Frame<"presence">[] = [];
  for (;;) {
    const frame = await here.socket.any();
    if (frame.t === "ack") {
      equal(frame.status, "queued", "who is refused is away, and keeps its seat");
      break;
    }
    if (frame.t === "presence") told.push(frame);
  }
  const backs = told.filter(({ event }) => event === "back").length;
  ok(backs >= RESUME_BURST / 2 && backs <= most, `${backs} of ${most}`);
  ok(told.filter(({ event }) => event === "away").length <= most + 1);
  equal(told.at(-1)!.event, "away");
  // Somebody else is not held back by it.
  const again = await arrive(service, alice, requestOf(here, told.at(-1)!.seq));
  equal(again.welcome.resumed, true);
  // Who waits is let in, with all that was missed.
  await new Promise((resolve) => setTimeout(resolve, RESUME_REFILL_MS));
  equal(await flap(), true);
  for (let seq = 2;; seq++) {
    const frame = await there.socket.any();
    equal("seq" in frame && frame.seq, seq);
    if (frame.t === "signal") break;
  }
  deepEqual(service.faults, []);
});
