import assert from "node:assert/strict";
import { equal } from "../../crypto/bytes.ts";
import { type GroupEffect } from "../../crypto/group_effect.ts";
import { GroupMember } from "../../crypto/group_member.ts";
import { encodeSecret, type SignedHeartbeat } from "../../crypto/group_message.ts";
import { Secret } from "../../crypto/secret.ts";
import { type Snapshot } from "../../crypto/snapshot.ts";
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

Deno.test("whoever was away unseen may find somebody else on its seat, and gets another one", () => {
  const world = new GroupWorld(4);
  world.begin(3);
  const [alice, bob, carol, dave] = world.people as [Person, Person, Person, Person];
  const seatOf = (who: Person) =>
    alice.member.head!.roster.find(({ entry }) => equal(entry, who.entry))?.index;
  const unseenByBob = (ms: number) => {
    tick(world, ms);
    while (bob.shown < world.posted.length) world.show(bob, true);
    world.flush();
  };
  assert.equal(seatOf(bob), 1);
  world.presence(bob, false);
  unseenByBob(500);
  act(dave, world, "join", (m, now) => m.join(now));
  world.presence(dave, true);
  unseenByBob(400);
  assert.equal(seatOf(dave), 1);
  world.presence(bob, true);
  world.pass(3_000);
  assert.equal(seatOf(bob), 3);
  together([alice, bob, carol, dave], alice.inUse!);
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
  const used = bob.effects.filter(({ effect }) => effect.kind === "use").length;
  tickAlone(world, bob, 5_000);
  assert.equal(bob.effects.filter(({ effect }) => effect.kind === "use").length, used);
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

Deno.test("a member that contradicts the committer is told of, and ends nothing", () => {
  const { world, people: [, bob, carol] } = three();
  const { order, hash } = headOf(bob);
  beatOf(carol, { order, hash: new Uint8Array(32) }, bob, world);
  assert.deepEqual(last(bob, "suspect"), { kind: "suspect", who: carol.entry, why: "heartbeat" });
  assert.notEqual(bob.secret, null);
  assert.equal(last(bob, "stop"), null);
  const told = bob.effects.length;
  for (let i = 0; i < 3; i++) beatOf(carol, { order, hash: new Uint8Array(32) }, bob, world);
  beatOf(carol, { order: order - 1, hash: new Uint8Array(32) }, bob, world);
  beatOf(carol, { order, hash }, bob, world);
  assert.equal(bob.effects.length, told, "once");
});

Deno.test("a heartbeat of another call, or an old one of another member, says nothing", () => {
  const { world, people: [alice, bob, carol] } = three();
  const { order } = headOf(bob);
  beatOf(alice, { order, hash: new Uint8Array(32), callId: new Uint8Array(16) }, bob, world);
  assert.notEqual(bob.secret, null);
  beatOf(carol, { order: order - 1, hash: new Uint8Array(32) }, bob, world);
  act(bob, world, "missed", (m, now) => m.missed(order + 1, now));
  world.pass(2_500);
  assert.ok(bob.effects.some(({ effect }) => effect.kind === "ask"));
  assert.equal(last(bob, "suspect"), null);
});

Deno.test("whoever speaks of commits that nobody else saw is asked about once, and then not heard", () => {
  const { world, people: [, bob, carol] } = three();
  const { order } = headOf(bob);
  beatOf(carol, { order: order + 5, hash: new Uint8Array(32) }, bob, world);
  assert.equal(bob.secret, null, "it may be so");
  assert.equal(bob.inUse, "1.1");
  world.pass(2_500);
  together(world.people, "1.1");
  assert.deepEqual(last(bob, "suspect"), { kind: "suspect", who: carol.entry, why: "heartbeat" });
  beatOf(carol, { order: order + 9, hash: new Uint8Array(32) }, bob, world);
  assert.notEqual(bob.secret, null);
});

Deno.test("an old heartbeat is no sign of life, however often it is shown", () => {
  const { world, people: [alice, bob] } = three();
  world.pass(11_000);
  const beat = world.posted.flatMap((post) => "beat" in post ? [post.beat] : []).at(-1)!;
  assert.deepEqual(beat.signer, alice.entry);
  for (let i = 0; i < 4; i++) {
    tickAlone(world, bob, 8_000);
    act(bob, world, "beat", (m, now) => m.heartbeat(beat, now));
  }
  assert.deepEqual(last(bob, "degraded"), { kind: "degraded", isDegraded: true });
});

Deno.test("whoever takes over too early is followed, told of, and put back by a committer with a lower index", () => {
  const { world, people: [alice, bob, carol] } = three();
  takeOver(carol, world);
  together([alice, bob, carol], "2.0");
  assert.deepEqual(committerOf(bob), carol.entry);
  for (const person of [alice, bob]) {
    assert.deepEqual(last(person, "suspect"), {
      kind: "suspect",
      who: carol.entry,
      why: "takeover",
    });
  }
  world.pass(1_900);
  together([alice, bob, carol], "2.0");
  world.pass(200);
  together([alice, bob, carol], "3.0");
  assert.deepEqual(committerOf(carol), alice.entry);
  world.pass(30_000);
  together([alice, bob, carol], "3.0");
  // Nobody takes it back from the one with the lower index.
  takeOver(bob, world);
  takeOver(alice, world);
  world.pass(5_000);
  assert.deepEqual(committerOf(bob), alice.entry);
  assert.equal(last(carol, "stop"), null);
});

Deno.test("a commit that another one came before is not asked for again", () => {
  const { world, people: [, bob, carol] } = three();
  for (const person of [carol, bob]) {
    person.nowMs += 20_000;
    act(person, world, "tick", (m, now) => m.tick(now));
  }
  world.show(bob);
  assert.deepEqual(committerOf(bob), carol.entry);
  const said = bob.effects.filter(({ effect }) => effect.kind === "propose").length;
  assert.equal(said, 1);
  tickAlone(world, bob, 2_500);
  assert.equal(bob.effects.filter(({ effect }) => effect.kind === "propose").length, said);
});

Deno.test("who takes over in its turn is told of by nobody", () => {
  const { world, people: [alice, bob, carol] } = three();
  alice.isStopped = true;
  world.pass(13_500);
  assert.deepEqual(committerOf(carol), bob.entry);
  assert.equal(last(carol, "suspect"), null);
});

Deno.test("a committer that draws the longest time is waited for by those who drew the shortest", () => {
  const world = new GroupWorld(3);
  world.people.forEach((person, i) => person.jitter = i === 0 ? 255 : 0);
  world.begin(3);
  world.pass(270_000);
  together(world.people, "1.3");
  assert.deepEqual(committerOf(world.people[1]!), world.people[0]!.entry);
});

Deno.test("after a pause of days a call goes on, dated a day at a time", () => {
  const { world, people: [alice, bob, carol] } = three();
  const before = alice.member.head!.commit.timeMs;
  for (const person of world.people) person.nowMs += 3 * 86_400_000;
  world.pass(5_000);
  assert.ok(alice.member.head!.commit.timeMs > before);
  together([alice, bob, carol], alice.inUse!);
  assert.notEqual(alice.inUse, "1.1");
});

Deno.test("numbers that hold no commit are passed, and none is taken behind one that did not come", () => {
  const { world, people: [alice, bob, carol] } = three();
  const { order } = headOf(bob);
  act(alice, world, "worn", (m, now) => m.worn(now));
  const post = world.posted.at(-1)!;
  assert.ok("commit" in post);
  for (const person of [bob, carol]) {
    act(person, world, "late", (m, now) => m.commit(order + 3, post.commit, now));
    act(person, world, "pass", (m, now) => m.pass(order + 2, now));
    assert.equal(person.inUse, "1.1");
  }
  act(bob, world, "pass", (m, now) => m.pass(order + 1, now));
  assert.equal(bob.inUse, "1.2");
  act(carol, world, "missed", (m, now) => m.missed(order + 4, now));
  assert.equal(carol.secret, null);
});

Deno.test("a welcome to one's own last commit takes no number back that was seen", () => {
  const { world, people: [alice, bob, carol] } = three();
  world.presence(carol, false);
  tick(world, 500);
  world.show(alice);
  world.show(bob);
  world.letters.clear();
  const { order } = headOf(alice);
  act(bob, world, "pass", (m, now) => m.pass(order + 1, now));
  act(bob, world, "pass", (m, now) => m.pass(order + 2, now));
  assert.equal(bob.secret, null);
  act(alice, world, "asked", (m, now) => m.asked(bob.entry, now));
  for (const letter of [...world.letters.values()]) world.deliver(letter);
  assert.equal(bob.secret, alice.secret);
  // Its own next number is the room's.
  for (const n of [1, 2]) act(alice, world, "pass", (m, now) => m.pass(order + n, now));
  act(alice, world, "worn", (m, now) => m.worn(now));
  const post = world.posted.at(-1)!;
  assert.ok("commit" in post);
  for (const person of [alice, bob]) {
    act(person, world, "commit", (m, now) => m.commit(order + 3, post.commit, now));
  }
  assert.notEqual(bob.secret, null);
  assert.equal(bob.secret, alice.secret);
  assert.equal(bob.member.head?.commit.step, 1);
});

Deno.test("a room that counts anew goes on where all were, and whoever missed something then asks", () => {
  const { world, people: [alice, bob, carol] } = three();
  for (const person of [alice, bob]) act(person, world, "anew", (m, now) => m.restart(1, now));
  act(alice, world, "worn", (m, now) => m.worn(now));
  const post = world.posted.at(-1)!;
  assert.ok("commit" in post);
  for (const person of [alice, bob]) {
    act(person, world, "commit", (m, now) => m.commit(2, post.commit, now));
  }
  together([alice, bob], "1.2");
  act(carol, world, "anew", (m, now) => m.restart(2, now));
  // Whether it missed one it does not know, and so another head is no fork.
  const unsure = new GroupWorld(3);
  unsure.begin(3);
  const dora = unsure.people[2]!;
  act(dora, unsure, "anew", (m, now) => m.restart(2, now));
  beatOf(unsure.people[0]!, { order: 2, hash: new Uint8Array(32) }, dora, unsure);
  assert.equal(dora.secret, null);
  assert.equal(last(dora, "stop"), null);
  act(alice, world, "worn", (m, now) => m.worn(now));
  const next = world.posted.at(-1)!;
  assert.ok("commit" in next);
  for (const person of [alice, bob, carol]) {
    act(person, world, "commit", (m, now) => m.commit(3, next.commit, now));
  }
  together([alice, bob], "1.3");
  assert.equal(carol.secret, null, "it saw that it missed one");
  carol.shown = world.posted.length;
  world.pass(2_500);
  together([alice, bob, carol], "1.3");
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

Deno.test("one comes as another goes: by one epoch, which waits for nobody new, and whose R is not for them", () => {
  const world = new GroupWorld(4);
  world.begin(3);
  const [alice, bob, carol, dave] = world.people as [Person, Person, Person, Person];
  act(dave, world, "join", (m, now) => m.join(now));
  world.presence(carol, false);
  world.presence(dave, true);
  const before = alice.effects.length;
  tickAlone(world, alice, 500);
  const sealed = alice.effects.slice(before)
    .flatMap(({ effect }) => effect.kind === "seal" ? [effect.to] : []);
  assert.deepEqual(sealed, [bob.entry]);
  world.flush();
  together([alice, bob, dave], "2.0");
});

Deno.test("who is left alone waits for nobody", () => {
  const world = new GroupWorld(2);
  world.begin(2);
  const [alice, bob] = world.people as [Person, Person];
  world.presence(bob, false);
  tick(world, 500);
  world.show(alice);
  together([alice], "2.0");
});

Deno.test("of two who begin a call at once the first has begun it, and the other comes in", () => {
  const world = new GroupWorld(2);
  const [alice, bob] = world.people as [Person, Person];
  for (const person of [alice, bob]) act(person, world, "create", (m, now) => m.create(now));
  world.flush();
  assert.equal(alice.inUse, "1.0");
  assert.equal(bob.inUse, null);
  for (const person of world.people) world.presence(person, true);
  world.pass(1_500);
  together([alice, bob], "1.1");
});

Deno.test("a secret that comes late asks for key frames, and does not end the asking for commits", () => {
  const { world, people: [, bob, carol] } = three();
  world.presence(carol, false);
  tick(world, 500);
  world.show(bob);
  const letter = [...world.letters.values()].find(({ to }) => to === bob.index)!;
  world.letters.clear();
  act(bob, world, "missed", (m, now) => m.missed(headOf(bob).order + 1, now));
  tickAlone(world, bob, 1_000);
  const count = (kind: string) => bob.effects.filter(({ effect }) => effect.kind === kind).length;
  const [asks, frames] = [count("ask"), count("key-frame")];
  assert.ok(asks > 0);
  world.letters.set(letter.name, letter);
  tickAlone(world, bob, 500);
  world.deliver(letter);
  assert.equal(count("key-frame"), frames + 1);
  tickAlone(world, bob, 1_500);
  assert.ok(count("ask") > asks);
});

Deno.test("whoever is kept behind sends nothing 10 s after somebody left: no commit may ever say so", () => {
  const { world, people: [alice, bob, carol] } = three();
  // Carol shows the place of a commit that she told nobody, and goes.
  for (const one of [alice, bob]) {
    act(one, world, "missed", (m, now) => m.missed(world.posted.length + 1, now));
  }
  carol.isStopped = true;
  world.presence(carol, false);
  world.pass(9_000);
  assert.deepEqual([alice.inUse, bob.inUse], ["1.1", "1.1"]);
  world.pass(1_500);
  assert.deepEqual([alice.inUse, bob.inUse], [null, null]);
  assert.deepEqual(last(bob, "hold"), { kind: "hold", why: "left" });
});

Deno.test("a member that sends secrets of commits that never were puts out nobody else's", () => {
  const { world, people: [alice, bob, carol] } = three();
  world.presence(carol, false);
  tick(world, 500);
  for (const letter of [...world.letters.values()]) world.deliver(letter);
  const lie = (to: Person, i: number) => {
    const random = new Secret(new Uint8Array(32));
    const bytes = encodeSecret({ t: "secret", hash: new Uint8Array(32).fill(i), random });
    act(to, world, "a lie", (m, now) => m.secret(carol.entry, bytes, now));
  };
  for (let i = 0; i < 20; i++) for (const one of [alice, bob]) lie(one, i);
  world.flush();
  together([alice, bob], "2.0");
});

Deno.test("a welcome to the end of all numbers is refused: from there no commit could follow", () => {
  const { people: [alice, bob] } = three();
  const { commit, roster } = alice.member.head!;
  for (
    const end of [{ epoch: 2 ** 32 - 1 }, { timeMs: Number.MAX_SAFE_INTEGER }, {
      order: 2 ** 32 - 1,
    }]
  ) {
    const late = new GroupMember({ callId: CALL_ID, self: bob.entry, isVerified: () => true });
    late.join(0);
    const head = { commit: { ...commit, ...end }, roster } as unknown as Snapshot;
    const es = new Secret(new Uint8Array(32));
    const message = { t: "welcome", order: 7, hash: commit.hash, es, ...end } as const;
    assert.throws(() => late.welcome(alice.entry, encodeSecret(message), head, 0), {
      code: "bad_commit",
    });
    assert.equal(late.head, null);
    late.close();
  }
});

Deno.test("a welcome is taken from who has a seat, and to a roster with one's own", () => {
  const { world, people: [alice, bob, carol] } = three();
  act(alice, world, "asked", (m, now) => m.asked(bob.entry, now));
  const said = alice.effects.at(-1)!.effect;
  assert.ok(said.kind === "welcome");
  const stranger = new GroupWorld(5).people[4]!;
  const take = (member: Person["member"], from: Uint8Array<ArrayBuffer>) => () =>
    member.welcome(from, said.message.slice(), said.head as unknown as Snapshot, 0);
  assert.throws(take(stranger.member, alice.entry), { code: "bad_commit" });
  act(bob, world, "missed", (m, now) => m.missed(headOf(bob).order + 1, now));
  assert.throws(take(bob.member, stranger.entry), { code: "bad_commit" });
  take(bob.member, carol.entry)();
});

Deno.test("a committer whose clock is behind that of the one before is heard", () => {
  const { world, people: [alice, bob, carol] } = three();
  bob.nowMs -= 60_000;
  world.pass(15_000);
  world.presence(alice, false);
  world.pass(40_000);
  assert.deepEqual(committerOf(carol), bob.entry);
  assert.equal(last(carol, "degraded"), null);
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
  for (const { entry } of [carol, bob, carol]) {
    act(alice, world, "asked", (m, now) => m.asked(entry, now));
  }
  assert.equal(answers(), before + 2, "each once");
  tickAlone(world, alice, 1_000);
  act(alice, world, "asked", (m, now) => m.asked(bob.entry, now));
  assert.equal(answers(), before + 3);
  world.presence(carol, false);
  act(alice, world, "asked", (m, now) => m.asked(carol.entry, now));
  assert.equal(answers(), before + 3, "not to who has gone");
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

/** The room's number at which a member is, and its head: everything was passed on. */
function headOf({ member, shown }: Person): { order: number; hash: Uint8Array<ArrayBuffer> } {
  return { order: shown, hash: member.head!.commit.hash };
}

function committerOf({ member }: Person): Uint8Array {
  return member.head!.commit.signer;
}

/** Shows one member a heartbeat that another one made up. */
function beatOf(
  signer: Person,
  beat: { order: number; hash: Uint8Array<ArrayBuffer>; callId?: Uint8Array<ArrayBuffer> },
  to: Person,
  world: GroupWorld,
): void {
  const whole = { callId: CALL_ID, timeMs: to.nowMs, ...beat, signer: signer.entry };
  act(to, world, "beat", (m, now) => m.heartbeat(whole as unknown as SignedHeartbeat, now));
}

/** A member acts as if the committer had said nothing for long. */
function takeOver(person: Person, world: GroupWorld): void {
  person.nowMs += 20_000;
  act(person, world, "tick", (m, now) => m.tick(now));
  person.nowMs -= 20_000;
  world.flush();
}

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
