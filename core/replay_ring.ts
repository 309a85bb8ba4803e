/**
 * The numbered frames of one connection that its client has not acked: what a resume sends again.
 *
 * Bounded by frames and by bytes, never by time. The text of a frame is kept without its number, so
 * that all who were sent the same one share it.
 *
 * @module
 */

import { REPLAY_BYTES, REPLAY_FRAMES } from "../wire/limits.ts";

/** What is done when a frame is no longer kept. @param isAcked whether the client has it for sure */
export type OnDone = (isAcked: boolean) => void;

/** The frames of one connection. */
export interface ReplayRing {
  /** The number of the last frame, 0 where there was none. */
  readonly seq: number;
  /** How much is kept, in characters, which are bytes but for names beyond ASCII. */
  readonly bytes: number;
  /** Keeps a frame and answers its number; the oldest frames make room. @param rest `"t":...}` */
  add(rest: string, onDone: OnDone | null): number;
  /** Forgets everything up to a number: the client has it. */
  ack(seq: number): void;
  /** Whether everything after a number is kept. */
  isWholeAfter(seq: number): boolean;
  /** The texts of all frames after a number, or null where one of them is no longer kept, or none was. */
  after(seq: number): readonly string[] | null;
  /** Forgets everything. */
  clear(): void;
  /** What is kept, as plain data. */
  state(): RingState;
}

/** A ring as plain data. */
export interface RingState {
  readonly seq: number;
  /** The last ones, without their numbers. */
  readonly frames: readonly string[];
}

/** The text of a numbered frame. */
export function numbered(seq: number, rest: string): string {
  return `{"seq":${seq},${rest}`;
}

/** A ring with what was kept elsewhere, or with nothing. */
export function replayRing(from: RingState = { seq: 0, frames: [] }): ReplayRing {
  let frames = [...from.frames];
  /** Where the oldest one is: what is before was forgotten, and is cut off now and then. */
  let head = 0;
  let seq = from.seq;
  let bytes = frames.reduce((sum, { length }) => sum + length, 0);
  let done: Map<number, OnDone> | null = null;

  /** The number of the oldest frame that is kept, or of the next one. */
  const first = (): number => seq - (frames.length - head) + 1;

  function drop(isAcked: boolean): void {
    const number = first();
    bytes -= frames[head]!.length;
    frames[head++] = "";
    if (head === frames.length || head >= REPLAY_FRAMES) {
      frames = frames.slice(head);
      head = 0;
    }
    const onDone = done?.get(number);
    if (onDone === undefined) return;
    done!.delete(number);
    onDone(isAcked);
  }

  return {
    get seq() {
      return seq;
    },
    get bytes() {
      return bytes;
    },
    add(rest, onDone) {
      frames.push(rest);
      bytes += rest.length;
      seq++;
      if (onDone !== null) (done ??= new Map()).set(seq, onDone);
      while (frames.length - head > REPLAY_FRAMES || bytes > REPLAY_BYTES) drop(false);
      return seq;
    },
    ack(acked) {
      const upTo = Math.min(acked, seq);
      while (first() <= upTo) drop(true);
    },
    isWholeAfter: (known) => known >= first() - 1,
    after(known) {
      if (known > seq || known < first() - 1) return null;
      const texts: string[] = [];
      for (let number = known + 1; number <= seq; number++) {
        texts.push(numbered(number, frames[head + number - first()]!));
      }
      return texts;
    },
    clear() {
      while (head < frames.length) drop(false);
    },
    state: () => ({ seq, frames: frames.slice(head) }),
  };
}
