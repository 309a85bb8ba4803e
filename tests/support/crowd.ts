/**
 * Several members in one room, on several instances, who talk all the time and lose their sockets.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openRoomId } from "../../wire/room_id.ts";
import { registered } from "./dpop.ts";
import { type TestService } from "./service.ts";
import { type Wanderer, wanderer } from "./wanderer.ts";

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Members of one new room, each on the next of the services. */
export async function membersOf(
  services: readonly TestService[],
  names: readonly string[],
): Promise<Wanderer[]> {
  const room = openRoomId();
  const members: Wanderer[] = [];
  for (const [i, name] of names.entries()) {
    const account = await registered(services[0]!, name);
    const one = wanderer(account);
    await one.goTo(services[i % services.length]!);
    await one.join(room);
    // What is said to all goes to those whom the speaker's instance was told of.
    const isKnown = ({ presence }: Wanderer) => presence.some(([account]) => account === name);
    await until(`${name} is known`, () => members.every(isKnown));
    members.push(one);
  }
  return members;
}

/** Waits for something to be so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!await isSo()) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(10);
  }
}

/** That everybody has heard everything that was said, once and in order. */
function assertWhole(members: readonly Wanderer[], said: ReadonlyMap<string, number>): void {
  for (const one of members) {
    for (const other of members) {
      if (one === other) continue;
      const expected = Array.from({ length: said.get(other.name)! }, (_, i) => `${i}`);
      assert.deepEqual(one.heard.get(other.name) ?? [], expected, `${one.name} of ${other.name}`);
    }
    assert.equal(one.doubled, 0, `${one.name} heard something twice`);
  }
}

/** Whether everybody has heard so much. */
function isAllHeard(members: readonly Wanderer[], said: ReadonlyMap<string, number>): boolean {
  return members.every((one) =>
    members.every((other) => {
      return one === other || (one.heard.get(other.name)?.length ?? 0) >= said.get(other.name)!;
    })
  );
}

/** A steady exchange. */
export interface Talk {
  /** Ends it, and answers how much each one said. */
  end(): ReadonlyMap<string, number>;
}

/** Everybody says something again and again; whoever is far behind waits until it was taken. */
export function startTalk(members: readonly Wanderer[], everyMs: number): Talk {
  const said = new Map(members.map(({ name }) => [name, 0]));
  const talking = setInterval(() => {
    for (const member of members) {
      const n = said.get(member.name)!;
      if (member.unacked > 40) continue;
      member.say(`${n}`);
      said.set(member.name, n + 1);
    }
  }, everyMs);
  return {
    end() {
      clearInterval(talking);
      return said;
    },
  };
}

/**
 * Everybody talks, and loses their socket at random moments, and comes back anywhere.
 *
 * @param services those that there are at the moment
 * @returns how much each one said
 */
export async function storm(
  services: () => readonly TestService[],
  members: readonly Wanderer[],
  disconnects: number,
  everyMs: number,
): Promise<ReadonlyMap<string, number>> {
  const talk = startTalk(members, 40);
  let left = disconnects;
  await Promise.all(members.map(async (member) => {
    while (left-- > 0) {
      await pause(Math.random() * everyMs);
      member.drop(Math.random() < 0.5);
      await pause(Math.random() * 20);
      for (let tries = 0;; tries++) {
        const all = services();
        try {
          await member.goTo(all[Math.floor(Math.random() * all.length)]!);
          break;
        } catch (error) {
          if (tries > 100) throw error;
          await pause(20);
        }
      }
    }
  }));
  return talk.end();
}

/** Waits until everybody has heard everything, and says what is missing where that takes too long. */
export async function untilWhole(
  members: readonly Wanderer[],
  said: ReadonlyMap<string, number>,
  withinMs = 20_000,
): Promise<void> {
  await until("all heard", () => isAllHeard(members, said), withinMs).catch((error) => {
    for (const one of members) {
      const heard = [...one.heard].map(([name, all]) =>
        `${all.length} of ${said.get(name)} by ${name}`
      );
      console.log(one.name, one.isOnline, "unacked", one.unacked, heard, one.welcomes.join());
    }
    assertWhole(members, said);
    throw error;
  });
  assertWhole(members, said);
}
