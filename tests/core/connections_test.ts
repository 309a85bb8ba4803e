import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { type Connection, type Outlet } from "../../core/connection.ts";
import { type Connections, openConnections } from "../../core/connections.ts";
import { type Party } from "../../core/identity.ts";
import { replayRing } from "../../core/replay_ring.ts";
import { type VerifyingKey } from "../../crypto/keys.ts";
import {
  MAX_AWAY_BYTES,
  MAX_AWAY_CONNECTIONS,
  MAX_CONNECTIONS_PER_ACCOUNT,
  REPLAY_BYTES,
  REPLAY_FRAMES,
  RESUME_WINDOW_MS,
} from "../../wire/limits.ts";
import { person } from "../support/room_steps.ts";

const ALICE = person("alice").party;

function outlet(): Outlet {
  return { send: () => {}, close: () => {} };
}

function world(): { connections: Connections; over: string[]; clock: { now: number } } {
  const clock = { now: 1_000 };
  const over: string[] = [];
  const connections = openConnections({
    instance: "local",
    now: () => clock.now,
    onOver: ({ cid }) => void over.push(cid),
  });
  return { connections, over, clock };
}

/** A connection that was sent some frames and lost its socket. */
function lost(
  connections: Connections,
  frames = 3,
  party: Party = ALICE,
): { connection: Connection; key: string } {
  const socket = outlet();
  const { connection, key } = connections.open(party, socket)!;
  for (let i = 1; i <= frames; i++) connections.keep(connection, `"n":${i}}`, null);
  connections.lose(connection, socket);
  connections.release(party.identity, connection);
  return { connection, key };
}

function outcome(
  connections: Connections,
  cid: string,
  key: string,
  seq = 0,
  party: Party = ALICE,
): unknown {
  const resumption = connections.resume(party, { cid, key, seq }, outlet());
  return typeof resumption === "string" ? resumption : resumption.missed;
}

Deno.test("a resume gives every missed frame in order, also where nothing was ever received", () => {
  const { connections } = world();
  const { connection: { cid }, key } = lost(connections);
  deepEqual(outcome(connections, cid, key), [
    `{"seq":1,"n":1}`,
    `{"seq":2,"n":2}`,
    `{"seq":3,"n":3}`,
  ]);
  const nothing = lost(connections, 0);
  deepEqual(outcome(connections, nothing.connection.cid, nothing.key), []);
});

Deno.test("the network may cut in the middle of a replay, any number of times", () => {
  const { connections } = world();
  const { connection, key } = lost(connections);
  // The client took in one frame, and neither of the next two welcomes.
  for (let time = 0; time < 5; time++) {
    const socket = outlet();
    const request = { cid: connection.cid, key, seq: 1 };
    const again = connections.resume(ALICE, request, socket);
    ok(typeof again !== "string");
    deepEqual(again.missed, [`{"seq":2,"n":2}`, `{"seq":3,"n":3}`]);
    connections.lose(connection, socket);
  }
  equal(connection.epoch, 6);
});

Deno.test("the key before stays good until a frame comes on the new socket, and not after", () => {
  const { connections } = world();
  const { connection, key } = lost(connections);
  const { cid } = connection;
  const first = connections.resume(ALICE, { cid, key, seq: 0 }, outlet());
  ok(typeof first !== "string");
  notEqual(first.key, key);
  const second = connections.resume(ALICE, { cid, key, seq: 0 }, outlet());
  ok(typeof second !== "string", "the welcome was lost");
  equal(outcome(connections, cid, first.key), "unknown", "its key is nobody's");
  connections.heard(connection);
  equal(outcome(connections, cid, key), "unknown", "an old key is replayed");
  deepEqual((outcome(connections, cid, second.key) as string[]).length, 3);
});

Deno.test("a key that is renewed on a live socket leaves the one before good", () => {
  const { connections } = world();
  const { connection, key } = connections.open(ALICE, outlet())!;
  const renewed = connections.renew(connection);
  deepEqual(outcome(connections, connection.cid, key), []);
  equal(outcome(connections, connection.cid, renewed), "unknown", "since the other one was shown");
});

