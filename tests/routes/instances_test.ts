import assert from "node:assert/strict";
import { auditLog } from "../../core/log_audit.ts";
import { openRoomId } from "../../wire/room_id.ts";
import { membersOf, pause, startTalk, storm, until, untilWhole } from "../support/crowd.ts";
import { MAILBOX } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { distantKv, pausableKv } from "../support/faulty_kv.ts";
import { FAST, startInstance } from "../support/instances.ts";
import { ORIGIN } from "../support/service_core.ts";
import { authFrame, connect, online, type TestSocket } from "../support/socket.ts";
import { slowReceipts } from "../support/slow_receipts.ts";
import { type Wanderer, wanderer } from "../support/wanderer.ts";

Deno.test("members of two instances hear each other, in order", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const members = await membersOf([one, two], ["alice", "bob", "carol"]);
  const said = new Map(members.map(({ name }) => [name, 30]));
  for (let i = 0; i < 30; i++) {
    for (const member of members) member.say(`${i}`);
    await pause(5);
  }
  await untilWhole(members, said);
  for (const member of members) member.end();
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("forced disconnects at random moments lose nothing, double nothing, and keep the order", async () => {
  using kv = await Deno.openKv(":memory:");
  // As far away as a server in the same house: what overlaps there has to overlap here.
  await using one = await startInstance(distantKv(kv, 8));
  await using two = await startInstance(distantKv(kv, 8));
  const members = await membersOf([one, two], ["alice", "bob", "carol", "dave"]);
  const said = await storm(() => [one, two], members, 80, 60);
  await untilWhole(members, said);
  const welcomes = members.flatMap((member) => member.welcomes);
  assert.ok(welcomes.length >= 84);
  assert.deepEqual(new Set(welcomes), new Set(["fresh", "resumed"]));
  for (const member of members) member.end();
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("what two members do to one room at once, on two instances, both happens", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const names = Array.from({ length: 12 }, (_, i) => `person${i}`);
  const accounts = await Promise.all(names.map((name) => registered(one, name)));
  const room = openRoomId();
  const members = accounts.map(wanderer);
  await Promise.all(members.map((member, i) => member.goTo(i % 2 ? one : two)));
  await Promise.all(members.map((member) => member.join(room)));
  const talk = startTalk(members, 20);
  await pause(200);
  await untilWhole(members, talk.end());
  for (const member of members) member.end();
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("what members show has one order for all, across instances, behind what each had said before", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(distantKv(kv, 8));
  await using two = await startInstance(distantKv(kv, 8));
  const room = openRoomId();
  const sockets: TestSocket[] = [];
  for (const [i, name] of ["alice", "bob", "carol", "dave"].entries()) {
    const socket = await online(i % 2 ? two : one, await registered(one, name));
    socket.send({ t: "join", id: "j", room });
    await socket.next("joined");
    // Before their instances know of it, what they say does not reach who has just come.
    for (const earlier of sockets) await earlier.next("presence");
    sockets.push(socket);
  }
  const talks = sockets.map(async (socket, i) => {
    const seen: string[] = [];
    const heard = new Set<string>();
    let said = 0;
    const say = () => {
      // base64url, so that the service takes it: who says it, and for which time.
      const ct = `AA${"ABCD"[i]}${"ABCDEFGH"[said++]}`;
      socket.send({ t: "signal", id: `s${ct}`, room, to: "*", ct });
      socket.send({ t: "meta", id: `m${ct}`, room, ct });
    };
    say();
    while (seen.length < 32) {
      const frame = await socket.any();
      if (frame.t === "signal") heard.add(frame.ct);
      if (frame.t === "presence" && frame.event === "meta") {
        const { rseq, member: { account, meta } } = frame;
        seen.push(`${rseq} ${account} ${meta}`);
        const isOwn = meta![2] === "ABCD"[i];
        assert.ok(isOwn || heard.has(meta!), "shown before it was said");
        if (isOwn && said < 8) say();
      }
    }
    return seen;
  });
  const [first, ...others] = await Promise.all(talks);
  for (const other of others) assert.deepEqual(other, first);
  const numbers = first!.map((line) => Number(line.split(" ")[0]));
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0]! + i));
  for (const socket of sockets) socket.close();
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("a paused instance is given up by one of the others: away, back elsewhere, and each told once", async () => {
  using kv = await Deno.openKv(":memory:");
  const paused = pausableKv(kv);
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  await using three = await startInstance(paused.kv);
  const members = await membersOf([one, two, three], [
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
  ]);
  const [alice, , carol, , , frank] = members as [
    Wanderer,
    Wanderer,
    Wanderer,
    Wanderer,
    Wanderer,
    Wanderer,
  ];
  const talk = startTalk(members, 60);
  await pause(300);
  paused.pause();
  const eventsOf = (name: string) =>
    alice.presence.filter(([account]) => account === name).map(([, event]) => event);
  await until("carol and frank are away", () => {
    return eventsOf("carol").includes("away") && eventsOf("frank").includes("away");
  });
  await carol.goTo(one);
  paused.goOn();
  await until("frank's socket is closed", () => !frank.isOnline);
  assert.deepEqual(frank.closes, [4000]);
  await frank.goTo(two);
  await carol.goTo(three);
  await pause(300);
  await untilWhole(members, talk.end());
  assert.deepEqual(carol.welcomes, ["fresh", "instance_lost", "resumed"]);
  assert.deepEqual(frank.welcomes, ["fresh", "instance_lost"]);
  // Two looked after them, and each thing was told once.
  assert.deepEqual(eventsOf("frank"), ["join", "away", "back"]);
  for (const member of members) member.end();
  assert.deepEqual([...one.faults, ...two.faults].filter((line) => !/given up/.test(line)), []);
  assert.match(three.faults.join(), /begins again as a new one/);
});

Deno.test("who does not come back from a lost instance has left when the window is over, and nothing stays", async () => {
  using kv = await Deno.openKv(":memory:");
  const paused = pausableKv(kv);
  await using one = await startInstance(kv, { cluster: { ...FAST, windowMs: 1_500 } });
  const two = await startInstance(paused.kv);
  const members = await membersOf([one, two], ["alice", "bob"]);
  const [alice, bob] = members as [Wanderer, Wanderer];
  paused.pause();
  alice.say("0");
  await until("bob has left", () => alice.presence.some(([, event]) => event === "leave"));
  assert.deepEqual(alice.presence.map(([, event]) => event), ["join", "away", "leave"]);
  alice.end();
  bob.end();
  await until("the lost instance is forgotten", async () => {
    const keys: Deno.KvKey[] = [];
    for await (const { key } of kv.list({ prefix: [] })) keys.push(key);
    const [live, ...others] = keys.filter(([table]) => table === "instance");
    if (others.length > 0) return false;
    const ofInstances = ["at", "owned", "inbox", "rang", "bell", "journal"];
    return keys.every(([table, name]) => {
      return name === live![1] || name !== "bob" && !ofInstances.includes(String(table));
    });
  });
  paused.goOn();
  await two.close();
});

Deno.test("an instance that stops leaves its connections to the others: resumed, and nobody was away", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  const two = await startInstance(kv);
  const members = await membersOf([one, two], ["alice", "bob", "carol", "dave"]);
  const [alice, bob, , dave] = members as [Wanderer, Wanderer, Wanderer, Wanderer];
  const talk = startTalk(members, 40);
  await pause(400);
  const stopped = two.close();
  await until("sockets are closed", () => !bob.isOnline && !dave.isOnline);
  await bob.goTo(one);
  await dave.goTo(one);
  await stopped;
  await pause(200);
  await untilWhole(members, talk.end());
  assert.deepEqual([...bob.welcomes, ...dave.welcomes], ["fresh", "resumed", "fresh", "resumed"]);
  assert.deepEqual([...bob.closes, ...dave.closes], [4000, 4000]);
  const told = new Set(alice.presence.map(([, event]) => event));
  assert.deepEqual(told, new Set(["join"]));
  for (const member of members) member.end();
  assert.deepEqual(one.faults, []);
});

Deno.test("a receipt that is not signed yet when its connection moves is had on the other instance", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const alice = await registered(one, "alice");
  const here = connect(one);
  here.send(await authFrame(one, alice, (await here.next("hello")).nonce));
  const { cid, resume: key } = await here.next("welcome");
  here.send({ t: "join", id: "j", room: openRoomId() });
  const { room } = await here.next("joined");
  const message = { t: "signal", id: "s", room, to: "*", ct: "AAAA", receipt: true } as const;
  const token = await tokenOf(two, alice);
  const there = connect(two);
  const auth = await authFrame(two, alice, (await there.next("hello")).nonce, token);
  using slow = slowReceipts(300);
  here.send(message);
  await until("it is being signed", () => slow.count > 0);
  there.send({ ...auth, resume: { cid, key, seq: 1 } });
  assert.equal((await there.next("welcome")).resumed, true);
  there.send(message);
  const { status, receipt } = await there.next("ack");
  assert.deepEqual([status, receipt?.sig.length], ["dup", 86]);
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("a key that is not the connection's opens nothing on another instance either", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const [alice, mallory] = [await registered(one, "alice"), await registered(one, "mallory")];
  using socket = connect(one);
  socket.send(await authFrame(one, alice, (await socket.next("hello")).nonce));
  const { cid, resume: key } = await socket.next("welcome");
  for (
    const [who, asked] of [
      [mallory, { cid, key, seq: 0 }],
      [alice, { cid, key: key.replace(/^./, (c) => c === "A" ? "B" : "A"), seq: 0 }],
      [alice, { cid: "A".repeat(22), key, seq: 0 }],
    ] as const
  ) {
    using other = connect(two);
    const { nonce } = await other.next("hello");
    other.send({ ...await authFrame(two, who, nonce), resume: asked });
    const { resumed, reason } = await other.next("welcome");
    assert.deepEqual([resumed, reason], [false, "unknown"]);
  }
  using again = connect(two);
  const { nonce } = await again.next("hello");
  again.send({ ...await authFrame(two, alice, nonce), resume: { cid, key, seq: 0 } });
  const welcome = await again.next("welcome");
  assert.deepEqual([welcome.resumed, welcome.cid, welcome.epoch], [true, cid, 2]);
  assert.equal(await socket.ended, 4007);
});

Deno.test("names that are registered through two instances at once are all in one log", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const names = Array.from({ length: 60 }, (_, i) => `person${i}`);
  const accounts = await Promise.all(
    names.map((name, i) => registered(i % 2 ? one : two, name)),
  );
  const { names: count, pending, faults } = await auditLog({ kv, origin: ORIGIN });
  assert.deepEqual({ count, pending, faults }, { count: 60, pending: 0, faults: [] });
  // Who was registered at the one signs in at the other.
  for (const [i, account] of accounts.slice(0, 2).entries()) {
    await tokenOf(i % 2 ? two : one, account);
  }
  assert.deepEqual([...one.faults, ...two.faults], []);
});

