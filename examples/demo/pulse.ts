/**
 * Whether a call still brings something. The stack itself takes a quarter of a minute to give a lost
 * peer up, for which time nobody should be told that all is well.
 *
 * @module
 */

/** For how long nothing may arrive before a call counts as stalled, in milliseconds. */
const STALLED_MS = 3_000;

/** Told the count of opened frames from time to time, says whether they still come. */
export function createPulse(): (framesOpened: number) => boolean {
  let seen = 0;
  let seenMs = performance.now();
  return (framesOpened) => {
    const nowMs = performance.now();
    if (framesOpened !== seen) [seen, seenMs] = [framesOpened, nowMs];
    return nowMs - seenMs < STALLED_MS;
  };
}