Deno.test("a resume by a wrong key, another device or another account is unknown, and harms nobody", () => {
  const { connections, over } = world();
  const { connection: { cid }, key } = lost(connections);
  const stranger = person("mallory").party;
  const otherKey = { ...ALICE, signing: new Uint8Array(32).fill(1) as unknown as VerifyingKey };
  const otherDevice = { ...ALICE, device: 2 } as Party;
  equal(outcome(connections, "nobody", key), "unknown");
  equal(outcome(connections, cid, "AAAA"), "unknown");
  equal(outcome(connections, cid, key, 0, stranger), "unknown");
  equal(outcome(connections, cid, key, 0, otherKey), "unknown", "a stolen key without its device");
  equal(outcome(connections, cid, key, 0, otherDevice), "unknown");
  deepEqual(over, []);
  equal((outcome(connections, cid, key) as string[]).length, 3);
});

Deno.test("a number that was never given, or is no longer kept, is refused whole and ends it", () => {
  const { connections, over } = world();
  const ahead = lost(connections);
  equal(outcome(connections, ahead.connection.cid, ahead.key, 4), "unknown");
  equal(outcome(connections, ahead.connection.cid, ahead.key, 3), "unknown", "it is over");
  const behind = lost(connections);
  connections.ack(behind.connection, 2);
  equal(outcome(connections, behind.connection.cid, behind.key, 1), "overflow");
  equal(
    outcome(connections, behind.connection.cid, behind.key, 2),
    "overflow",
    "and says it again",
  );
  equal(outcome(connections, behind.connection.cid, "AAAA", 2), "unknown", "to nobody else");
  deepEqual(over, [ahead.connection.cid, behind.connection.cid]);
});

Deno.test("a connection is over two minutes after it was lost, and says so to whoever has its key", () => {
  const { connections, over, clock } = world();
  const [early, late] = [lost(connections), lost(connections)];
  clock.now += RESUME_WINDOW_MS - 1;
  connections.sweep();
  deepEqual(over, []);
  equal((outcome(connections, late.connection.cid, late.key) as string[]).length, 3);
  clock.now++;
  connections.sweep();
  deepEqual(over, [early.connection.cid]);
  equal(outcome(connections, early.connection.cid, early.key), "expired");
});

Deno.test("what a client never acks is bounded, by frames and by bytes", () => {
  const { connections } = world();
  const { connection } = connections.open(ALICE, outlet())!;
  for (let i = 0; i < 10_000; i++) connections.keep(connection, `"x":1}`, null);
  equal(connection.ring.state().frames.length, REPLAY_FRAMES);
  for (let i = 0; i < 100; i++) connections.keep(connection, "x".repeat(30_000), null);
  ok(connection.ring.bytes <= REPLAY_BYTES);
  // It may still come back where it has what is no longer kept.
  const { seq } = connection.ring;
  equal(connection.ring.after(seq - 3)!.length, 3);
  equal(connection.ring.after(0), null);
});

Deno.test("who is away is over as soon as more is missed than is kept, and not before", () => {
  const { connections } = world();
  const { connection } = lost(connections);
  // The three that it was sent before may be gone: it may have them.
  for (let i = 0; i < REPLAY_FRAMES; i++) equal(connections.keep(connection, "{}", null), 4 + i);
  equal(connections.keep(connection, "{}", null), null);
});

Deno.test("all that is kept for those who are away is bounded: the oldest end", () => {
  const { connections, over } = world();
  const frame = "x".repeat(REPLAY_BYTES / 8);
  const count = Math.ceil(MAX_AWAY_BYTES / REPLAY_BYTES) + 2;
  const cids: string[] = [];
  for (let i = 0; i < count; i++) {
    const socket = outlet();
    const { connection } = connections.open(person(`p${i}`).party, socket)!;
    for (let n = 0; n < 8; n++) connections.keep(connection, frame, null);
    connections.lose(connection, socket);
    cids.push(connection.cid);
  }
  deepEqual(over, cids.slice(0, 2));
});

