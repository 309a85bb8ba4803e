/**
 * Timing in turn: whatever else the machine does is shared by all that is compared.
 *
 * @module
 */

/** One way of doing one thing. */
export interface Contender {
  /** Whose it is; the first of a row is what the others are compared with. */
  readonly who: string;
  /** What its time includes. */
  readonly includes: string;
  /** How often it is done in a row before somebody else has a turn. */
  readonly batch: number;
  /** Gets everything ready for `count` times, which is not timed, and gives what does it once. */
  make(count: number): Promise<(i: number) => Promise<unknown>>;
}

/** What a row took. */
export interface Timed {
  /** Whose. */
  readonly who: string;
  /** What its time includes. */
  readonly includes: string;
  /** The median of its batches, milliseconds for doing it once. */
  readonly medianMs: number;
}

const WARM_UP_ROUNDS = 5;

/** Times contenders in turn, round after round. */
export async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
): Promise<readonly Timed[]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round++) {
    for (const [place, { batch, make }] of contenders.entries()) {
      const once = await make(batch);
      const started = performance.now();
      for (let i = 0; i < batch; i++) await once(i);
      const took = (performance.now() - started) / batch;
      if (round >= WARM_UP_ROUNDS) times[place]!.push(took);
    }
  }
  return contenders.map(({ who, includes }, place) => ({
    who,
    includes,
    medianMs: median(times[place]!),
  }));
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
