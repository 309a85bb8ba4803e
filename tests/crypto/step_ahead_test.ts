import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import { type Generation } from "../../crypto/generation.ts";
import { CTX, type Ctx } from "../../crypto/schedule.ts";
import { sealFrame } from "../../crypto/sframe.ts";
import { StepAhead } from "../../crypto/step_ahead.ts";
import { GroupWorld, type Person } from "../support/group_world.ts";

Deno.test("a frame of the step ahead proves its key, which is the one that the commit brings", async () => {
  const { alice, bob } = two();
  const before = bob.member.head;
  const held = { head: before, generation: bob.member.generation!.copy() };
  step(alice);
  const frame = await frameOf(alice.member.generation!, 0, CTX.mic);
  const ahead = new StepAhead();
  assert.equal(await ahead.prove(held, frame, 0), true);
  assert.equal(held.generation.step, 1, "one's own keys stay where they are");
  const kid = 0 << 11 | CTX.mic << 8 | 1 << 4 | 2;
  const [key, own] = [ahead.key(kid)!, await alice.member.generation!.frameKey(0, CTX.mic)];
  assert.deepEqual([key.kid, key.salt], [own.kid, own.salt]);
  ahead.clear();
  assert.equal(ahead.key(kid), null);
});

Deno.test("a forged frame leaves nothing, and a KID is tried once in 100 ms", async () => {
  const { alice, bob } = two();
  const held = { head: bob.member.head, generation: bob.member.generation!.copy() };
  step(alice);
  const frame = await frameOf(alice.member.generation!, 0, CTX.mic);
  const other = await frameOf(alice.member.generation!, 0, CTX.camera);
  const forged = frame.slice();
  forged[forged.length - 1]! ^= 1;
  const ahead = new StepAhead();
  assert.equal(await ahead.prove(held, forged, 0), false);
  assert.equal(await ahead.prove(held, frame, 99), false, "not yet");
  assert.equal(await ahead.prove(held, other, 99), true, "another KID");
  assert.equal(await ahead.prove(held, frame, 100), true);
});

Deno.test("nothing is tried of two steps ahead, of this one, of no seat, or of no medium", async () => {
  const { alice, bob } = two();
  const held = { head: bob.member.head, generation: bob.member.generation!.copy() };
  const ahead = new StepAhead();
  const next = held.generation.copy().next({ ...held.head!.commit, step: 2 });
  for (const [index, ctx] of [[2, 0], [0, 6], [0, 7]] as const) {
    assert.equal(await ahead.prove(held, await frameOf(next, index, ctx as Ctx), 0), false);
  }
  assert.equal(await ahead.prove(held, await frameOf(held.generation, 0, CTX.mic), 0), false);
  step(alice);
  step(alice);
  const far = await frameOf(alice.member.generation!, 0, CTX.mic);
  assert.equal(await ahead.prove(held, far, 0), false);
  assert.equal(await ahead.prove({ ...held, generation: null }, far, 0), false);
});

Deno.test("a key that was proved while its commit came is not kept", async () => {
  const { alice, bob } = two();
  const held = { head: bob.member.head, generation: bob.member.generation!.copy() };
  step(alice);
  const frame = await frameOf(alice.member.generation!, 0, CTX.mic);
  const ahead = new StepAhead();
  const proving = ahead.prove(held, frame, 0);
  held.head = alice.member.head;
  assert.equal(await proving, false);
  assert.equal(ahead.key(0 << 11 | CTX.mic << 8 | 1 << 4 | 2), null);
});

function two(): { alice: Person; bob: Person } {
  const world = new GroupWorld(2);
  world.begin(2);
  const [alice, bob] = world.people as [Person, Person];
  worlds.set(alice, world);
  return { alice, bob };
}

const worlds = new WeakMap<Person, GroupWorld>();

/** Takes a step that the others are not shown. */
function step(person: Person): void {
  const world = worlds.get(person)!;
  world.act(person, "worn", (m, now) => m.worn(now));
  while (person.shown < world.posted.length) world.show(person);
}

async function frameOf(generation: Generation, index: number, ctx: Ctx) {
  const key = await generation.frameKey(index, ctx);
  return await sealFrame(key, 7, new Uint8Array(0), utf8("frame"));
}
