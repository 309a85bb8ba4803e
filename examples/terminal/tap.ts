/**
 * A tap on the payloads that a stack puts into RTP packets: the last place where a frame could be
 * seen in the clear, before SRTP and the network.
 *
 * @module
 */

import { type Werift } from "../../client/adapters/werift.ts";

/** A tap on one stack. */
export interface Tap {
  /** The stack with the tap in it. */
  readonly werift: Werift;
  /** Payloads so far. */
  readonly payloads: number;
  /** Payloads that showed the marker. */
  readonly clear: number;
  /** The latest payload. */
  readonly last: Uint8Array;
  /** Flips one bit in the middle of the next payload. */
  flipNext(): void;
}

/** Whether bytes hold a text. */
export function shows(bytes: Uint8Array, marker: string): boolean {
  return new TextDecoder("latin1").decode(bytes).includes(marker);
}

/** Puts a tap into a stack. @param marker a text that every frame carries */
export function tapped(werift: Werift, marker: string): Tap {
  let payloads = 0;
  let clear = 0;
  let last: Uint8Array = new Uint8Array(0);
  let flips = false;

  function see(payload: Uint8Array): Uint8Array {
    payloads++;
    if (shows(payload, marker)) clear++;
    last = payload.slice();
    if (!flips) return payload;
    flips = false;
    const changed = payload.slice();
    changed[changed.length >> 1]! ^= 1;
    return changed;
  }

  const RtpPacket = new Proxy(werift.RtpPacket, {
    construct: (packet, [header, payload]) =>
      new packet(header as never, see(payload) as never) as object,
  });
  return {
    werift: { ...werift, RtpPacket },
    get payloads() {
      return payloads;
    },
    get clear() {
      return clear;
    },
    get last() {
      return last;
    },
    flipNext: () => flips = true,
  };
}
