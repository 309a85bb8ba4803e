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
  /** The same of processor time, all threads together, or null where the runtime does not tell. */
  readonly processorMs: number | null;
}

/** How long each does it before anything counts: code that ran a few times only is not compiled yet. */
const WARM_UP_MS = 1_500;

/** Times contenders in turn, round after round. */
export async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
): Promise<readonly Timed[]> {
  const times = contenders.map((): { ms: number; processorMs: number }[] => []);
  for (const { batch, make } of contenders) {
    for (const until = performance.now() + WARM_UP_MS; performance.now() < until;) {
      const once = await make(batch);
      for (let i = 0; i < batch; i++) await once(i);
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      // Nobody always comes behind the same other, whose garbage may still have to be collected.
      const place = (round + turn) % contenders.length;
      const { batch, make } = contenders[place]!;
      const once = await make(batch);
      const [used, started] = [processorTime(), performance.now()];
      for (let i = 0; i < batch; i++) await once(i);
      const ms = (performance.now() - started) / batch;
      const processorMs = (processorTime() - used) / batch;
      times[place]!.push({ ms, processorMs });
    }
  }
  return contenders.map(({ who, includes }, place) => {
    const medianMs = median(times[place]!.map(({ ms }) => ms));
    const processorMs = median(times[place]!.map(({ processorMs }) => processorMs));
    return { who, includes, medianMs, processorMs: Number.isNaN(processorMs) ? null : processorMs };
  });
}

/** Milliseconds of processor time of this process, or NaN: a busy machine stretches only the clock's. */
function processorTime(): number {
  const { process } = globalThis as {
    process?: { cpuUsage?(): { readonly user: number; readonly system: number } };
  };
  const used = process?.cpuUsage?.();
  return used === undefined ? NaN : (used.user + used.system) / 1_000;
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
