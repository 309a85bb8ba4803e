import { deepEqual, equal } from "node:assert/strict";
import { type Effect } from "../../core/effect.ts";
import { applyChange, applyState, planChange } from "../../core/moderation.ts";
import { emptyRoom, type Origin, type Room } from "../../core/room.ts";
import { type RoomState } from "../../core/room_rules.ts";
import { step } from "../../core/rooms.ts";
import { type Role } from "../../wire/frames.ts";
import { MAX_KNOCKERS } from "../../wire/limits.ts";
import { codesOf, joinAs, person, tolds } from "../support/room_steps.ts";

const STATE: RoomState = { room: "r", epoch: 1, isLocked: false, hasEnded: false, meta: null };
const [host, cohost, member] = [person("host"), person("cohost"), person("member")];
const [listener, knocker] = [person("listener"), person("knocker")];

function managed(...people: readonly (readonly [Origin, Role])[]): Room {
  return people.reduce((room, [who, role]) => joinAs(room, who, role, STATE)[0], emptyRoom("r"));
}

const EVERYBODY = [
  [host, "host"],
  [cohost, "cohost"],
  [member, "member"],
  [listener, "listener"],
  [knocker, "knocker"],
] as const;

type Deciding = Parameters<typeof planChange>[2];
const mod = (act: string, more: object = {}): Deciding =>
  ({ t: "mod", id: "x", room: "r", act, ...more }) as Deciding;
const door = (t: "admit" | "deny", mid: string, role?: Role): Deciding =>
  ({ t, id: "x", room: "r", mid, role }) as Deciding;

/** What a plan comes to. */
function outcome(room: Room, who: Origin, frame: Deciding): string {
  const plan = planChange(room, who.cid, frame);
  return plan.kind === "refuse" ? plan.code : plan.kind;
}

/** Applies what a frame plans, as the relay does once it is kept. */
function done(room: Room, who: Origin, frame: Deciding): [Room | null, readonly Effect[]] {
  const plan = planChange(room, who.cid, frame);
  if (plan.kind === "refuse") throw new Error(plan.code);
  const isLocked = plan.kind === "lock" ? plan.isLocked : room.state!.isLocked;
  const state = { ...STATE, epoch: 2, isLocked, hasEnded: plan.kind === "end" };
  const by = room.seats.get(room.mids.get(who.cid)!)!.member;
  return [...applyChange(room, by, plan, plan.kind === "deny" ? null : state)] as const as [
    Room | null,
    readonly Effect[],
  ];
}

function shown(effects: readonly Effect[]): string[] {
  return tolds(effects).map(([cid, frame]) => {
    const what = frame.t === "presence" || frame.t === "knocking"
      ? `${frame.t} ${frame.event} ${frame.member.mid}`
      : frame.t === "removed"
      ? `removed ${frame.reason}`
      : frame.t;
    return `${cid}: ${what}`;
  });
}

