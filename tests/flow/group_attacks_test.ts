/**
 * Group calls among people who do not keep to the rules: guests, bystanders, and a member who lies.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { type Client, type GroupCall, joinAsGuest, type Meeting } from "../../client/mod.ts";
import { type Happening } from "../../client/meeting.ts";
import { encodePlace, SAID } from "../../client/group_wire.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { CryptoError } from "../../crypto/error.ts";
import { FrameCryptor } from "../../crypto/frame_cryptor.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type CallKeys, CTX, frameKid } from "../../crypto/schedule.ts";
import { type Frame, type Liar } from "../support/liar.ts";
import { stage } from "../support/stage.ts";
import { silentStacks } from "../support/silent_stack.ts";
import { eventually } from "../support/werift.ts";

/** Everything that a member of the room is told by others, as bytes. */
function listen(meeting: Meeting): Bytes[] {
  const heard: Bytes[] = [];
  void (async () => {
    for await (const { payload } of meeting.messages()) heard.push(payload);
  })();
  return heard;
}

const callIn = (client: Client, meeting: Meeting): Promise<GroupCall> =>
  client.joinCall(meeting, { adapter: silentStacks() });

/** Joins with stacks that leave the keys they are given behind. */
async function tapped(client: Client, meeting: Meeting): Promise<[GroupCall, CallKeys[]]> {
  const taken: CallKeys[] = [];
  const makeStack = silentStacks();
  const adapter = (): MediaAdapter => {
    const stack = makeStack();
    const start = stack.start.bind(stack);
    stack.start = (keys, peer) => {
      taken.push(keys);
      return start(keys, peer);
    };
    return stack;
  };
  return [await client.joinCall(meeting, { adapter }), taken];
}

/** Whether anybody ever said a secret, sealed or not, to whoever listened. */
const secrets = (heard: readonly Bytes[]) =>
  heard.filter(([tag]) => tag === SAID.welcome || tag === SAID.box || tag === SAID.offer);

Deno.test("whoever is in the room and not in the call, or is a guest, gets no seat and no secret", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  await eventually(() => alice.state === "joined");
  const bystander = await play.carol.joinRoom(link);
  const guest = await joinAsGuest({ link });
  const [carols, guests] = [listen(bystander), listen(guest)];
  // Both ask for the secret; the guest says that it is in the call as well.
  await guest.setMeta(encodePlace(null, new Uint8Array(0)));
  for (const meeting of [bystander, guest]) await meeting.send(Uint8Array.of(SAID.ask));
  const bob = await callIn(play.bob, await play.bob.joinRoom(link));
  await eventually(() => bob.state === "joined" && alice.participants()[0]?.state === "connected");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.deepEqual(alice.participants().map(({ peer }) => peer.label), ["bob"]);
  assert.deepEqual(bob.participants().map(({ peer }) => peer.label), ["alice"]);
  assert.ok(carols.length > 0, "commits are said to the whole room");
  assert.deepEqual([...secrets(carols), ...secrets(guests)], []);
  for (const call of [alice, bob]) await call.leave();
});

Deno.test("a member who shows places of commits that never were, or says what can't be read, stops nobody", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  await eventually(() => alice.state === "joined");
  const liar = await play.carol.joinRoom(link);
  for (let i = 0; i < 5; i++) await liar.setMeta(encodePlace(randomBytes(32), new Uint8Array(0)));
  for (const tag of Object.values(SAID)) {
    if (tag === SAID.application) continue;
    await liar.send(new Uint8Array([tag]));
    await liar.send(new Uint8Array([tag, ...randomBytes(200)]));
  }
  const bob = await callIn(play.bob, await play.bob.joinRoom(link));
  await eventually(() => bob.state === "joined", 15_000);
  await eventually(
    () =>
      alice.participants().some(({ peer, state }) => peer.label === "bob" && state === "connected"),
    15_000,
  );
  assert.deepEqual([alice.state, bob.state], ["joined", "joined"]);
  for (const call of [alice, bob]) await call.leave();
});

