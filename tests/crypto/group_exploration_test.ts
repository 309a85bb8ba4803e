import assert from "node:assert/strict";
import { toHex } from "../../crypto/bytes.ts";
import { GroupWorld, type Person } from "../support/group_world.ts";
import { MORE_STEPS } from "../support/exploration.ts";

/**
 * All that can happen to the committers of a group call: somebody comes or goes, and each member is told
 * at its own time; clocks leap, so that several take over at once; the room shows each member its commits
 * at that one's own pace, or lets it miss one; what members say to each other overtakes, or is lost (stays
 * under way for ever).
 *
 * In every state, whoever holds a secret for one epoch and step holds the same one, and a secret is sent
 * to those in its commit's roster alone. And from every state, if from then on nothing is lost, all that
 * are there come to one secret and send with it, which those who went do not have.
 */
interface Play {
  readonly name: string;
  /** How many are in the call at first; one more may come. */
  readonly members: number;
  /** Who comes or goes. */
  readonly moves: readonly { readonly who: number; readonly isHere: boolean }[];
  /** Who says nothing any more, its clock included. */
  readonly silent: number | null;
  /** How far a clock leaps, how often each one's, and how many commits are missed in all. */
  readonly leapMs: number;
  readonly leaps: number;
  readonly losses: number;
  readonly steps: number;
}

const PLAYS: readonly Play[] = [
  {
    name: "the committer goes",
    members: 3,
    moves: [{ who: 0, isHere: false }],
    silent: null,
    leapMs: 5_000,
    leaps: 1,
    losses: 1,
    steps: 7 + MORE_STEPS,
  },
  {
    name: "another one goes, and the committer is slow",
    members: 3,
    moves: [{ who: 2, isHere: false }],
    silent: null,
    leapMs: 5_000,
    leaps: 2,
    losses: 1,
    steps: 6 + MORE_STEPS,
  },
  {
    name: "the committer is silent, and two take over",
    members: 3,
    moves: [],
    silent: 0,
    leapMs: 15_000,
    leaps: 2,
    losses: 1,
    steps: 6 + MORE_STEPS,
  },
  {
    name: "somebody takes over though the committer is there",
    members: 3,
    moves: [],
    silent: null,
    leapMs: 15_000,
    leaps: 1,
    losses: 1,
    steps: 5 + MORE_STEPS,
  },
  {
    name: "one comes while another goes",
    members: 2,
    moves: [{ who: 2, isHere: true }, { who: 0, isHere: false }],
    silent: null,
    leapMs: 3_000,
    leaps: 1,
    losses: 1,
    steps: 5 + MORE_STEPS,
  },
  {
    name: "four, of whom the committer goes and another takes over",
    members: 4,
    moves: [{ who: 0, isHere: false }],
    silent: null,
    leapMs: 5_000,
    leaps: 1,
    losses: 0,
    steps: 5 + MORE_STEPS,
  },
];

/** A world at the end of a path of steps. */
class Call {
  readonly world: GroupWorld;
  readonly #play: Play;

  constructor(play: Play, path: readonly string[]) {
    this.#play = play;
    this.world = new GroupWorld(Math.max(play.members, ...play.moves.map(({ who }) => who + 1)));
    this.world.begin(play.members);
    for (const person of this.world.people) person.events.length = 0;
    for (const { who, isHere } of play.moves) {
      const person = this.world.people[who]!;
      if (isHere) this.world.act(person, "join", (m, now) => m.join(now));
    }
    if (play.silent !== null) this.world.people[play.silent]!.isStopped = true;
    for (const step of path) this.take(step);
  }

  /** The name of this state: what each did and saw, the room's order, and what is under way. */
  get name(): string {
    const { people, posted, letters } = this.world;
    const order = posted.map((post) =>
      "beat" in post
        ? `b${toHex(post.beat.signer.slice(0, 2))}`
        : toHex(post.commit.hash.slice(0, 8))
    );
    return `${people.map(({ events }) => events.join())}/${order}/${[...letters.keys()].sort()}`;
  }

