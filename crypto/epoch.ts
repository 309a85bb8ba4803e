/**
 * Epoch secrets: what one step of the handshake leaves behind.
 *
 *     root0 || ckA0 || ckB0 || kc0         = HKDF(DHs || SS1 [|| psk], zeros, "epoch0" || th0, 128)
 *     root  || ckA  || ckB  || kc  || exp  = HKDF(DHs || SS, root before, "epoch" || u32 e || th, 160)
 *
 * A is the caller, B the callee; `kc` confirms keys, `exp` feeds the exporter. An offer's epoch
 * has no exporter: media keys exist only from epoch 1.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { Writer } from "./codec.ts";
import { labelled } from "./labels.ts";
import { hkdfExpand, hkdfExtract, hmacSha256 } from "./primitives.ts";
import { type Exporter } from "./schedule.ts";
import { Secret } from "./secret.ts";

/** The secrets of an offer's epoch. */
export interface OfferEpoch {
  /** Transcript hash. */
  readonly th: Bytes;
  /** Salt of the next epoch. */
  readonly root: Secret;
  /** The caller's chain. */
  readonly ckA: Secret;
  /** The callee's chain. */
  readonly ckB: Secret;
  /** Confirms keys. */
  readonly kc: Secret;
}

/** The secrets of a full epoch. */
export interface Epoch extends OfferEpoch {
  /** Feeds the exporter. */
  readonly exp: Secret;
}

/** Derives epoch 0; wipes the inputs. */
export function deriveOfferEpoch(th: Bytes, shared: readonly Bytes[]): OfferEpoch {
  const info = labelled("epoch0", th);
  const [root, ckA, ckB, kc] = derive(new Uint8Array(32), shared, info, 4);
  return { th, root: root!, ckA: ckA!, ckB: ckB!, kc: kc! };
}

/** Derives a later epoch from the one before it; wipes the inputs, not the epoch before. */
export function deriveEpoch(
  number: number,
  th: Bytes,
  before: OfferEpoch,
  shared: readonly Bytes[],
): Epoch {
  const info = labelled("epoch", new Writer().u32(number).raw(th).bytes());
  const [root, ckA, ckB, kc, exp] = derive(before.root.expose(), shared, info, 5);
  return { th, root: root!, ckA: ckA!, ckB: ckB!, kc: kc!, exp: exp! };
}

/** The key-confirmation tag of a message: `HMAC(kc, label || th)`. */
export function confirmationTag(
  epoch: OfferEpoch,
  label: "offer-confirm" | "answer-confirm" | "confirm",
): Bytes {
  return hmacSha256(epoch.kc.expose(), labelled(label, epoch.th));
}

/** `Export(label, context, L) = HKDF-Expand(exp, "exp" || v16 label || v16 context, L)`. */
export function exporterOf(epoch: Pick<Epoch, "exp">): Exporter {
  return (label, context, length) => {
    const body = new Writer().v16(new TextEncoder().encode(label)).v16(context).bytes();
    return hkdfExpand(epoch.exp.expose(), labelled("exp", body), length);
  };
}

/** Overwrites every secret of an epoch. */
export function wipeEpoch(epoch: OfferEpoch | Epoch): void {
  for (const secret of [epoch.root, epoch.ckA, epoch.ckB, epoch.kc]) secret.wipe();
  if ("exp" in epoch) epoch.exp.wipe();
}

function derive(
  salt: Bytes,
  shared: readonly Bytes[],
  info: Bytes,
  count: number,
): readonly Secret[] {
  const input = concat(...shared);
  const prk = hkdfExtract(salt, input);
  const okm = hkdfExpand(prk, info, count * 32);
  const secrets = Array.from(
    { length: count },
    (_, i) => new Secret(okm.slice(i * 32, i * 32 + 32)),
  );
  for (const used of [input, prk, okm, ...shared]) used.fill(0);
  return secrets;
}