Deno.test("a call outlives everybody: whoever comes when the others are gone begins it anew", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  await eventually(() => alice.state === "joined");
  const meeting = await play.bob.joinRoom(link);
  await alice.leave();
  const bob = await callIn(play.bob, meeting);
  await eventually(() => bob.state === "joined");
  assert.deepEqual(bob.generation, { epoch: 1, step: 0 });
  const carol = await callIn(play.carol, await play.carol.joinRoom(link));
  await eventually(() => carol.state === "joined", 10_000);
  for (const call of [bob, carol]) await call.leave();
});

Deno.test("what is shown and said in a call reaches the others, and the room's own events too", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  const said: string[] = [];
  void (async () => {
    for await (const event of alice.events()) {
      if (event.kind === "message") said.push(new TextDecoder().decode(event.message.payload));
      if (event.kind === "room") said.push(`room: ${event.event.kind}`);
    }
  })();
  const bob = await callIn(play.bob, await play.bob.joinRoom(link));
  await eventually(() => bob.state === "joined", 10_000);
  await bob.say(new TextEncoder().encode("hello"));
  await bob.show(new TextEncoder().encode("muted"));
  await eventually(() => said.includes("hello") && said.includes("room: join"));
  await eventually(() =>
    new TextDecoder().decode(alice.participants()[0]?.shown ?? new Uint8Array(0)) === "muted"
  );
  for (const call of [alice, bob]) await call.leave();
});

Deno.test("who left opens no later frame with all keys it had, and a frame of its own opens for nobody", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  const [bob, bobs] = await tapped(play.bob, await play.bob.joinRoom(link));
  const [carol, carols] = await tapped(play.carol, await play.carol.joinRoom(link));
  await eventually(
    () => carols.length === 2 && bobs.length === 2 && same(alice, bob) && same(bob, carol),
    15_000,
  );
  const [bobKeys, carolKeys] = [bobs[0]!, carols[0]!];
  const MIC = { ctx: CTX.mic, codec: "opus", frameType: "delta" } as const;
  const fromBob = { ...MIC, index: bobKeys.self };
  const fromCarol = { ...MIC, index: carolKeys.self };
  const carolKid = frameKid(carol.generation!, carolKeys.self, CTX.mic);

  // Carol keeps every key there is, in a cryptor of her own that no call can tell anything.
  const [hoard, honest, sends] = [new FrameCryptor(), new FrameCryptor(), new FrameCryptor()];
  const bobKid = frameKid(bob.generation!, bobKeys.self, CTX.mic);
  hoard.addRecvKey((await carolKeys.recvKey(bobKid))!);
  hoard.setSendKey(CTX.mic, await carolKeys.sendKey(CTX.mic));
  honest.addRecvKey((await bobKeys.recvKey(carolKid))!);
  sends.setSendKey(CTX.mic, await bobKeys.sendKey(CTX.mic));
  const text = utf8("still in the call");
  assert.deepEqual(await hoard.unprotect(fromBob, await sends.protect(MIC, text)), text);
  assert.deepEqual(await honest.unprotect(fromCarol, await hoard.protect(MIC, text)), text);

  const { epoch } = bob.generation!;
  await carol.leave();
  const left = performance.now();
  await eventually(() => alice.generation!.epoch > epoch && bob.generation!.epoch > epoch, 5_000);
  say(`${Math.round(performance.now() - left)} ms from a leave to other keys`);
  sends.setSendKey(CTX.mic, await bobKeys.sendKey(CTX.mic));
  for (let i = 0; i < 100; i++) {
    const wire = await sends.protect(MIC, text);
    await assert.rejects(hoard.unprotect(fromBob, wire), CryptoError);
  }
  const gone = async () => {
    while (await bobKeys.recvKey(carolKid) !== null) {
      assert.ok(performance.now() - left < 15_000, "the keys of who left are dropped");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await gone();
  say(`${Math.round(performance.now() - left)} ms from a leave until its frames open for nobody`);
  for (const call of [alice, bob]) await call.leave();
});

/** Whether both send with keys of the same generation. */
function same(one: GroupCall, other: GroupCall): boolean {
  const [a, b] = [one.generation, other.generation];
  return a !== null && b !== null && a.epoch === b.epoch && a.step === b.step;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** What a client in a call sends under, each once, as it was told. */
function generationsOf(call: GroupCall): { readonly used: string[]; readonly lost: string[] } {
  const seen = { used: [] as string[], lost: [] as string[] };
  void (async () => {
    for await (const event of call.events()) {
      if (event.kind === "keys") {
        seen.used.push(`${event.generation.epoch}.${event.generation.step}`);
      }
      if (event.kind === "lost") seen.lost.push(event.error.code);
    }
  })();
  return seen;
}

Deno.test("a device that comes back sends under no keys that it had before: its counters began anew", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  const first = await callIn(play.bob, await play.bob.joinRoom(link));
  const before = generationsOf(first);
  await eventually(() => alice.participants()[0]?.state === "connected", 10_000);
  await eventually(() => before.used.length > 0);
  // Cut off without a word, and there again at once: for the others it may never have left.
  play.bob.close();
  const bob = await play.reopen("bob", {});
  await bob.goOnline();
  const second = await callIn(bob, await bob.joinRoom(room.id));
  const after = generationsOf(second);
  await eventually(() => after.used.length > 0, 20_000);
  assert.deepEqual(after.used.filter((each) => before.used.includes(each)), []);
  await eventually(() => alice.participants().some(({ state }) => state === "connected"), 20_000);
  for (const call of [alice, second]) await call.leave();
  bob.close();
});

Deno.test("connections that count their frames apart get no keys, and nobody joins a call twice", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  // Each stack with a cryptor of its own: two would begin to count under one key.
  const alice = await play.alice.joinCall(room, { adapter: () => silentStacks()() });
  const { lost } = generationsOf(alice);
  await assert.rejects(callIn(play.alice, room), { code: "refused" });
  const bob = await callIn(play.bob, await play.bob.joinRoom(link));
  await eventually(() => alice.participants()[0]?.state === "connected", 10_000);
  const carol = await callIn(play.carol, await play.carol.joinRoom(link));
  await eventually(() => lost.length > 0, 10_000);
  assert.deepEqual([...new Set(lost)], ["media_failed"]);
  const states = alice.participants().map(({ state }) => state);
  assert.equal(states.filter((state) => state === "connected").length, 1);
  for (const call of [alice, bob, carol]) await call.leave();
});