Deno.test("a call and a message reach a device that is connected to another instance, once", async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await startInstance(kv);
  await using two = await startInstance(kv);
  const [alice, bob] = [await registered(one, "alice"), await registered(one, "bob")];
  using caller = await online(one, alice);
  using callee = await online(two, bob);
  const offers = [{ device: 1, offer: "AAAB" }];
  caller.send({ t: "ring", id: "r", to: "bob", common: "AAAA", devices: [1], offers });
  assert.equal((await caller.next("ack")).status, "relayed");
  assert.equal((await callee.next("ring")).from, "alice");
  const path = messagesPath("bob");
  for (const id of ["m1", "m2"]) {
    const headers = await credentials(one, alice, await tokenOf(one, alice), "POST", path);
    const answer = await sendJson(one, "POST", path, { id, ct: "AAAA" }, headers);
    await answer.body?.cancel();
    assert.equal(answer.status, 202);
    const { seq, kind, from } = await callee.next("mail");
    assert.deepEqual([kind, from], ["message", "alice"]);
    callee.send({ t: "ack", seq });
  }
  const waiting = async () => {
    const headers = await credentials(two, bob, await tokenOf(two, bob), "GET", MAILBOX);
    const answer = await (await fetch(two.url + MAILBOX, { headers })).json();
    return answer.entries.length;
  };
  assert.equal(await waiting(), 2);
  assert.deepEqual(callee.waiting, []);
});
