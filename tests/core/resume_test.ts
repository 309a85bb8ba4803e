import { deepEqual, equal, ok } from "node:assert/strict";
import { REPLAY_FRAMES, RESUME_WINDOW_MS } from "../../wire/limits.ts";
import { dice, LossyClient, lossyRelay } from "../support/lossy_world.ts";

const NAMES = ["alice", "bob", "carol", "dave"];

/** Everybody in one room. */
function meeting(): { clients: LossyClient[]; clock: { now: number } } {
  const { relay, clock } = lossyRelay();
  const clients = NAMES.map((name) => new LossyClient(relay, name));
  for (const client of clients) client.connect();
  settle(clients);
  return { clients, clock };
}

/** Lets everything that is under way arrive. */
function settle(clients: readonly LossyClient[]): void {
  for (const client of clients) if (client.wire === null) client.connect();
  for (const client of clients) client.notice();
  while (clients.some((client) => client.up() || client.down()));
}

/** One thing that may happen. */
function stir(clients: readonly LossyClient[], roll: (below: number) => number): boolean {
  const client = clients[roll(clients.length)]!;
  const what = roll(100);
  if (client.wire === null) {
    if (what < 20) client.connect();
    else if (what < 30) client.notice();
    else if (what < 40) client.say();
    return false;
  }
  if (what < 2) {
    client.cut(roll(3) === 0);
    return true;
  }
  if (what < 20) client.say();
  else if (what < 22) client.sync();
  else if (what < 60) client.up();
  else client.down();
  return false;
}

Deno.test("1,000 cuts in a steady exchange: nothing is lost, nothing comes twice, and order is kept", () => {
  const { clients } = meeting();
  const roll = dice(20_261_126);
  for (let cuts = 0; cuts < 1_000;) if (stir(clients, roll)) cuts++;
  settle(clients);
  let messages = 0;
  for (const client of clients) {
    deepEqual(client.failures, [], "every one was resumed");
    for (const other of clients) {
      if (other === client) continue;
      messages += other.sent.length;
      deepEqual(client.heard.get(other.name) ?? [], other.sent, `${other.name} to ${client.name}`);
    }
    equal(client.rseq, clients[0]!.rseq);
    deepEqual([...client.members!.values()], [false, false, false], "and nobody seems away");
  }
  ok(messages > 10_000, `${messages} messages`);
  console.log(`${messages} messages, 1,000 cuts`);
});

Deno.test("who is away for too long, or misses too much, is told why, and sees the room as it is again", () => {
  const { clients, clock } = meeting();
  const roll = dice(7);
  for (let round = 0; round < 60; round++) {
    const client = clients[roll(clients.length)]!;
    if (client.wire === null) client.connect();
    for (let i = 0; i < roll(400); i++) stir(clients, roll);
    client.cut(true);
    const others = clients.filter((one) => one !== client);
    if (roll(2) === 0) clock.now += RESUME_WINDOW_MS;
    else {
      // More than is kept for somebody who is not there.
      for (let i = 0; i < 300; i++) {
        others[0]!.say();
        settle(others);
      }
    }
    settle(clients);
    const newest = Math.max(...clients.map(({ rseq }) => rseq));
    for (const one of clients) {
      equal(one.rseq, newest);
      const seen = [...one.members!.keys()].sort();
      const there = clients.filter((other) => other !== one).map(({ mid }) => mid).sort();
      deepEqual(seen, there);
      deepEqual([...new Set(one.members!.values())], [false]);
    }
  }
  const reasons = new Set(clients.flatMap(({ failures }) => failures));
  deepEqual([...reasons].sort(), ["expired", "overflow"]);
  // What was lost was lost with a reason; nothing came twice or out of order all the same.
  for (const client of clients) {
    for (const [, said] of client.heard) {
      const numbers = said.map((text) => Number(text.split("-")[1]));
      deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
    }
  }
});

Deno.test("who has missed more than is kept is gone for the others before coming back", async () => {
  const { clients } = meeting();
  const [alice, bob] = clients;
  bob!.cut(true);
  for (let i = 0; i < REPLAY_FRAMES; i++) alice!.say();
  while (alice!.up() || alice!.down());
  // One of the room's own numbers came before: that he is away.
  await Promise.resolve();
  while (alice!.down());
  equal(alice!.members!.has(bob!.mid), false);
});
