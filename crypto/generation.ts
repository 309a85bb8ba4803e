/**
 * The secret of one step of a group call, and what is derived from it.
 *
 *     ES[e,0]          = HKDF-Extract(roster_hash || prev_hash, R)
 *     ES[e,s+1]        = HKDF-Expand(HKDF-Extract(roster_hash', ES[e,s]),
 *                                    "step" || call_id || u32 e || u8 s+1, 32)
 *     base(index, ctx) = HKDF-Expand(ES, "sender" || u16 index || u8 ctx, 64)
 *     auth             = HKDF-Expand(ES, "auth", 32)
 *     Export           = HKDF-Expand(ES, "media-export" || v16 label || v16 context, L)
 *     KID              = index << 11 | ctx << 8 | (epoch & 15) << 4 | (step & 15)
 *
 * ES is erased with the step to the next: what the media need of it has to be taken before.
 *
 * @module
 */

import { utf8 } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { type Commit } from "./commit.ts";
import { labelled } from "./labels.ts";
import { hkdfExpand, hkdfExtract } from "./primitives.ts";
import { type Ctx, type Exporter, frameKid } from "./schedule.ts";
import { Secret } from "./secret.ts";
import { deriveFrameKey, type FrameKey } from "./sframe.ts";

const SECRET_BYTES = 32;
const BASE_KEY_BYTES = 64;

/** The keys of one step of an epoch. */
export class Generation {
  /** From 1. */
  readonly epoch: number;
  /** Within the epoch, from 0. */
  readonly step: number;
  readonly #es: Secret;

  /** Takes ownership of ES. */
  constructor({ epoch, step }: Pick<Commit, "epoch" | "step">, es: Secret) {
    this.epoch = epoch;
    this.step = step;
    this.#es = es;
  }

  /** The first of an epoch; wipes R. */
  static first(commit: Commit, random: Secret): Generation {
    const salt = new Writer().raw(commit.rosterHash).raw(commit.prevHash).bytes();
    const es = new Secret(hkdfExtract(salt, random.expose()));
    random.wipe();
    return new Generation(commit, es);
  }

  /** The one that a step leads to; this one is wiped. */
  next(commit: Commit): Generation {
    const prk = new Secret(hkdfExtract(commit.rosterHash, this.#es.expose()));
    this.wipe();
    const info = new Writer().raw(commit.callId).u32(commit.epoch).u8(commit.step).bytes();
    const es = new Secret(hkdfExpand(prk.expose(), labelled("step", info), SECRET_BYTES));
    prk.wipe();
    return new Generation(commit, es);
  }

  /** The key of a sender's medium. @throws CryptoError `spent` when wiped */
  async frameKey(index: number, ctx: Ctx): Promise<FrameKey> {
    const info = labelled("sender", new Writer().u16(index).u8(ctx).bytes());
    const base = new Secret(hkdfExpand(this.#es.expose(), info, BASE_KEY_BYTES));
    try {
      return await deriveFrameKey(base.expose(), frameKid(this, index, ctx));
    } finally {
      base.wipe();
    }
  }

  /** Keys the acknowledgements of this generation. */
  auth(): Secret {
    return new Secret(hkdfExpand(this.#es.expose(), labelled("auth"), SECRET_BYTES));
  }

  /** Derives further keys, which change with the generation. */
  readonly exporter: Exporter = (label, context, length) => {
    const bound = new Writer().v16(utf8(label)).v16(context).bytes();
    return hkdfExpand(this.#es.expose(), labelled("media-export", bound), length);
  };

  /** A copy of ES, for a member who comes in with it. */
  secret(): Secret {
    return new Secret(this.#es.expose().slice());
  }

  /** Another one of the same, which is wiped apart from this. */
  copy(): Generation {
    return new Generation(this, this.secret());
  }

  /** Erases ES. */
  wipe(): void {
    this.#es.wipe();
  }
}