Deno.test("what is kept for those who are away is bounded also where it comes while they are", () => {
  const { connections, over } = world();
  const frame = "x".repeat(REPLAY_BYTES / 8);
  const count = Math.ceil(MAX_AWAY_BYTES / REPLAY_BYTES) + 2;
  const away = Array.from({ length: count }, (_, i) => {
    return lost(connections, 0, person(`p${i}`).party).connection;
  });
  for (const one of away) for (let n = 0; n < 8; n++) connections.keep(one, frame, null);
  connections.sweep();
  deepEqual(over, away.slice(0, 2).map(({ cid }) => cid));
});

Deno.test("of all who are away guests make room first, whose keys cost nothing", () => {
  const { connections, over } = world();
  const alice = lost(connections).connection;
  const { signing } = ALICE;
  const guests = Array.from({ length: MAX_AWAY_CONNECTIONS + 1 }, (_, i) => {
    const party = { kind: "guest", identity: `~${i >> 3}`, room: "r", signing } as const;
    return lost(connections, 0, party).connection;
  });
  deepEqual(over, guests.slice(0, 2).map(({ cid }) => cid));
  equal(alice.isOver, false);
});

Deno.test("an identity has ten places; of those that are away the oldest makes room for who is here", () => {
  const { connections, over } = world();
  const away = [lost(connections), lost(connections)];
  for (let i = 2; i < MAX_CONNECTIONS_PER_ACCOUNT; i++) ok(connections.open(ALICE, outlet()));
  deepEqual(over, []);
  ok(connections.open(ALICE, outlet()));
  deepEqual(over, [away[0]!.connection.cid]);
  equal((outcome(connections, away[1]!.connection.cid, away[1]!.key) as string[]).length, 3);
  equal(connections.open(ALICE, outlet()), null, "all ten are here");
  ok(connections.open(person("bob").party, outlet()), "and others are not concerned");
});

Deno.test("a place is given back with the socket, once, whoever ends first", () => {
  const { connections } = world();
  const open: [Connection, Outlet][] = [];
  for (let i = 0; i < MAX_CONNECTIONS_PER_ACCOUNT; i++) {
    const socket = outlet();
    open.push([connections.open(ALICE, socket)!.connection, socket]);
  }
  const [one, socket] = open[0]!;
  connections.end(one, "unknown");
  equal(connections.open(ALICE, outlet()), null, "its peer keeps the socket open");
  connections.release("alice", one);
  ok(connections.open(ALICE, outlet()));
  equal(connections.lose(one, socket), false);
  equal(connections.open(ALICE, outlet()), null);
});

Deno.test("a connection goes on elsewhere from what is said of it", () => {
  const [here, there] = [world(), world()];
  const { connection, key } = lost(here.connections);
  connection.recent.add("m1");
  connection.rooms.add("room");
  const state = structuredClone(here.connections.snapshot(connection));
  const restored = there.connections.restore(state);
  deepEqual([restored.recent.add("m1"), [...restored.rooms]], [false, ["room"]]);
  deepEqual(outcome(there.connections, connection.cid, key, 1), [
    `{"seq":2,"n":2}`,
    `{"seq":3,"n":3}`,
  ]);
});

Deno.test("whoever wrote a frame down hears when it is no longer kept, and whether it was acked", () => {
  const ring = replayRing();
  const heard: [number, boolean][] = [];
  for (let i = 1; i <= 5; i++) ring.add("{}", (isAcked) => heard.push([i, isAcked]));
  ring.ack(2);
  ring.ack(1);
  deepEqual(heard, [[1, true], [2, true]]);
  ring.ack(1_000);
  deepEqual(heard.length, 5, "no further than there is");
  ring.add("{}", (isAcked) => heard.push([6, isAcked]));
  ring.clear();
  deepEqual(heard[5], [6, false]);
});
