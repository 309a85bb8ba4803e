import assert from "node:assert/strict";
import { type GroupEffect } from "../../crypto/group_effect.ts";
import { type SignedHeartbeat } from "../../crypto/group_message.ts";
import { CALL_ID, GroupWorld, type Person } from "../support/group_world.ts";

Deno.test("three people come together, one leaves, and the keys go on", () => {
  const { world, people: [alice, bob, carol] } = three();
  together([alice, bob, carol], "1.1");
  const before = alice.secret;

  world.presence(carol, false);
  world.pass(1_000);
  together([alice, bob], "2.0");
  assert.notEqual(alice.secret, before);
  assert.ok(carol.isStopped, "who is out is told");
  assert.equal(carol.secret, null);

  world.pass(140_000);
  together([alice, bob], "2.1");
  world.pass(600_000);
  assert.match(alice.inUse ?? "", /^3\./, "after ten minutes there is another epoch");
  together([alice, bob], alice.inUse!);
});

Deno.test("joins are gathered for 300 ms into one step, leaves for 500 ms into one epoch", () => {
  const world = new GroupWorld(5);
  world.begin(1);
  for (const person of world.people.slice(1)) world.presence(person, true);
  world.pass(200);
  assert.equal(world.posted.length, 1);
  world.pass(200);
  together(world.people, "1.1");
  assert.equal(world.posted.length, 2);

  for (const person of world.people.slice(3)) world.presence(person, false);
  world.pass(400);
  assert.equal(world.posted.length, 2);
  world.pass(200);
  together(world.people.slice(0, 3), "2.0");
  assert.equal(world.posted.length, 3);
});

Deno.test("an epoch is used once all have acknowledged, and after 1.5 s without", () => {
  for (const isAckLost of [false, true]) {
    const { world, people: [alice, bob, carol] } = three();
    world.presence(carol, false);
    tick(world, 500);
    world.show(alice);
    world.show(bob);
    const committed = alice.nowMs;
    for (const letter of [...world.letters.values()]) world.deliver(letter);
    assert.equal(alice.inUse, "1.1", "not before it is acknowledged");
    if (isAckLost) world.letters.clear();
    else world.flush();
    if (isAckLost) tick(world, 1_400);
    assert.equal(alice.inUse, isAckLost ? "1.1" : "2.0");
    assert.equal(bob.inUse, isAckLost ? "1.1" : "2.0");
    if (isAckLost) tick(world, 100);
    together([alice, bob], "2.0");
    assert.equal(alice.nowMs - committed, isAckLost ? 1_500 : 0);
  }
});

Deno.test("2 s after a leave nothing is sent with the old keys, whoever misses the new ones", () => {
  const { world, people: [alice, bob, carol] } = three();
  world.presence(carol, false);
  tick(world, 500);
  world.letters.clear();
  world.show(bob);
  tick(world, 1_900);
  world.letters.clear();
  assert.equal(bob.inUse, "1.1");
  tick(world, 100);
  assert.equal(bob.inUse, null);
  assert.deepEqual(last(bob, "hold"), { kind: "hold", why: "left" });
  world.pass(3_000);
  together([alice, bob], "2.0");
});

Deno.test("whoever missed a commit takes none after it, asks, and is told where the call is", () => {
  const { world, people: [alice, bob, carol] } = three();
  world.presence(carol, false);
  tick(world, 500);
  world.show(bob, true);
  world.letters.clear();
  for (const person of [alice, bob]) act(person, world, "worn", (m, now) => m.worn(now));
  world.flush();
  tick(world, 100);
  act(alice, world, "worn", (m, now) => m.worn(now));
  world.flush();
  assert.equal(bob.secret, null);
  assert.equal(bob.member.head?.commit.epoch, 1, "it stays where it was");
  world.pass(2_500);
  together([alice, bob], alice.inUse!);
  assert.equal(last(bob, "key-frame")?.kind, "key-frame");
});

Deno.test("a committer that left is followed at once, and a silent one after 2 s", () => {
  const left = three();
  left.world.presence(left.people[0], false);
  left.world.pass(700);
  together([left.people[1], left.people[2]], "2.0");
  assert.equal(left.people[1].member.head?.commit.type, "leave");

  const silent = three();
  const [alice, bob, carol] = silent.people;
  alice.isStopped = true;
  silent.world.pass(11_500);
  assert.equal(bob.inUse, "1.1");
  silent.world.pass(1_000);
  assert.equal(bob.member.head?.commit.type, "handover");
  // Alice acknowledges nothing.
  silent.world.pass(1_500);
  together([bob, carol], "2.0");
});

Deno.test("a silent committer's leaves are done by the next one after 2 s", () => {
  const { world, people: [alice, bob, carol] } = three();
  alice.isStopped = true;
  world.presence(carol, false);
  world.pass(2_400);
  assert.equal(bob.inUse, "1.1");
  world.pass(200);
  assert.equal(bob.member.head?.commit.type, "handover");
  assert.deepEqual(bob.member.head?.commit.change.removed, [2]);
});

Deno.test("nobody follows to a roster with a device that is not in the log, nor is welcomed to one", () => {
  const world = new GroupWorld(3);
  world.begin(2);
  const [alice, bob, carol] = world.people as [Person, Person, Person];
  bob.unknown.push(carol.entry);
  carol.unknown.push(bob.entry);
  act(carol, world, "join", (m, now) => m.join(now));
  world.presence(carol, true);
  assert.throws(() => world.pass(500), { code: "bad_commit" });
  world.flush();
  assert.equal(alice.member.head?.roster.length, 3);
  assert.equal(bob.member.head?.roster.length, 2);
  assert.equal(bob.inUse, "1.1");
  assert.equal(carol.secret, null);
});

