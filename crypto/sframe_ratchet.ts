/**
 * Sender keys that ratchet (RFC 9605, section 5.1): one chain of base keys a sender and generation.
 *
 *     base_key[i+1] = HKDF-Expand(HKDF-Extract("", base_key[i]), "SFrame 1.0 Ratchet", Nh)
 *     KID           = generation << R | i mod 2^R
 *
 * A KID half the circle ahead or less is ahead, any other is behind: that is said by the KID alone,
 * and no key is tried on a frame to find out. Steps ahead are derived on a scratch copy, which
 * becomes the chain when a tag verifies under it; so a forged KID moves nothing, and costs up to
 * 2^(R-1) steps. Whoever opens frames limits how often, and refuses replays.
 *
 * @module
 */

import { type Bytes, utf8 } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { hkdfExpand, hkdfExpandSha512, hkdfExtract, hkdfExtractSha512 } from "./primitives.ts";
import { Secret } from "./secret.ts";
import { readWideHeader, type Uint64, uint64 } from "./sframe_header.ts";
import {
  deriveSframeKey,
  openSframe,
  sealSframe,
  type SframeKey,
  type SframeSuite,
  usesSha256,
} from "./sframe_suites.ts";

/** The most bits of step in a KID here: a forged frame costs up to half of 2^8 steps. */
export const MAX_STEP_BITS = 8;

/** Where a chain begins, or where a receiver comes in. */
export interface RatchetStart {
  /** The base key of that step. */
  readonly baseKey: Bytes;
  /** The suite of all its keys. */
  readonly suite: SframeSuite;
  /** R: how many bits of a KID hold the step, 1 to 8. */
  readonly stepBits: number;
  /** The KID of that step. */
  readonly kid: Uint64;
}

/** The base key of the next step. */
export function ratchetBaseKey(baseKey: Bytes, suite: SframeSuite): Bytes {
  const empty = new Uint8Array(0);
  return usesSha256(suite)
    ? hkdfExpand(hkdfExtract(empty, baseKey), RATCHET_LABEL, 32)
    : hkdfExpandSha512(hkdfExtractSha512(empty, baseKey), RATCHET_LABEL, 64);
}

/** The chain of somebody who sends. */
export class SenderRatchet {
  readonly #start: RatchetStart;
  #base: Secret;
  #steps = 0;
  #key: Promise<SframeKey>;
  /** Goes on across steps: KIDs come again, and no pair of KID and CTR may. */
  #next = 0;

  /** Begins a chain. */
  constructor(start: RatchetStart) {
    requireStepBits(start);
    this.#start = start;
    this.#base = new Secret(start.baseKey.slice());
    this.#key = deriveSframeKey(start.baseKey, start.kid, start.suite);
  }

  /** The KID of the current step. */
  get kid(): Uint64 {
    return kidAfter(this.#start, this.#steps);
  }

  /** Encrypts one frame under the current step and the next counter. */
  async seal(metadata: Bytes, plaintext: Bytes): Promise<Bytes> {
    const [ctr, key] = [this.#next++, this.#key];
    const [ad, frame] = [metadata.slice(), plaintext.slice()];
    return await sealSframe(await key, ctr, ad, frame);
  }

  /** Goes one step on; the key before it is gone. */
  ratchet(): void {
    const next = ratchetBaseKey(this.#base.expose(), this.#start.suite);
    this.#base.wipe();
    this.#base = new Secret(next);
    this.#steps++;
    this.#key = deriveSframeKey(next, this.kid, this.#start.suite);
  }
}

/** The chain of somebody who sends, as a receiver follows it. */
export class ReceiverRatchet {
  readonly #start: RatchetStart;
  #base: Secret;
  /** How many steps after the start. */
  #steps = 0;
  /** By steps after the start: those that a frame verified under, and the ones before. */
  readonly #keys = new Map<number, Promise<SframeKey>>();

  /** Comes in at a step. */
  constructor(start: RatchetStart) {
    requireStepBits(start);
    this.#start = start;
    this.#base = new Secret(start.baseKey.slice());
  }

  /** The KID of the furthest step that a frame verified under, or of the start. */
  get kid(): Uint64 {
    return kidAfter(this.#start, this.#steps);
  }

  /**
   * Decrypts one frame.
   *
   * @throws CryptoError `bad_frame`, `malformed`, `unknown_key` for another generation and for a step
   * behind that is not held
   */
  async open(metadata: Bytes, frame: Bytes): Promise<Bytes> {
    const header = readWideHeader(frame);
    const [ad, copy] = [metadata.slice(), frame.slice()];
    const from = this.#steps;
    const ahead = stepsAhead(this.kid, header.kid, this.#start.stepBits);
    const held = ahead === null ? undefined : this.#keys.get(from + ahead);
    if (held !== undefined) return await openSframe(await held, header, ad, copy);
    if (ahead === null || ahead < 0) {
      throw new CryptoError("unknown_key", "The key of a media frame is not held");
    }
    const scratch = [this.#base.expose().slice()];
    try {
      while (scratch.length <= ahead) {
        scratch.push(ratchetBaseKey(scratch.at(-1)!, this.#start.suite));
      }
      const key = await deriveSframeKey(scratch.at(-1)!, header.kid, this.#start.suite);
      const plaintext = await openSframe(key, header, ad, copy);
      this.#keep(scratch, from);
      return plaintext;
    } finally {
      for (const baseKey of scratch) baseKey.fill(0);
    }
  }

  /** Drops the keys of the steps before the current one: once no frame of them is on its way. */
  forget(): void {
    this.#dropBefore(this.#steps);
  }

  /** Makes the scratch copy the chain, as far as other frames did not meanwhile. */
  #keep(scratch: readonly Bytes[], from: number): void {
    scratch.forEach((baseKey, i) => {
      const steps = from + i;
      if (steps < this.#steps || this.#keys.has(steps)) return;
      const kid = kidAfter(this.#start, steps);
      this.#keys.set(steps, deriveSframeKey(baseKey, kid, this.#start.suite));
    });
    const last = from + scratch.length - 1;
    if (last <= this.#steps) return;
    this.#base.wipe();
    this.#base = new Secret(scratch.at(-1)!.slice());
    this.#steps = last;
    // From there on back, a KID means a step ahead.
    this.#dropBefore(last - 2 ** (this.#start.stepBits - 1) + 1);
  }

  #dropBefore(first: number): void {
    for (const steps of this.#keys.keys()) {
      if (steps < first) this.#keys.delete(steps);
    }
  }
}

const RATCHET_LABEL = utf8("SFrame 1.0 Ratchet");

function requireStepBits({ stepBits }: RatchetStart): void {
  if (!Number.isInteger(stepBits) || stepBits < 1 || stepBits > MAX_STEP_BITS) {
    throw new Error("bug: a KID holds 1 to 8 bits of step");
  }
}

function kidAfter({ kid, stepBits }: RatchetStart, steps: number): Uint64 {
  const [first, circle] = [BigInt(kid), 1n << BigInt(stepBits)];
  return uint64(first - first % circle + (first + BigInt(steps)) % circle);
}

/** From one KID to another, behind where negative; null where they are of two generations. */
function stepsAhead(from: Uint64, to: Uint64, stepBits: number): number | null {
  const [first, second, circle] = [BigInt(from), BigInt(to), 1n << BigInt(stepBits)];
  if (first / circle !== second / circle) return null;
  const ahead = Number((second - first + circle) % circle);
  return ahead <= 2 ** (stepBits - 1) ? ahead : ahead - 2 ** stepBits;
}