  /** What may come next. */
  steps(): string[] {
    const { people, posted, letters } = this.world;
    const { moves, leaps, losses } = this.#play;
    const lost = people.flatMap(({ events }) => events).filter((event) => event === "lost").length;
    return people.filter(({ isStopped }) => !isStopped).flatMap((person) => {
      const { index, shown, events } = person;
      const out = moves.flatMap(({ who, isHere }, i) =>
        who !== index && !events.includes(told(who, isHere)) ? [`tell ${index} ${i}`] : []
      );
      if (events.filter((event) => event === "tick").length < leaps) out.push(`leap ${index}`);
      if (shown < posted.length) {
        out.push(`show ${index}`);
        if (lost < losses) out.push(`lose ${index}`);
      }
      for (const { name, to } of letters.values()) {
        if (to === index) out.push(`give ${index} ${name}`);
      }
      return out;
    });
  }

  take(step: string): void {
    const [what, index, rest = ""] = step.split(" ");
    const person = this.world.people[Number(index)]!;
    if (what === "show") this.world.show(person);
    else if (what === "lose") this.world.show(person, true);
    else if (what === "give") this.world.deliver(this.world.letters.get(rest)!);
    else if (what === "leap") {
      person.nowMs += this.#play.leapMs;
      this.world.act(person, "tick", (m, now) => m.tick(now));
    } else this.#tell(person, Number(rest));
  }

  #tell(person: Person, move: number): void {
    const { who, isHere } = this.#play.moves[move]!;
    const { entry } = this.world.people[who]!;
    this.world.act(person, told(who, isHere), (m, now) => m.presence(entry, isHere, now));
  }

  /** What holds in every state. */
  check(): void {
    const secrets = new Map<string, string>();
    for (const { member, secret } of this.world.people) {
      if (secret === null) continue;
      const { epoch, step } = member.generation!;
      const other = secrets.get(`${epoch}.${step}`);
      assert.ok(other === undefined || other === secret, `two secrets for ${epoch}.${step}`);
      secrets.set(`${epoch}.${step}`, secret);
    }
  }

  /** What becomes of it when nothing more is lost, but everything is that was under way. */
  settle(): void {
    const { world } = this;
    const { moves, silent } = this.#play;
    world.letters.clear();
    moves.forEach((move, i) => {
      for (const person of world.people) {
        const isTold = person.events.includes(told(move.who, move.isHere));
        if (move.who !== person.index && !isTold) this.#tell(person, i);
      }
    });
    world.pass(20_000, 500);
    // Where nobody is left who saw everything, the room shows again what was missed.
    world.isReplaying = true;
    world.pass(20_000, 500);
    this.check();
    const gone = moves.filter(({ isHere }) => !isHere).map(({ who }) => who);
    const there = world.people.filter(({ index }) => !gone.includes(index) && index !== silent);
    const [first] = there;
    for (const { secret, inUse, isStopped } of there) {
      assert.ok(!isStopped && secret !== null, "somebody is left behind");
      assert.equal(secret, first!.secret, "two secrets");
      assert.equal(inUse, first!.inUse, "two generations in use");
    }
    for (const index of gone) assert.notEqual(world.people[index]!.secret, first!.secret);
  }
}

for (const play of PLAYS) {
  Deno.test(`no loss, no order and no takeover parts the members of a call: ${play.name}`, () => {
    const known = new Set<string>();
    let level: (readonly string[])[] = [[]];
    for (let depth = 0; level.length > 0; depth++) {
      const next: (readonly string[])[] = [];
      for (const path of level) {
        const call = new Call(play, path);
        const { name } = call;
        if (known.has(name)) continue;
        known.add(name);
        if (depth < play.steps) next.push(...call.steps().map((step) => [...path, step]));
        try {
          call.check();
          call.settle();
        } catch (cause) {
          throw new Error(path.join(", "), { cause });
        }
      }
      level = next;
    }
    console.log(`${known.size} states, ${play.steps} steps deep`);
  });
}

function told(who: number, isHere: boolean): string {
  return `${who} ${isHere ? "came" : "went"}`;
}