Deno.test("an epoch whose secret nobody has is followed by another one", () => {
  const world = new GroupWorld(4);
  world.begin(4);
  const [alice, bob, carol, dave] = world.people as [Person, Person, Person, Person];
  world.presence(dave, false);
  tick(world, 500);
  world.letters.clear();
  alice.isStopped = true;
  world.pass(5_000);
  assert.equal(bob.secret, null);
  assert.equal(carol.secret, null);
  assert.equal(bob.inUse, null, "nor do they send with what Dave has");
  world.pass(5_000);
  together([bob, carol], "3.0");
});

Deno.test("without a sign of anybody the call is degraded after 30 s, and after 120 s nothing is sent", () => {
  const { world, people: [, bob] } = three();
  const start = bob.nowMs;
  tickAlone(world, bob, 29_000);
  assert.equal(last(bob, "degraded"), null);
  tickAlone(world, bob, 2_000);
  assert.deepEqual(last(bob, "degraded"), { kind: "degraded", isDegraded: true });
  tickAlone(world, bob, 88_000);
  assert.equal(bob.inUse, "1.1");
  tickAlone(world, bob, 2_000);
  assert.equal(bob.inUse, null);
  assert.ok(bob.nowMs - start <= 121_000);
  world.flush();
  world.pass(20_000);
  assert.deepEqual(last(bob, "degraded"), { kind: "degraded", isDegraded: false });
  together(world.people, bob.inUse!);
});

Deno.test("who is shown another history in the same place of the room's order stops", () => {
  const { world, people: [alice, bob] } = three();
  const beat = {
    callId: CALL_ID,
    order: 2,
    hash: new Uint8Array(32),
    timeMs: 0,
    signer: alice.entry,
  } as unknown as SignedHeartbeat;
  act(bob, world, "beat", (m, now) => m.heartbeat(beat, now));
  assert.deepEqual(last(bob, "stop"), { kind: "stop", why: "forked" });
  assert.equal(bob.secret, null);
});

Deno.test("old keys stay 5 s after a sender's first frame under new ones, 2 s after a leave, and three in all", () => {
  for (const isLeave of [false, true]) {
    const { world, people: [alice, bob, carol] } = three();
    if (isLeave) world.presence(carol, false);
    else act(alice, world, "worn", (m, now) => m.worn(now));
    world.pass(600);
    const [epoch, step] = alice.inUse!.split(".").map(Number) as [number, number];
    act(bob, world, "heard", (m, now) => m.heard(0, epoch, step, now));
    const wait = isLeave ? 2_000 : 5_000;
    world.pass(wait - 100);
    assert.equal(retired(bob).length, 0);
    world.pass(100);
    assert.deepEqual(retired(bob), [{ index: 0, epoch: 1, step: 1 }]);
  }
  const { world, people: [alice, bob] } = three();
  for (let i = 0; i < 3; i++) {
    act(alice, world, "worn", (m, now) => m.worn(now));
    world.flush();
  }
  together([alice, bob], "1.4");
  assert.deepEqual(retired(bob), [{ index: null, epoch: 1, step: 1 }]);
});

Deno.test("after fifteen steps comes an epoch", () => {
  const { world, people: [alice, bob, carol] } = three();
  for (let i = 0; i < 14; i++) {
    act(alice, world, "worn", (m, now) => m.worn(now));
    world.flush();
  }
  together([alice, bob, carol], "1.15");
  act(alice, world, "worn", (m, now) => m.worn(now));
  world.flush();
  together([alice, bob, carol], "2.0");
});

Deno.test("the present secret is told to whoever has a seat, once a second, and to nobody else", () => {
  const { world, people: [alice, bob, carol] } = three();
  const stranger = new Uint8Array(32);
  const answers = () => alice.effects.filter(({ effect }) => effect.kind === "welcome").length;
  const before = answers();
  act(alice, world, "asked", (m, now) => m.asked(stranger, now));
  assert.equal(answers(), before);
  for (let i = 0; i < 5; i++) act(alice, world, "asked", (m, now) => m.asked(bob.entry, now));
  assert.equal(answers(), before + 1);
  world.presence(carol, false);
  act(alice, world, "asked", (m, now) => m.asked(carol.entry, now));
  assert.equal(answers(), before + 1, "not to who has gone");
});

function three(): { world: GroupWorld; people: readonly [Person, Person, Person] } {
  const world = new GroupWorld(3);
  world.begin(3);
  return { world, people: world.people as unknown as [Person, Person, Person] };
}

function act(person: Person, world: GroupWorld, ...rest: EventOf): void {
  world.act(person, ...rest);
}

type EventOf = Parameters<GroupWorld["act"]> extends [unknown, ...infer Rest] ? Rest : never;

/** Lets time go by for all without delivering anything. */
function tick(world: GroupWorld, ms: number): void {
  for (const person of world.people) tickAlone(world, person, ms);
}

function tickAlone(world: GroupWorld, person: Person, ms: number): void {
  for (let gone = 0; gone < ms; gone += 100) {
    person.nowMs += 100;
    world.act(person, "tick", (m, now) => m.tick(now));
  }
}

function together(people: readonly Person[], inUse: string): void {
  assert.equal(new Set(people.map(({ secret }) => secret)).size, 1, "different secrets");
  for (const { secret, inUse: own } of people) {
    assert.notEqual(secret, null);
    assert.equal(own, inUse);
  }
}

function last<K extends GroupEffect["kind"]>(person: Person, kind: K): GroupEffect | null {
  return person.effects.findLast(({ effect }) => effect.kind === kind)?.effect ?? null;
}

function retired(person: Person): unknown[] {
  return person.effects.flatMap(({ effect }) => effect.kind === "retire" ? [effect.keys] : []);
}
