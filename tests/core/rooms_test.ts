import { deepEqual, equal, notEqual } from "node:assert/strict";
import { type Effect, emptyRoom, type Party, type Room, step } from "../../core/rooms.ts";
import { MAX_ROOM_MEMBERS, MAX_ROOMS_PER_CONNECTION } from "../../wire/limits.ts";

const alice: Party = { cid: "c-alice", account: "alice", device: 1 };
const bob: Party = { cid: "c-bob", account: "bob", device: 1 };
const carol: Party = { cid: "c-carol", account: "carol", device: 2 };

function join(room: Room, who: Party, roomCount = 0): [Room, readonly Effect[]] {
  const [after, effects] = step(room, who, { t: "join", id: "j", mid: `m-${who.cid}`, roomCount });
  return [after ?? emptyRoom("empty"), effects];
}

function roomOf(...people: Party[]): Room {
  return people.reduce((room, who) => join(room, who)[0], emptyRoom("r"));
}

function codesOf(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind === "refuse" ? effect.code : effect.kind);
}

Deno.test("who joins sees the others, and they see who joined, at one room sequence number", () => {
  const [room, effects] = join(roomOf(alice), bob);
  const member = { mid: "m-c-bob", account: "bob", device: 1 };
  const other = { mid: "m-c-alice", account: "alice", device: 1 };
  deepEqual(effects, [
    {
      kind: "send",
      to: ["c-bob"],
      frame: { t: "joined", id: "j", room: "r", rseq: 2, mid: "m-c-bob", members: [other] },
    },
    {
      kind: "send",
      to: ["c-alice"],
      frame: { t: "presence", room: "r", rseq: 2, event: "join", member },
    },
  ]);
  equal(room.rseq, 2);
});

Deno.test("joining again keeps the place, the member id and the room sequence number", () => {
  const before = roomOf(alice, bob);
  const again = { t: "join", id: "j2", mid: "m-other", roomCount: 1 } as const;
  const [after, effects] = step(before, bob, again);
  equal(after, before);
  deepEqual(effects.map((effect) => effect.kind === "send" && effect.to), [["c-bob"]]);
});

Deno.test("a disconnect tells the others, and the last one out ends the room", () => {
  const [one, effects] = step(roomOf(alice, bob), bob, { t: "disconnect" });
  equal(one!.members.size, 1);
  deepEqual(effects.map((effect) => effect.kind === "send" && effect.frame.t), ["presence"]);
  deepEqual(step(one!, alice, { t: "disconnect" }), [null, []]);
});

Deno.test("a signal reaches the member named, the members listed, or everybody else", () => {
  const room = roomOf(alice, bob, carol);
  const reached = (to: string | readonly string[]) => {
    const [after, [sent, ack]] = step(room, alice, { t: "signal", id: "s", to, ct: "AA" });
    equal(after, room);
    return [sent?.kind === "send" ? sent.to : sent, ack?.kind === "ack" ? ack.status : ack];
  };
  deepEqual(reached("m-c-bob"), [["c-bob"], "relayed"]);
  deepEqual(reached(["m-c-bob", "m-c-carol", "m-c-bob"]), [["c-bob", "c-carol"], "relayed"]);
  deepEqual(reached(["m-c-bob", "m-gone"]), [["c-bob"], "partial"]);
  deepEqual(reached("*"), [["c-bob", "c-carol"], "relayed"]);
});

Deno.test("nobody signals oneself or somebody who is not there", () => {
  const room = roomOf(alice, bob);
  for (const to of ["m-gone", "m-c-alice", ["m-gone", "m-c-alice"]]) {
    const [, effects] = step(room, alice, { t: "signal", id: "s", to, ct: "AA" });
    deepEqual(codesOf(effects), ["no_such_member"]);
  }
});

Deno.test("a stranger is told the same of a room that exists and of one that does not", () => {
  for (
    const event of [{ t: "signal", id: "s", to: "*", ct: "AA" }, { t: "leave", id: "s" }] as const
  ) {
    const [, exists] = step(roomOf(alice, bob), carol, event);
    const [none, missing] = step(emptyRoom("r"), carol, event);
    deepEqual(exists, missing);
    deepEqual(codesOf(exists), ["not_in_room"]);
    equal(none, null);
  }
});

Deno.test("a full room and a connection in too many rooms take no more", () => {
  let room = emptyRoom("r");
  for (let i = 0; i < MAX_ROOM_MEMBERS; i++) {
    room = join(room, { cid: `c${i}`, account: `a${i}`, device: 1 })[0];
  }
  deepEqual(codesOf(join(room, alice)[1]), ["room_full"]);
  deepEqual(codesOf(join(emptyRoom("r"), alice, MAX_ROOMS_PER_CONNECTION)[1]), ["too_many_rooms"]);
  equal(join(emptyRoom("r"), alice, MAX_ROOMS_PER_CONNECTION - 1)[0].members.size, 1);
});

Deno.test("no state is changed in place", () => {
  const room = roomOf(alice);
  const before = structuredClone(room);
  notEqual(join(room, bob)[0], room);
  step(room, alice, { t: "leave", id: "l" });
  deepEqual(room, before);
});
