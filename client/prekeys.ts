/**
 * This device's prekeys: made, published, rotated daily, and taken when an offer uses them.
 *
 * A set is stored before it is published and published again until the service has it. A one-time
 * prekey is deleted, and its offer remembered, in one transaction once the offer has opened: an offer
 * that comes twice finds that it did, and one that does not open changes nothing.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import { decodeOffer, type OfferHeader } from "../crypto/handshake_message.ts";
import { type AgreementKey, generateAgreementKeyPair, generateKemKeyPair } from "../crypto/keys.ts";
import {
  decodePrekeySet,
  MAX_ONE_TIME_PREKEYS,
  oneTimeRoot,
  prekeySetHash,
  signPrekeySet,
} from "../crypto/prekey.ts";
import { type KemPrivateKey, sha256 } from "../crypto/primitives.ts";
import { type UsedPrekeys } from "../crypto/x3dh.ts";
import { prekeysToWire } from "../wire/directory.ts";
import { prekeysPath } from "../wire/paths.ts";
import { type Cell, cell, change, forget, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";
import { type Changes, type Store } from "./store.ts";
import { signerOf, type World } from "./world.ts";

const DAY_MS = 24 * 3_600_000;
/** How far ahead a set's date may be of the clock, in milliseconds. */
const CLOCK_DOUBT_MS = 5 * 60_000;
/** How long a set may be used by callers; it is replaced long before. */
const VALIDITY_MS = 14 * DAY_MS;
/** How long a replaced set still opens offers that were sealed to it. */
const KEPT_MS = DAY_MS;
/** How long an offer is remembered, which is longer than one can be accepted. */
const SEEN_MS = 10 * 60_000;

/** A set of this device, newest first in the index. */
export type SetName = {
  readonly hash: string;
  readonly number: number;
  readonly madeMs: number;
  readonly published: boolean;
  /** When the next set took its place, or null. */
  readonly replacedMs: number | null;
};
type StoredSet = {
  readonly set: Bytes;
  readonly signature: Bytes;
  readonly opks: readonly AgreementKey[];
  readonly spk: CryptoKey;
  readonly kpk: KemPrivateKey;
};

/** Which sets there are, newest first. */
export const SETS = cell<readonly SetName[]>("prekeys");
const SEEN = cell<Readonly<Record<string, number>>>("seen");

/**
 * Publishes what was not, and makes and publishes the next set when the newest is a day old.
 *
 * @throws ClientError
 */
export async function publishPrekeys(world: World): Promise<void> {
  const { store, now } = world;
  const newest = (await readCell(store, SETS))?.[0] ?? null;
  // What may not have arrived goes first: the next set's number builds upon it.
  if (newest !== null && !newest.published && !await publish(world, newest)) {
    // It ended before it arrived. Whether the service ever had it, its number can't be told.
    const { number } = newest;
    for (const next of [number, number + 1]) {
      if (await publish(world, await makeSet(world, next))) return;
    }
    throw unwanted();
  }
  const age = newest === null ? Infinity : now() - newest.madeMs;
  // A set from the future was made under a wrong clock.
  if (age > -CLOCK_DOUBT_MS && age < DAY_MS) return;
  if (!await publish(world, await makeSet(world, (newest?.number ?? 0) + 1))) throw unwanted();
}

/** Sends a set; false where the service can't take it. @throws ClientError for any other reason */
async function publish(world: World, { hash }: SetName): Promise<boolean> {
  const { store, http, account, now } = world;
  const held = await readCell(store, setCell(hash));
  if (held === null) throw new Error("bug: the store lost a prekey set");
  const path = prekeysPath(account.self.entry.deviceId);
  try {
    await http.signed(signerOf(world), "PUT", path, prekeysToWire(held, held.opks));
  } catch (error) {
    const isFinal = error instanceof ClientError &&
      (error.problem === "bad_prekeys" || error.problem === "prekeys_conflict");
    if (isFinal) return false;
    throw error;
  }
  await change(store, [SETS], ([sets]) => {
    const marked = (sets ?? []).map((set) =>
      set.hash === hash
        ? { ...set, published: true }
        : { ...set, replacedMs: set.replacedMs ?? now() }
    );
    return { changes: keep(SETS, marked), result: undefined };
  });
  return true;
}

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

/** Makes a set and stores it, unpublished; forgets sets that are too old to be used. */
async function makeSet({ store, account, now }: World, number: number): Promise<SetName> {
  const agreementKey = () => generateAgreementKeyPair(store.extractable);
  const [spk, kpk, ...opks] = await Promise.all([
    agreementKey(),
    generateKemKeyPair(store.extractable),
    ...Array.from({ length: MAX_ONE_TIME_PREKEYS }, agreementKey),
  ]);
  const madeMs = now();
  const publicOpks = opks.map(({ publicKey }) => publicKey);
  const signed = await signPrekeySet({
    deviceEntryHash: account.self.entryHash,
    setNumber: number,
    notBeforeMs: madeMs,
    notAfterMs: madeMs + VALIDITY_MS,
    spkId: number,
    spk: spk.publicKey,
    kpkId: number,
    kpk: kpk.publicKey,
    opkCount: opks.length,
    opkRoot: oneTimeRoot(publicOpks),
  }, account.self.keys.signing);
  const hash = toHex(prekeySetHash(signed.set));
  const name: SetName = { hash, number, madeMs, published: false, replacedMs: null };
  const privates = { spk: spk.privateKey, kpk: kpk.privateKey };
  await change(store, [SETS], ([held]) => {
    const sets = held ?? [];
    const ended = sets.filter(({ replacedMs }) => (replacedMs ?? madeMs) + KEPT_MS <= madeMs);
    const kept = sets.filter((set) => !ended.includes(set));
    return {
      changes: Object.assign(
        {},
        ...ended.map(forgotten),
        keep(SETS, [name, ...kept]),
        keep(setCell(hash), { ...signed, opks: publicOpks, ...privates }),
        ...opks.map(({ privateKey }, i) => keep(oneTimeCell(hash, i), privateKey)),
      ),
      result: undefined,
    };
  });
  return name;
}

/** The change that erases every set: with a device's number its prekeys end. */
export function forgetPrekeys(sets: readonly SetName[] | null): Changes {
  return Object.assign({}, forget(SETS), ...(sets ?? []).map(forgotten));
}

/** The change that erases a set with all its keys. */
function forgotten({ hash }: SetName): Changes {
  const opks = Array.from({ length: MAX_ONE_TIME_PREKEYS }, (_, i) => forget(oneTimeCell(hash, i)));
  return Object.assign({}, forget(setCell(hash)), ...opks);
}

/** Stands in where an offer names no one-time prekey; nothing is ever kept in it. */
const NO_OPK = cell<CryptoKey>("opk/none");

function setCell(hash: string): Cell<StoredSet> {
  return cell(`prekeys/${hash}`);
}

function oneTimeCell(setHash: string, index: number): Cell<CryptoKey> {
  return cell(`opk/${setHash}/${index}`);
}

/** What an offer is remembered by. */
function nameOf(offer: Bytes): string {
  return toHex(sha256(offer));
}

function unwanted(): ClientError {
  return new ClientError("refused", "The service does not take this device's prekeys");
}

function replayed(): ClientError {
  return new ClientError("offer_replayed", "This call was offered before");
}

function refused(cause?: unknown): ClientError {
  return new ClientError("handshake_refused", "The call was refused: it is not for this device", {
    cause,
  });
}
