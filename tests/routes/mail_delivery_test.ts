/**
 * What waits for a device, brought by its socket: rings that woke it, calls that it missed, messages.
 *
 * @module
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { MAILBOX } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { type ResumeRequest } from "../../wire/client_frames.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { newSubscriber, startPushService } from "../support/push_service.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";
import { authFrame, connect, type Frame, online, type TestSocket } from "../support/socket.ts";

const PUSH = { contact: "mailto:ops@calls.example", hosts: [], isLoopbackAllowed: true };

const RING = {
  t: "ring",
  id: "r1",
  to: "bob",
  common: "AAAA",
  devices: [1],
  offers: [{ device: 1, offer: "AAAB" }],
} as const;

/** Connects and signs in. */
async function arrive(
  service: TestService,
  who: TestAccount,
  resume?: ResumeRequest,
): Promise<[TestSocket, Frame<"welcome">]> {
  const socket = connect(service);
  const { nonce } = await socket.next("hello");
  const auth = await authFrame(service, who, nonce);
  socket.send(resume === undefined ? auth : { ...auth, resume });
  return [socket, await socket.next("welcome")];
}

/** Sends `ack` and waits until the mailbox has as many entries. */
async function acked(
  service: TestService,
  who: TestAccount,
  socket: TestSocket,
  seq: number,
  left: number,
): Promise<void> {
  socket.send({ t: "ack", seq });
  for (let i = 0; i < 50; i++) {
    const { entries } = await (await signed(service, who, "GET", MAILBOX)).json();
    if (entries.length === left) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the mailbox still holds it");
}

async function signed(
  service: TestService,
  who: TestAccount,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  const headers = await credentials(service, who, await tokenOf(service, who), method, path);
  if (body === undefined) return await fetch(service.url + path, { method, headers });
  return await sendJson(service, method, path, body, headers);
}

Deno.test("a call to somebody who is not there is missed: they are told once they are, and until they ack", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  using caller = await online(service, alice);
  caller.send(RING);
  equal((await caller.next("error")).code, "offline");
  for (const _again of [1, 2]) {
    const [socket, { mailbox }] = await arrive(service, bob);
    equal(mailbox, 1);
    const { kind, from, ct, seq } = await socket.next("mail");
    deepEqual([kind, from, ct, seq], ["missed", "alice", null, 1]);
    socket.send({ t: "bye" });
    await socket.ended;
  }
  const [socket] = await arrive(service, bob);
  await socket.next("mail");
  await acked(service, bob, socket, 1, 0);
  equal((await arrive(service, bob))[1].mailbox, 0);
});

Deno.test("a device that can be woken is woken, and rings when it comes", async () => {
  await using service = await startService({ push: PUSH });
  await using pushes = startPushService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const subscriber = newSubscriber();
  const subscription = pushes.subscription(subscriber);
  equal((await signed(service, bob, "PUT", "/v1/push/1", subscription)).status, 204);
  using caller = await online(service, alice);
  caller.send(RING);
  equal((await caller.next("ack")).status, "stored");
  await pushes.sent(1);
  const { body, headers } = pushes.messages[0]!;
  // What is sent through a third party's hands names nobody, sealed or not.
  const said = subscriber.open(body) + JSON.stringify([...headers]);
  ok(!/alice|bob|AAAA|AAAB/.test(said), said);
  const [socket, welcome] = await arrive(service, bob);
  equal(welcome.mailbox, 1);
  const { from, device, common, offer, id } = await socket.next("ring");
  deepEqual([from, device, common, offer, id], ["alice", 1, "AAAA", "AAAB", "r1"]);
  // Sent again, as a client does that has not seen its ack, it rings nobody twice.
  caller.send(RING);
  equal((await caller.next("ack")).status, "dup");
  await acked(service, bob, socket, 1, 0);
});

Deno.test("a ring that came too late for its minute is a missed call", async () => {
  await using service = await startService({ push: PUSH });
  await using pushes = startPushService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const subscription = pushes.subscription(newSubscriber());
  await signed(service, bob, "PUT", "/v1/push/1", subscription);
  using caller = await online(service, alice);
  caller.send(RING);
  equal((await caller.next("ack")).status, "stored");
  service.advance(60_000);
  const [socket] = await arrive(service, bob);
  equal((await socket.next("mail")).kind, "missed");
});

Deno.test("a message comes to a socket at once, once, and stays until its device removes it", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const [socket, { cid, resume: key }] = await arrive(service, bob);
  const put = async (id: string) => {
    const answer = await signed(service, alice, "POST", messagesPath("bob"), { id, ct: "AAAA" });
    await answer.body?.cancel();
    equal(answer.status, 202);
  };
  await put("m1");
  const first = await socket.next("mail");
  deepEqual([first.kind, first.ct, first.seq], ["message", "AAAA", 1]);
  socket.close();
  await socket.ended;
  const [again, welcome] = await arrive(service, bob, { cid, key, seq: 0 });
  equal(welcome.resumed, true);
  deepEqual(await again.next("mail"), first);
  await put("m2");
  const second = await again.next("mail");
  equal(second.seq, 2, "the first was not given another number");
  // An ack says that the frames came: what was in them is still there, and is not brought again here.
  again.send({ t: "ack", seq: 2 });
  again.send(await authFrame(service, bob, (await connect(service).next("hello")).nonce));
  equal((await again.next("welcome")).mailbox, 2);
  again.send({ t: "ping" });
  await again.next("pong");
  const path = `${MAILBOX}/${first.entry}`;
  equal((await signed(service, bob, "DELETE", path)).status, 204);
  const [, later] = await arrive(service, bob);
  equal(later.mailbox, 1);
});
