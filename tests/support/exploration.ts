/**
 * Walking all that can happen between two sides, level by level.
 *
 * A state is what each side has done and taken in, in its order, and what is under way: two paths with the
 * same of these are one state, since a side does nothing but for what it was told. A message is lost by
 * staying under way for ever.
 *
 * @module
 */

/** Which of the two. */
export type Side = 0 | 1;

/** What one side does unasked, or the name of a message that it takes in. */
export interface Step {
  readonly side: Side;
  readonly what: string;
}

/** What bounds a walk. */
export interface Play {
  readonly name: string;
  /** How often each side may do what it does unasked. */
  readonly often: Readonly<Record<string, number>>;
  /** How many steps in all, or null for as many as there are. */
  readonly steps: number | null;
}

/** Further than what a test run has time for. */
export const MORE_STEPS = Number(Deno.env.get("EXPLORATION_MORE") ?? 0);

/** What a path has led to: who did what, and what is under way. */
export class History<Message extends { readonly to: Side }> {
  /** What each side did and took in. */
  readonly events: readonly [string[], string[]] = [[], []];
  /** By their names. */
  readonly underWay = new Map<string, Message>();
  readonly #sent: [number, number] = [0, 0];

  /** The name of this state. */
  get name(): string {
    const [a, b] = this.events;
    return `${a}/${b}/${[...this.underWay.keys()].sort()}`;
  }

  /** What may come next. */
  steps({ often }: Play): Step[] {
    const unasked = ([0, 1] as const).flatMap((side) =>
      Object.entries(often).flatMap(([what, times]) => {
        const before = this.events[side].filter((event) => event === what).length;
        return before < times ? [{ side, what }] : [];
      })
    );
    return [...unasked, ...[...this.underWay].map(([name, { to }]) => ({ side: to, what: name }))];
  }

  /** The first that is under way, as a step, or null. */
  next(): Step | null {
    const [first] = this.underWay;
    return first === undefined ? null : { side: first[1].to, what: first[0] };
  }

  /** Puts a message under way. */
  send(message: Message): void {
    const from = 1 - message.to as Side;
    this.underWay.set(`${from}:${++this.#sent[from]}`, message);
  }
}

/** A world at the end of a path. */
export interface World {
  readonly history: History<{ readonly to: Side }>;
  take(step: Step): Promise<void>;
  /** What holds in every state, and what becomes of it from here. */
  check(): Promise<void>;
}

/** Walks a play, and says how much there was. @param make the world at the beginning */
export async function explore(play: Play, make: () => World): Promise<void> {
  const known = new Set<string>();
  let deepest = 0;
  // Level by level, so that every state is met by its shortest path first.
  for (let level: (readonly Step[])[] = [[]]; level.length > 0;) {
    const next: (readonly Step[])[] = [];
    for (const path of level) {
      const world = make();
      for (const step of path) await world.take(step);
      if (known.has(world.history.name)) continue;
      known.add(world.history.name);
      deepest = path.length;
      if (path.length < (play.steps ?? Infinity)) {
        next.push(...world.history.steps(play).map((step) => [...path, step]));
      }
      try {
        await world.check();
      } catch (cause) {
        throw new Error(path.map(({ side, what }) => `${side} ${what}`).join(", "), { cause });
      }
    }
    level = next;
  }
  const bound = play.steps === null ? "all there are" : `${play.steps} steps deep`;
  console.log(`${known.size} states, ${bound} (the longest path: ${deepest})`);
}
