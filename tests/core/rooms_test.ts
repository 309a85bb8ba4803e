import { deepEqual, equal, notEqual } from "node:assert/strict";
import { type Effect } from "../../core/effect.ts";
import { emptyRoom, type Origin, type Room } from "../../core/room.ts";
import { routeSignal, step } from "../../core/rooms.ts";
import { MAX_ROOM_MEMBERS, MAX_ROOMS_PER_CONNECTION } from "../../wire/limits.ts";
import { codesOf, joinAs, noRoom, person, roomOf, tolds } from "../support/room_steps.ts";

const [alice, bob, carol] = [person("alice"), person("bob"), person("carol")];

/** Joins as a member of an open room. */
function join(room: Room, who: Origin, roomCount = 0): [Room, readonly Effect[]] {
  return joinAs(room, who, "member", null, roomCount);
}

Deno.test("who joins sees the others, and they see who joined, at one room sequence number", () => {
  const [room, effects] = join(roomOf(alice), bob);
  const shown = { guest: null, role: "member", away: false, meta: null, device: 1 };
  const member = { mid: "m-bob", account: "bob", ...shown };
  const other = { mid: "m-alice", account: "alice", ...shown };
  const view = { room: "r", rseq: 2, mid: "m-bob", role: "member", locked: false, meta: null };
  deepEqual(tolds(effects), [
    ["c-bob", { t: "joined", id: "j", ...view, members: [other] }],
    ["c-alice", { t: "presence", room: "r", rseq: 2, event: "join", member }],
  ]);
  equal(room.rseq, 2);
});

Deno.test("joining again keeps the place, the member id and the room sequence number", () => {
  const before = roomOf(alice, bob);
  const [after, effects] = joinAs(before, bob, null, null, 1, "m-other");
  equal(after, before);
  deepEqual(tolds(effects).map(([cid]) => cid), ["c-bob"]);
  deepEqual(
    codesOf(joinAs(before, carol, null)[1]),
    ["unavailable"],
    "nobody gets in without a role",
  );
});

Deno.test("whoever is gone is told of, and the last one out ends the room", () => {
  const [one, effects] = step(roomOf(alice, bob), bob, { t: "gone" });
  equal(one!.seats.size, 1);
  deepEqual(tolds(effects).map(([cid, frame]) => [cid, frame.t]), [["c-alice", "presence"]]);
  deepEqual(step(one!, alice, { t: "gone" }), [null, []]);
});

Deno.test("a lost connection keeps its seat: away, and back, each told once to everybody", () => {
  let room = roomOf(alice, bob);
  const told: unknown[] = [];
  for (const t of ["away", "away", "back", "back"] as const) {
    const [after, effects] = step(room, bob, { t });
    room = after!;
    for (const [cid, frame] of tolds(effects)) {
      if (frame.t === "presence") told.push([cid, frame.event, frame.rseq, frame.member.away]);
    }
  }
  deepEqual(told, [
    ["c-alice", "away", 3, true],
    ["c-bob", "away", 3, true],
    ["c-alice", "back", 4, false],
    ["c-bob", "back", 4, false],
  ]);
  const [moved, none] = step(room, { ...bob, instance: "other" }, { t: "back" });
  deepEqual([moved!.seats.get("m-bob")!.address.instance, none], ["other", []]);
});

Deno.test("a signal reaches the member named, the members listed, or everybody else", () => {
  const room = roomOf(alice, bob, carol);
  const reached = (to: string | readonly string[]) => {
    const route = routeSignal(room, "c-alice", { id: "s", to });
    return route.kind === "route" ? [route.to.map(({ cid }) => cid), route.status] : route.code;
  };
  deepEqual(reached("m-bob"), [["c-bob"], "relayed"]);
  deepEqual(reached(["m-bob", "m-carol", "m-bob"]), [["c-bob", "c-carol"], "relayed"]);
  deepEqual(reached(["m-bob", "m-gone"]), [["c-bob"], "partial"]);
  deepEqual(reached("*"), [["c-bob", "c-carol"], "relayed"]);
  deepEqual(reached("m-alice"), "no_such_member", "nobody signals oneself");
  deepEqual(reached("m-gone"), "no_such_member");
  deepEqual(reached(["m-gone", "m-alice"]), "no_such_member");
});

