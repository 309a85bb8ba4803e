/**
 * This device's prekeys: made, published, rotated daily, and taken when an offer uses them.
 *
 * A set is stored before it is published and published again until the service has it; where the service
 * lost it, as one does that was restored from a backup, the next set is made. When that is due was drawn
 * by lot when the set was made: it must never depend on how many one-time prekeys were used.
 *
 * A one-time prekey is deleted, and its offer remembered, in one transaction once the offer has opened:
 * an offer that comes twice finds that it did, and one that does not open changes nothing.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
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
import { type PrekeysCheck, prekeysToWire } from "../wire/directory.ts";
import { PREKEYS_CHECK, prekeysPath } from "../wire/paths.ts";
import { type Cell, cell, change, forget, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";
import { type Changes, type Store } from "./store.ts";
import { signerOf, type World } from "./world.ts";

const DAY_MS = 24 * 3_600_000;
/** How far ahead a set's date may be of the clock, in milliseconds. */
const CLOCK_DOUBT_MS = 5 * 60_000;
/** How long a set may be used by callers; it is replaced long before. */
const VALIDITY_MS = 14 * DAY_MS;
/** How much earlier than after a day a set is replaced, at most. */
const JITTER_MS = 4 * 3_600_000;
/** How long a replaced set still opens offers that were sealed to it. */
const KEPT_MS = DAY_MS;
/** Most sets that are kept, however often the service says that it has none. */
const MAX_SETS = 32;
/** How long an offer is remembered, which is longer than one can be accepted. */
const SEEN_MS = 10 * 60_000;

/** A set of this device, newest first in the index. */
export type SetName = {
  readonly hash: string;
  readonly number: number;
  readonly madeMs: number;
  /** When the next one is made. */
  readonly dueMs: number;
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
 * Makes sure that the service has this device's newest set, and makes the next one when it is due, or
 * where the service does not take or have the newest. Sets that were replaced a day ago are erased.
 *
 * @throws ClientError
 */
export async function publishPrekeys(world: World): Promise<void> {
  try {
    await publishDue(world);
  } catch (error) {
    // Published too often; what is published serves meanwhile.
    const isTooOften = error instanceof ClientError && error.problem === "rate_limited";
    const sets = await readCell(world.store, SETS) ?? [];
    if (!isTooOften || !sets.some(({ published }) => published)) throw error;
  }
}

async function publishDue(world: World): Promise<void> {
  const nowMs = world.now();
  const sets = await keptSets(world);
  const [newest] = sets;
  const isFresh = newest !== undefined && nowMs < newest.dueMs &&
    // A set from the future was made under a wrong clock.
    newest.madeMs <= nowMs + CLOCK_DOUBT_MS;
  if (isFresh && await isThere(world, newest)) return;
  // Dated, so that it is above what callers saw of this device, whichever side was restored.
  const before = sets.find(({ published }) => published)?.number ?? 0;
  const number = Math.max(before + 1, Math.floor(nowMs / 1000));
  if (await isThere(world, await makeSet(world, number))) return;
  throw new ClientError("refused", "The service does not take this device's prekeys");
}

/** The sets, newest first, without those that no offer may name any more, which are erased. */
function keptSets({ store, now }: World): Promise<readonly SetName[]> {
  return change(store, [SETS], ([held]) => {
    const isKept = ({ replacedMs }: SetName, i: number) =>
      i < MAX_SETS && (replacedMs ?? Infinity) + KEPT_MS > now();
    const kept = (held ?? []).filter(isKept);
    const ended = (held ?? []).filter((set) => !kept.includes(set));
    const changes = Object.assign({}, ...ended.map(forgotten), keep(SETS, kept));
    return { changes: ended.length === 0 ? {} : changes, result: kept };
  });
}

/**
 * Whether the service has a published set still, or takes one that was not.
 *
 * @throws ClientError where it does not say
 */
async function isThere(world: World, { hash, published }: SetName): Promise<boolean> {
  const { store, http, account, now } = world;
  const held = await readCell(store, setCell(hash));
  if (held === null) throw new Error("bug: the store lost a prekey set");
  const tell = (method: string, path: string, body: unknown) =>
    http.signed(signerOf(world), method, path, body);
  try {
    if (published) {
      const check: PrekeysCheck = { hash: toBase64Url(prekeySetHash(held.set)) };
      await tell("POST", PREKEYS_CHECK, check);
      return true;
    }
    const path = prekeysPath(account.self.entry.deviceId);
    await tell("PUT", path, prekeysToWire(held, held.opks));
  } catch (error) {
    // `bad_prekeys`, `prekeys_conflict` or `prekeys_differ`
    if (error instanceof ClientError && error.problem?.includes("prekeys")) return false;
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

/** Makes a set and stores it, unpublished. */
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
    spkId: number >>> 0,
    spk: spk.publicKey,
    kpkId: number >>> 0,
    kpk: kpk.publicKey,
    opkCount: opks.length,
    opkRoot: oneTimeRoot(publicOpks),
  }, account.self.keys.signing);
  const hash = toHex(prekeySetHash(signed.set));
  const dueMs = madeMs + DAY_MS - Math.random() * JITTER_MS;
  const name: SetName = { hash, number, madeMs, dueMs, published: false, replacedMs: null };
  const privates = { spk: spk.privateKey, kpk: kpk.privateKey };
  await change(store, [SETS], ([sets]) => {
    return {
      changes: Object.assign(
        keep(SETS, [name, ...sets ?? []]),
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

function replayed(): ClientError {
  return new ClientError("offer_replayed", "This call was offered before");
}

function refused(cause?: unknown): ClientError {
  return new ClientError("handshake_refused", "The call was refused: it is not for this device", {
    cause,
  });
}