Deno.test("a device that came back keeps its seat when its place of before is given up", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  await callIn(play.bob, await play.bob.joinRoom(link));
  await eventually(() => alice.participants()[0]?.state === "connected", 10_000);
  // Not a word of it comes to the service, which keeps the place for a while.
  play.liar.cut();
  play.bob.close();
  const bob = await play.reopen("bob", {});
  await bob.goOnline();
  const second = await callIn(bob, await bob.joinRoom(room.id));
  await eventually(() => second.state === "joined", 20_000);
  // Longer than the others wait for whoever is away.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  assert.equal(second.state, "joined");
  assert.ok(alice.participants().some(({ state }) => state === "connected"));
  for (const call of [alice, second]) await call.leave();
  bob.close();
});

Deno.test("whoever asks for other keys again and again gets few of them", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await callIn(play.alice, room);
  const { used } = generationsOf(alice);
  const meeting = await play.bob.joinRoom(link);
  const bob = await callIn(play.bob, meeting);
  await eventually(() => alice.participants()[0]?.state === "connected", 10_000);
  const before = used.length;
  // To one alone it does not count at all.
  await meeting.send(Uint8Array.of(SAID.renew), meeting.members()[0]!.id);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(used.length, before);
  for (let i = 0; i < 20; i++) {
    await meeting.send(Uint8Array.of(SAID.renew));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await eventually(() => used.length > before);
  assert.ok(used.length - before <= 4, `${used.length - before} times`);
  for (const call of [alice, bob]) await call.leave();
});