Deno.test("what is sent to somebody who is away is queued", () => {
  const [room] = step(roomOf(alice, bob, carol), carol, { t: "away" });
  const status = (to: string | readonly string[]) => {
    const route = routeSignal(room, "c-alice", { id: "s", to });
    return route.kind === "route" ? route.status : route.code;
  };
  deepEqual(["m-bob", "m-carol", "*", ["m-bob", "m-carol"]].map(status), [
    "relayed",
    "queued",
    "queued",
    "queued",
  ]);
  equal(status(["m-carol", "m-gone"]), "partial");
});

Deno.test("a listener writes to members by name alone, and whoever is at the door to nobody", () => {
  let room = roomOf(alice);
  room = joinAs(room, bob, "listener")[0];
  room = joinAs(room, carol, "knocker")[0];
  const outcome = (cid: string, to: string) => {
    const route = routeSignal(room, cid, { id: "s", to });
    return route.kind === "route" ? route.status : route.code;
  };
  equal(outcome("c-bob", "*"), "forbidden");
  equal(outcome("c-bob", "m-alice"), "relayed");
  equal(outcome("c-carol", "m-alice"), "forbidden");
  equal(outcome("c-alice", "m-carol"), "no_such_member", "and nobody writes to the door");
});

Deno.test("a stranger is told the same of a room that exists and of one that does not", () => {
  const events = [
    { t: "leave", id: "s" },
    { t: "sync", id: "s" },
    { t: "meta", id: "s", ct: "AA" },
    { t: "knock", id: "s", ct: "AA" },
  ] as const;
  for (const event of events) {
    const [, exists] = step(roomOf(alice, bob), carol, event);
    const [none, missing] = step(emptyRoom("r"), carol, event);
    deepEqual(exists, missing);
    deepEqual(codesOf(exists), ["not_in_room"]);
    equal(none, null);
  }
  const frame = { id: "s", to: "*" };
  deepEqual(
    routeSignal(roomOf(alice, bob), "c-carol", frame),
    routeSignal(noRoom, "c-carol", frame),
  );
});

Deno.test("a full room and a connection in too many rooms take no more", () => {
  let room = emptyRoom("r");
  for (let i = 0; i < MAX_ROOM_MEMBERS; i++) room = join(room, person(`p${i}`))[0];
  deepEqual(codesOf(join(room, alice)[1]), ["room_full"]);
  deepEqual(codesOf(join(emptyRoom("r"), alice, MAX_ROOMS_PER_CONNECTION)[1]), ["too_many_rooms"]);
  equal(join(emptyRoom("r"), alice, MAX_ROOMS_PER_CONNECTION - 1)[0].seats.size, 1);
});

Deno.test("a snapshot holds what all the presence before it told", () => {
  let room = roomOf(alice, bob, carol);
  room = step(room, bob, { t: "meta", id: "m", ct: "bWV0YQ" })[0]!;
  room = step(room, carol, { t: "away" })[0]!;
  const [same, [snapshot]] = step(room, alice, { t: "sync", id: "s" });
  equal(same, room);
  const [cid, frame] = tolds([snapshot!])[0]!;
  if (frame.t !== "snapshot") throw new Error("no snapshot");
  deepEqual([cid, frame.rseq], ["c-alice", 5]);
  const members = frame.members.map(({ meta, away }) => [meta, away]);
  deepEqual(members, [["bWV0YQ", false], [null, true]]);
});

Deno.test("no state is changed in place", () => {
  const room = roomOf(alice);
  const before = structuredClone(room);
  notEqual(join(room, bob)[0], room);
  for (const t of ["away", "back", "gone"] as const) step(room, alice, { t });
  step(room, alice, { t: "leave", id: "l" });
  step(room, alice, { t: "meta", id: "l", ct: "AA" });
  deepEqual(room, before);
});
