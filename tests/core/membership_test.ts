/**
 * What may happen while somebody is on the way into a managed room: the rules are asked, and meanwhile
 * the world goes on.
 *
 * @module
 */

import { deepEqual, equal } from "node:assert/strict";
import { type Connection, type Outlet } from "../../core/connection.ts";
import { type Relay, type RelayFrame } from "../../core/relay.ts";
import { type ServerFrame } from "../../wire/frames.ts";
import { lossyRelay } from "../support/lossy_world.ts";
import { type TestRules, testRules } from "../support/room_rules.ts";
import { person } from "../support/room_steps.ts";

/** Somebody with a socket, and what came on it. */
interface Somebody {
  readonly connection: Connection;
  readonly outlet: Outlet;
  readonly told: ServerFrame[];
  send(frame: RelayFrame): Promise<void>;
}

interface World {
  readonly relay: Relay;
  readonly rules: TestRules;
  readonly room: string;
  arrive(name: string): Somebody;
}

function world(): World {
  const rules = testRules();
  const { relay } = lossyRelay(rules);
  const room = rules.make({ host: "host", bob: "member" });
  return {
    relay,
    rules,
    room,
    arrive(name) {
      const told: ServerFrame[] = [];
      const outlet = { send: (text: string) => void told.push(JSON.parse(text)), close: () => {} };
      const { party } = person(name);
      const arrival = { party, resume: null, outlet, greet: () => {} };
      const connection = relay.arrive(arrival) as Connection;
      return {
        connection,
        outlet,
        told,
        send: async (frame) => await relay.receive(connection, frame),
      };
    },
  };
}

/** Holds everybody up who is on the way in. */
function gate(rules: TestRules): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  rules.entering = promise;
  return () => {
    rules.entering = null;
    resolve();
  };
}

function kinds(told: readonly ServerFrame[]): string[] {
  return told.map((frame) => frame.t === "error" ? frame.code : frame.t);
}

Deno.test("who is kept out while on the way in does not get in, whether or not somebody is there", async () => {
  for (const isHostThere of [true, false]) {
    const { rules, room, arrive } = world();
    const host = arrive("host");
    const bob = arrive("bob");
    if (isHostThere) await host.send({ t: "join", id: "j", room });
    const open = gate(rules);
    const joining = bob.send({ t: "join", id: "j", room });
    rules.changeOutside(room, { kind: "remove", who: "bob", isBan: true });
    open();
    await joining;
    deepEqual(kinds(bob.told), ["room_not_found"]);
    deepEqual(kinds(host.told), isHostThere ? ["joined"] : []);
  }
});

Deno.test("who is given another role while a device of theirs is on the way in comes as that", async () => {
  const { rules, room, arrive } = world();
  const host = arrive("host");
  await host.send({ t: "join", id: "j", room });
  rules.row(room).people.set("bob", "cohost");
  const [bob, again] = [arrive("bob"), arrive("bob")];
  await bob.send({ t: "join", id: "j", room });
  const [mid] = host.told.flatMap((one) => one.t === "presence" ? [one.member.mid] : []);
  const open = gate(rules);
  const joining = again.send({ t: "join", id: "j", room });
  await host.send({ t: "mod", id: "r", room, act: "role", mid: mid!, role: "listener" });
  open();
  await joining;
  const roles = again.told.flatMap((one) => one.t === "joined" ? [one.role] : []);
  deepEqual(roles, ["listener"]);
});

Deno.test("frames that come behind a slow one wait for it, and a repeat does not overtake", async () => {
  const { rules, room, arrive } = world();
  const host = arrive("host");
  await host.send({ t: "join", id: "j", room });
  const bob = arrive("bob");
  const open = gate(rules);
  const sent = [
    bob.send({ t: "join", id: "j", room }),
    bob.send({ t: "signal", id: "s1", room, to: "*", ct: "A" }),
    bob.send({ t: "signal", id: "s2", room, to: "*", ct: "B" }),
    bob.send({ t: "signal", id: "s1", room, to: "*", ct: "A" }),
  ];
  await Promise.resolve();
  deepEqual(kinds(bob.told), []);
  open();
  await Promise.all(sent);
  deepEqual(kinds(bob.told), ["joined", "ack", "ack", "ack"]);
  const heard = host.told.flatMap((frame) => frame.t === "signal" ? [frame.id] : []);
  deepEqual(heard, ["s1", "s2"]);
});

Deno.test("a socket that is lost on the way in leaves a seat that is away, and one that ends leaves none", async () => {
  for (const isForGood of [false, true]) {
    const { relay, rules, room, arrive } = world();
    const host = arrive("host");
    await host.send({ t: "join", id: "j", room });
    const bob = arrive("bob");
    const open = gate(rules);
    const joining = bob.send({ t: "join", id: "j", room });
    relay.leave(bob.connection, bob.outlet, isForGood);
    open();
    await joining;
    await bob.connection.tail;
    const told = host.told.flatMap((frame) => frame.t === "presence" ? [frame.event] : []);
    deepEqual(told, ["join", isForGood ? "leave" : "away"]);
  }
});

Deno.test("a guest who is thrown out is cut off with its own code", async () => {
  const { rules, room, relay, arrive } = world();
  const host = arrive("host");
  await host.send({ t: "join", id: "j", room });
  const closes: number[] = [];
  const outlet: Outlet = { send: () => {}, close: (code) => void closes.push(code) };
  const { signing } = person("x").party;
  const party = { kind: "guest", identity: "~guest", room, signing } as const;
  rules.row(room).people.set("~guest", "member");
  const guest = relay.arrive({ party, resume: null, outlet, greet: () => {} }) as Connection;
  await relay.receive(guest, { t: "join", id: "j", room });
  const joined = host.told.flatMap((frame) => frame.t === "presence" ? [frame.member.mid] : []);
  await host.send({ t: "mod", id: "k", room, act: "kick", mid: joined[0]! });
  await Promise.resolve();
  deepEqual([closes, guest.isOver], [[4504], true]);
  equal(rules.row(room).people.has("~guest"), false);
});

Deno.test("what is decided is kept before anybody is told, and a refusal changes nothing", async () => {
  const { rules, room, arrive } = world();
  const [host, bob] = [arrive("host"), arrive("bob")];
  await host.send({ t: "join", id: "j", room });
  await bob.send({ t: "join", id: "j", room });
  const change = rules.change;
  let lockedAtTelling: boolean | null = null;
  rules.change = async (...given) => {
    equal(kinds(bob.told).includes("presence"), false);
    const state = await change(...given);
    lockedAtTelling = rules.row(room).state.isLocked;
    return state;
  };
  await host.send({ t: "mod", id: "l", room, act: "lock" });
  deepEqual([lockedAtTelling, kinds(bob.told)], [true, ["joined", "presence"]]);
  await bob.send({ t: "mod", id: "e", room, act: "end" });
  await bob.send({ t: "mod", id: "e", room, act: "end" });
  deepEqual(kinds(bob.told).slice(2), ["forbidden", "forbidden"]);
  equal(rules.row(room).state.hasEnded, false);
});
