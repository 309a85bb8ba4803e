/**
 * Group calls on the real service, with media between programs: people come, talk, leave, and are cut off.
 *
 * @module
 */

import assert from "node:assert/strict";
import * as werift from "werift";
import { FrameCryptor, type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";
import { type Client, type GroupCall, type GroupEvent, type Meeting } from "../../client/mod.ts";
import { fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { CTX } from "../../crypto/schedule.ts";
import { stage } from "../support/stage.ts";
import { eventually } from "../support/werift.ts";

/** Somebody in a call, with a stack to everybody else that says their name again and again. */
interface Talker {
  readonly name: string;
  readonly meeting: Meeting;
  readonly call: GroupCall;
  readonly events: GroupEvent[];
  /** What was heard of whom, the newest last. */
  readonly heard: Map<string, string[]>;
  stop(): void;
}

async function talk(name: string, client: Client, meeting: Meeting): Promise<Talker> {
  const adapters = new Map<string, WeriftAdapter>();
  const heard = new Map<string, string[]>();
  const cryptor = new FrameCryptor();
  const call = await client.joinCall(meeting, {
    adapter: ({ peer }) => {
      const adapter = weriftAdapter({
        werift,
        cryptor,
        onFrame: (frame) => {
          heard.set(peer.label, [...heard.get(peer.label) ?? [], fromUtf8(frame)!]);
        },
      });
      adapters.set(peer.label, adapter);
      return adapter;
    },
  });
  const events: GroupEvent[] = [];
  void (async () => {
    for await (const event of call.events()) events.push(event);
  })();
  let count = 0;
  const timer = setInterval(() => {
    count++;
    for (const adapter of adapters.values()) {
      adapter.send(CTX.mic, utf8(`${name} ${count}`)).catch(() => {});
    }
  }, 50);
  return { name, meeting, call, events, heard, stop: () => clearInterval(timer) };
}

/** Waits until each hears each of the others, from now on. */
async function allHear(talkers: readonly Talker[]): Promise<void> {
  for (const { heard } of talkers) heard.clear();
  const all = () =>
    talkers.every(({ name, heard }) =>
      talkers.every((other) => other.name === name || (heard.get(other.name)?.length ?? 0) > 3)
    );
  await eventually(all, 15_000).catch((error) => {
    const seen = talkers.map(({ name, heard, call, events }) => ({
      name,
      heard: [...heard].map(([who, frames]) => `${who}: ${frames.length}`),
      state: call.state,
      generation: call.generation,
      participants: call.participants().map(({ peer, state }) => `${peer.label} ${state}`),
      events: events.map((event) => JSON.stringify(event)).slice(-12),
    }));
    throw new Error(`${error}: ${Deno.inspect(seen, { depth: 5, strAbbreviateSize: 400 })}`);
  });
}

Deno.test("people come to a call, hear each other, and leave it", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await talk("alice", play.alice, room);
  await eventually(() => alice.call.state === "joined");
  const bob = await talk("bob", play.bob, await play.bob.joinRoom(link));
  await allHear([alice, bob]);
  assert.deepEqual(alice.call.participants().map(({ peer, state }) => [peer.label, state]), [
    ["bob", "connected"],
  ]);
  alice.stop();
  bob.stop();
  await alice.call.leave();
  assert.equal((await alice.call.ended).why, "left");
  await bob.call.leave();
});

Deno.test("three talk; one leaves, one is cut off, and those who stay talk under keys that these never had", async () => {
  await using play = await stage();
  const room = await play.alice.createRoom();
  const link = await room.invite({ uses: 5 });
  const alice = await talk("alice", play.alice, room);
  const bob = await talk("bob", play.bob, await play.bob.joinRoom(link));
  await allHear([alice, bob]);
  const before = alice.call.generation!;
  const carol = await talk("carol", play.carol, await play.carol.joinRoom(link));
  await allHear([alice, bob, carol]);
  // Who comes takes a step of everybody: no new epoch.
  assert.equal(alice.call.generation!.epoch, before.epoch);
  assert.ok(alice.call.generation!.step > before.step);
  carol.stop();
  await carol.call.leave();
  const left = performance.now();
  await eventually(() => alice.call.generation!.epoch > before.epoch, 5_000);
  await eventually(() => bob.call.generation!.epoch > before.epoch, 5_000);
  say(`${Math.round(performance.now() - left)} ms from a leave to other keys`);
  assert.deepEqual(alice.call.participants().map(({ peer }) => peer.label), ["bob"]);
  await allHear([alice, bob]);

  // Whoever made the call goes without a word: the next one takes over.
  alice.stop();
  play.alice.close();
  const epoch = bob.call.generation!.epoch;
  await eventually(() => bob.call.generation!.epoch > epoch, 30_000);
  assert.deepEqual(bob.call.participants(), []);
  // And lets people in.
  const again = await talk("carol", play.carol, await play.carol.joinRoom(link));
  await allHear([bob, again]);
  for (const { call, stop } of [bob, again]) {
    stop();
    await call.leave();
  }
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
