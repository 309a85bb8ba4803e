/**
 * What went on in a call's last minute, one sample a second: frames and bits each way, and refusals.
 *
 * @module
 */

import { type MediaStats } from "../../client/mod.ts";

/** One second of a call. */
export interface Sample {
  /** Frames a second. */
  readonly sent: number;
  /** Frames a second. */
  readonly opened: number;
  /** Kilobits a second. */
  readonly sentKbits: number;
  /** Kilobits a second. */
  readonly openedKbits: number;
  /** Frames refused in it. */
  readonly refused: number;
}

/** How many are kept: a minute. */
export const MAX_SAMPLES = 60;

/** Makes samples of counts that only grow. */
export function createHistory(): (stats: MediaStats, nowMs: number) => readonly Sample[] {
  let samples: readonly Sample[] = [];
  let last: { readonly stats: MediaStats; readonly atMs: number } | null = null;
  return (stats, nowMs) => {
    const before = last;
    if (before !== null && nowMs - before.atMs < 900) return samples;
    last = { stats, atMs: nowMs };
    if (before === null) return samples;
    const seconds = (nowMs - before.atMs) / 1000;
    const rate = (of: (stats: MediaStats) => number) =>
      Math.max(0, of(stats) - of(before.stats)) / seconds;
    samples = [...samples, {
      sent: rate(({ framesProtected }) => framesProtected),
      opened: rate(({ framesOpened }) => framesOpened),
      sentKbits: rate(({ bytesProtected }) => bytesProtected) * 8 / 1000,
      openedKbits: rate(({ bytesOpened }) => bytesOpened) * 8 / 1000,
      refused: rate(({ refused }) => Object.values(refused).reduce((a, b) => a + b, 0)) * seconds,
    }].slice(-MAX_SAMPLES);
    return samples;
  };
}