Deno.test("each role may do what it may, and acts on nobody above it or beside it", () => {
  const room = step(managed(...EVERYBODY), knocker, { t: "knock", id: "k", ct: "AA" })[0]!;
  const acts: readonly [string, Deciding, readonly string[]][] = [
    ["lock", mod("lock"), ["lock", "lock", "forbidden", "forbidden", "forbidden"]],
    ["end", mod("end"), ["end", "forbidden", "forbidden", "forbidden", "forbidden"]],
    ["kick a member", mod("kick", { mid: "m-member" }), [
      "remove",
      "remove",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["ban a cohost", mod("ban", { mid: "m-cohost" }), [
      "remove",
      "forbidden",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["kick a host", mod("kick", { mid: "m-host" }), [
      "remove",
      "forbidden",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["let in", door("admit", "m-knocker"), [
      "admit",
      "admit",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["let in as cohost", door("admit", "m-knocker", "cohost"), [
      "admit",
      "forbidden",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["turn away", door("deny", "m-knocker"), [
      "deny",
      "deny",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["make a host", mod("role", { mid: "m-member", role: "host" }), [
      "role",
      "forbidden",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
    ["nobody there", mod("kick", { mid: "m-nobody" }), [
      "no_such_member",
      "no_such_member",
      "forbidden",
      "forbidden",
      "forbidden",
    ]],
  ];
  for (const [name, frame, expected] of acts) {
    deepEqual(EVERYBODY.map(([who]) => outcome(room, who, frame)), expected, name);
  }
  equal(outcome(room, person("stranger"), mod("end")), "not_in_room");
  equal(planChange(null, "c-host", mod("end")).kind, "refuse");
});

Deno.test("in an open room nobody decides about anybody", () => {
  const room = joinAs(joinAs(emptyRoom("r"), host, "member")[0], member, "member")[0];
  for (const frame of [mod("end"), mod("lock"), mod("kick", { mid: "m-member" })]) {
    equal(outcome(room, host, frame), "forbidden");
  }
});

Deno.test("a knocker sees nobody, is seen once it has knocked, and gets in when it is let in", () => {
  let [room, effects] = joinAs(
    managed([host, "host"], [member, "member"]),
    knocker,
    "knocker",
    STATE,
  );
  deepEqual(shown(effects), ["c-knocker: lobby"]);
  const [heard, told] = step(room, knocker, { t: "knock", id: "k", ct: "aGVsbG8" });
  deepEqual(shown(told), ["c-host: knocking knock m-knocker"]);
  deepEqual(codesOf(step(heard!, knocker, { t: "knock", id: "k2", ct: "AA" })[1]), ["forbidden"]);
  deepEqual(codesOf(step(heard!, knocker, { t: "sync", id: "s" })[1]), ["forbidden"]);
  // A cohost who comes later hears who waits.
  [room, effects] = joinAs(heard!, cohost, "cohost", STATE);
  deepEqual(shown(effects).filter((each) => each.includes("knock")), [
    "c-cohost: knocking knock m-knocker",
  ]);
  const [after, let_in] = done(room, cohost, door("admit", "m-knocker"));
  deepEqual(shown(let_in), [
    "c-knocker: joined",
    "c-host: presence join m-knocker",
    "c-member: presence join m-knocker",
    "c-cohost: presence join m-knocker",
    "c-host: knocking gone m-knocker",
    "c-cohost: knocking gone m-knocker",
  ]);
  equal(after!.lobby.size, 0);
  equal(after!.seats.get("m-knocker")!.member.role, "member");
});

Deno.test("who is turned away hears it, and only those who were told of the knock hear that it is over", () => {
  const room = step(managed(...EVERYBODY), knocker, { t: "knock", id: "k", ct: "AA" })[0]!;
  const [after, effects] = done(room, host, door("deny", "m-knocker"));
  deepEqual(shown(effects), [
    "c-knocker: removed denied",
    "c-host: knocking gone m-knocker",
    "c-cohost: knocking gone m-knocker",
  ]);
  deepEqual([after!.rseq, after!.lobby.size], [room.rseq, 0], "the room's number stays");
  // One who never knocked leaves as it came.
  deepEqual(shown(step(managed(...EVERYBODY), knocker, { t: "gone" })[1]), []);
});

Deno.test("the lobby is as full as it may be", () => {
  let room = managed([host, "host"]);
  for (let i = 0; i < MAX_KNOCKERS; i++) {
    const who = person(`k${i}`);
    room = joinAs(room, who, "knocker", STATE)[0];
    room = step(room, who, { t: "knock", id: "k", ct: "AA" })[0]!;
  }
  deepEqual(codesOf(joinAs(room, knocker, "knocker", STATE)[1]), ["lobby_full"]);
  deepEqual(codesOf(joinAs(room, person("k0"), "knocker", STATE)[1]), ["send"]);
});

Deno.test("who says nothing at a full door makes room for whoever comes, the first of them first", () => {
  let room = managed([host, "host"]);
  for (let i = 0; i < MAX_KNOCKERS; i++) room = joinAs(room, person(`k${i}`), "knocker", STATE)[0];
  room = step(room, person("k0"), { t: "knock", id: "k", ct: "AA" })[0]!;
  const [after, effects] = joinAs(room, knocker, "knocker", STATE);
  deepEqual(shown(effects), ["c-k1: removed denied", "c-knocker: lobby"]);
  deepEqual([after.lobby.size, after.mids.has("c-k1"), after.mids.has("c-k0")], [
    MAX_KNOCKERS,
    false,
    true,
  ]);
});

Deno.test("who is kicked is gone with every device, and at one number each", () => {
  const second = person("member", "c-member2");
  const room = joinAs(managed(...EVERYBODY), second, "member", STATE)[0];
  const [after, effects] = done(room, host, mod("ban", { mid: "m-member" }));
  const others = ["host", "cohost", "listener"];
  deepEqual(shown(effects), [
    "c-member: removed banned",
    ...[...others, "member2"].map((name) => `c-${name}: presence leave m-member`),
    "c-member2: removed banned",
    ...others.map((name) => `c-${name}: presence leave m-member2`),
  ]);
  deepEqual([after!.rseq, after!.state!.epoch], [room.rseq + 2, 2]);
});

Deno.test("a role that is given is told to everybody, and opens the door to whoever may let in now", () => {
  const room = step(managed(...EVERYBODY), knocker, { t: "knock", id: "k", ct: "AA" })[0]!;
  const [, effects] = done(room, host, mod("role", { mid: "m-listener", role: "cohost" }));
  deepEqual(shown(effects), [
    "c-host: presence role m-listener",
    "c-cohost: presence role m-listener",
    "c-member: presence role m-listener",
    "c-listener: presence role m-listener",
    "c-listener: knocking knock m-knocker",
  ]);
});

Deno.test("locking is told once, and the end takes everybody out, at the door too", () => {
  const room = managed(...EVERYBODY);
  const [locked, effects] = done(room, cohost, mod("lock"));
  equal(shown(effects).length, 4);
  equal(shown(effects)[0], "c-host: presence lock m-cohost");
  deepEqual(done(locked!, host, mod("lock"))[1], []);
  const [after, ended] = done(locked!, host, mod("end"));
  equal(after, null);
  deepEqual(shown(ended), EVERYBODY.map(([who]) => `${who.cid}: removed ended`));
});

Deno.test("what somebody changes from outside is told as well", () => {
  const room = managed([host, "host"]);
  const [locked, effects] = applyState(room, { ...STATE, epoch: 2, isLocked: true });
  deepEqual(shown(effects), ["c-host: presence lock service"]);
  equal(locked!.state!.isLocked, true);
  deepEqual(applyState(locked!, locked!.state!)[1], []);
  deepEqual(shown(applyState(room, { ...STATE, epoch: 2, hasEnded: true })[1]), [
    "c-host: removed ended",
  ]);
  deepEqual(applyState(emptyRoom("r"), { ...STATE, epoch: 9 }), [null, []]);
});

Deno.test("an answer from before a change lets nobody in after it", () => {
  const room = done(managed(...EVERYBODY), host, mod("kick", { mid: "m-member" }))[0]!;
  deepEqual(codesOf(joinAs(room, member, "member", STATE)[1]), ["unavailable"]);
  deepEqual(codesOf(joinAs(room, member, "member", room.state)[1]).slice(0, 1), ["send"]);
});
