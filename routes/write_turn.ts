/**
 * What is written to streams during one turn of the event loop goes out at its end, with one call of the
 * system for each stream: where many messages come at once, the calls are most of the work.
 *
 * It holds nothing back for longer than what is ready to be read takes to be looked at.
 *
 * @module
 */

import { type Duplex } from "node:stream";
import { setImmediate } from "node:timers";

/** Takes a stream to which something is about to be written. */
export type WriteTurn = (stream: Duplex) => void;

/** How much of one stream waits for the end of the turn, in bytes. */
const MAX_HELD_BYTES = 65_536;

/** Streams that share their turns. */
export function writeTurns(): WriteTurn {
  let held: Duplex[] = [];

  function release(): void {
    const released = held;
    held = [];
    for (const stream of released) stream.uncork();
  }

  return (stream) => {
    if (stream.writableCorked === 0) {
      stream.cork();
      if (held.push(stream) === 1) setImmediate(release);
    } else if (stream.writableLength > MAX_HELD_BYTES) {
      // Whoever counts what waits for a slow reader has to see what the system takes at once.
      stream.uncork();
      stream.cork();
    }
  };
}