Deno.test("a call in a room whose happenings somebody else reads ends, and nothing else does", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const reading = room.happenings()[Symbol.asyncIterator]();
  void reading.next();
  const { why, error } = await (await callIn(play.alice, room)).ended;
  assert.deepEqual([why, error?.code], ["room", "bad_option"]);
});
Deno.test("whoever comes back to another seat sends under its keys alone, and not those of who has the old one", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const service = sayingWhoIsAway(play.liar);
  const [alice, alices] = await tapped(play.alice, room);
  await eventually(() => alice.state === "joined");
  const bobsRoom = await play.bob.joinRoom(link);
  const keptFromBob = keepingBack(bobsRoom, "alice");
  const [bob, bobs] = await tapped(play.bob, bobsRoom);
  await eventually(() => bob.participants()[0]?.state === "connected", 10_000);
  const { epoch } = alice.generation!;
  {
    // The service says that Bob is away, and keeps from him what comes of it; his media are as they were.
    keptFromBob.isOn = true;
    using _ = impatient();
    service.say("bob", "away");
    await eventually(() => alice.generation!.epoch > epoch, 10_000);
  }
  const [carol, carols] = await tapped(play.carol, await play.carol.joinRoom(link));
  await eventually(() => carol.participants().some(({ state }) => state === "connected"), 10_000);
  const { step } = alice.generation!;
  service.say("bob", "back");
  await eventually(() => alice.generation!.step > step, 10_000);
  keptFromBob.isOn = false;
  await eventually(() => {
    return [alice, bob, carol].every((call) =>
      call.participants().length === 2 &&
      call.participants().every(({ state }) => state === "connected")
    );
  }, 20_000);
  // Everybody is on one generation by then.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const inUse = await Promise.all([alices, bobs, carols].map(async (views) => {
    const live = views.filter(({ onChange }) => onChange !== null);
    const salts = await Promise.all(
      live.map(async (keys) => `${(await keys.sendKey(CTX.mic)).salt}`),
    );
    return new Set(salts);
  }));
  const all = inUse.flatMap((salts) => [...salts]);
  assert.equal(new Set(all).size, all.length, "two devices send under one key");
  assert.deepEqual(inUse.map(({ size }) => size), [1, 1, 1]);
  for (const call of [alice, bob, carol]) await call.leave();
});

/** What a service keeps from a member of a room: all that somebody says and shows, for as long as it is on. */
function keepingBack(meeting: Meeting, account: string): { isOn: boolean } {
  const keeping = { isOn: false };
  const happenings = meeting.happenings.bind(meeting);
  const isTheirs = (happening: Happening) =>
    happening.kind === "message"
      ? happening.message.from.account === account
      : happening.kind === "event" && happening.event.kind === "meta" &&
        happening.event.member.account === account;
  meeting.happenings = async function* (signal) {
    for await (const happening of happenings(signal)) {
      if (!keeping.isOn || !isTheirs(happening)) yield happening;
    }
  };
  return keeping;
}

/** A service that says of somebody in a room that their connection is lost, or there again. */
function sayingWhoIsAway(liar: Liar): { say(account: string, event: "away" | "back"): void } {
  const members = new Map<string, Frame>();
  let [shift, last] = [0, 0];
  // What follows is numbered as if it had been the truth.
  const renumbered = (frame: Frame): Frame =>
    JSON.parse(JSON.stringify(frame), (key, value) => {
      if (key !== "rseq") return value;
      last = Math.max(last, value + shift);
      return value + shift;
    });
  liar.frameLie = (direction, frame) => {
    if (direction === "up") return [frame];
    const told = renumbered(frame);
    const { account } = (told["member"] ?? {}) as { account?: string };
    if (told.t === "presence" && account !== undefined) members.set(account, told);
    return [told];
  };
  return {
    say(account, event) {
      const frame = members.get(account)!;
      shift++;
      const member = { ...frame["member"] as object, away: event === "away" };
      liar.inject({ ...frame, event, member, rseq: ++last });
    },
  };
}

/** Timers of some seconds go off after one. */
function impatient(): Disposable {
  const { setTimeout: set } = globalThis;
  globalThis.setTimeout =
    ((work: () => void, ms = 0) => set(work, ms === 10_000 ? 1_000 : ms)) as typeof setTimeout;
  return { [Symbol.dispose]: () => void (globalThis.setTimeout = set) };
}
