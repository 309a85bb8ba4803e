/**
 * The private prekeys that an offer uses: found when it comes, spent once it has opened.
 *
 * A one-time prekey is deleted, and its offer remembered, in one transaction once the offer has opened:
 * an offer that comes twice finds that it did, and one that does not open changes nothing.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import { decodeOffer, type OfferHeader } from "../crypto/handshake_message.ts";
import { decodePrekeySet } from "../crypto/prekey.ts";
import { sha256 } from "../crypto/primitives.ts";
import { type UsedPrekeys } from "../crypto/x3dh.ts";
import { cell, change, forget, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";
import { oneTimeCell, setCell, type StoredSet } from "./prekey_sets.ts";
import { type Store } from "./store.ts";

/** How long an offer is remembered, which is longer than one can be accepted. */
const SEEN_MS = 10 * 60_000;

/** The offers that opened, and until when each is remembered, Unix milliseconds. */
const SEEN = cell<Readonly<Record<string, number>>>("seen");
/** Stands in where an offer names no one-time prekey; nothing is ever kept in it. */
const NO_OPK = cell<CryptoKey>("opk/none");

/**
 * The private prekeys that an offer names. Nothing is spent yet: whoever rings with an offer that does
 * not open must not use up anything.
 *
 * @throws ClientError `offer_replayed`, `handshake_refused`
 */
export async function findPrekeys(store: Store, offer: Bytes): Promise<UsedPrekeys> {
  const { prekeySetB, opkIndex } = headerOf(offer);
  const hash = toHex(prekeySetB);
  const [seen, held, privateOpk] = await Promise.all([
    readCell(store, SEEN),
    readCell(store, setCell(hash)),
    opkIndex === null ? null : readCell(store, oneTimeCell(hash, opkIndex)),
  ]);
  if (Object.hasOwn(seen ?? {}, nameOf(offer))) throw replayed();
  if (held === null) throw refused();
  return usedPrekeys(held, opkIndex, privateOpk);
}

/**
 * Spends what an offer that opened has used, once: its one-time prekey is deleted and the offer
 * remembered, in one transaction.
 *
 * @throws ClientError `offer_replayed`
 */
export async function spendPrekeys(store: Store, offer: Bytes, nowMs: number): Promise<void> {
  const { prekeySetB, opkIndex } = headerOf(offer);
  const opkCell = opkIndex === null ? null : oneTimeCell(toHex(prekeySetB), opkIndex);
  await change(store, [SEEN, opkCell ?? NO_OPK], ([before, privateOpk]) => {
    const seen = before ?? {};
    const isSpent = opkCell !== null && privateOpk === null;
    if (isSpent || Object.hasOwn(seen, nameOf(offer))) throw replayed();
    const recent = Object.entries(seen).filter(([, until]) => until > nowMs);
    const remembered = { ...Object.fromEntries(recent), [nameOf(offer)]: nowMs + SEEN_MS };
    const spent = opkCell === null ? {} : forget(opkCell);
    return { changes: { ...keep(SEEN, remembered), ...spent }, result: undefined };
  });
}

function headerOf(offer: Bytes): OfferHeader {
  try {
    return decodeOffer(offer).header;
  } catch (cause) {
    throw refused(cause);
  }
}

/** A one-time prekey that was spent leaves none: then the offer does not open, or was replayed. */
function usedPrekeys(held: StoredSet, index: number | null, opk: CryptoKey | null): UsedPrekeys {
  const { spk, kpk } = decodePrekeySet(held.set);
  return {
    setBytes: held.set,
    spk: { publicKey: spk, privateKey: held.spk },
    kpk: { publicKey: kpk, privateKey: held.kpk },
    opk: index === null || opk === null ? null : { publicKey: held.opks[index]!, privateKey: opk },
  };
}

/** What an offer is remembered by. */
function nameOf(offer: Bytes): string {
  return toHex(sha256(offer));
}

function replayed(): ClientError {
  return new ClientError("offer_replayed", "This call was offered before");
}

function refused(cause?: unknown): ClientError {
  return new ClientError("handshake_refused", "The call was refused: it is not for this device", {
    cause,
  });
}
