/**
 * This device's prekeys: made, published, rotated daily, and taken when an offer uses them.
 *
 * A set is stored before it is published and published again until the service has it. A one-time
 * prekey is deleted, and its offer remembered, in the one transaction that hands it out: an offer
 * that comes twice finds neither.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import { decodeOffer, type OfferHeader } from "../crypto/handshake_message.ts";
import {
  type AgreementKeyPair,
  generateAgreementKeyPair,
  generateKemKeyPair,
  parseAgreementKey,
} from "../crypto/keys.ts";
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
import { type Account } from "./account.ts";
import { ClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { type Changes, read, type Store, type Stored, write } from "./store.ts";

const DAY_MS = 24 * 3_600_000;
/** How long a set may be used by callers; it is replaced long before. */
const VALIDITY_MS = 14 * DAY_MS;
/** How long a replaced set still opens offers that were sealed to it. */
const KEPT_MS = DAY_MS;
/** How long an offer is remembered, which is longer than one can be accepted. */
const SEEN_MS = 10 * 60_000;

const INDEX = "prekeys";
const SEEN = "seen";

type SetName = {
  readonly hash: string;
  readonly number: number;
  readonly madeMs: number;
  readonly published: boolean;
};
type Index = { readonly sets: readonly SetName[] };
type StoredSet = {
  readonly set: Bytes;
  readonly signature: Bytes;
  readonly opks: readonly Bytes[];
  readonly spk: CryptoKey;
  readonly kpk: KemPrivateKey;
};

/** Publishes a set if there is none, or if the newest is a day old. @throws ClientError */
export async function publishPrekeys(store: Store, http: Http, account: Account): Promise<void> {
  const index = await indexOf(store);
  const newest = index.sets[0];
  const fresh = newest !== undefined && newest.madeMs + DAY_MS > http.now();
  if (fresh && newest.published) return;
  const name = fresh ? newest : await makeSet(store, account, newest?.number ?? 0, http.now());
  const held = await read(store, setKey(name.hash)) as unknown as StoredSet;
  const body = prekeysToWire(held, held.opks.map(parseAgreementKey));
  const signer = { label: account.label, signing: account.self.keys.signing };
  await http.signed(signer, "PUT", prekeysPath(account.self.entry.deviceId), body);
  await store.update([INDEX], ([value]) => {
    const { sets } = value as Index;
    const marked = sets.map((set) => set.hash === name.hash ? { ...set, published: true } : set);
    return { changes: { [INDEX]: { sets: marked } }, result: undefined };
  });
}

/**
 * Takes the private prekeys that an offer names, once.
 *
 * @throws ClientError `offer_replayed`, `handshake_refused`
 */
export async function takePrekeys(store: Store, offer: Bytes, nowMs: number): Promise<UsedPrekeys> {
  let header: OfferHeader;
  try {
    header = decodeOffer(offer).header;
  } catch (cause) {
    throw refused(cause);
  }
  const set = toHex(header.prekeySetB);
  const opkKey = header.opkIndex === null ? null : oneTimeKey(set, header.opkIndex);
  const seenKey = toHex(sha256(offer));
  const keys = [SEEN, setKey(set), ...(opkKey === null ? [] : [opkKey])];
  const taken = await store.update(keys, ([seenValue, setValue, opkValue]) => {
    const seen = (seenValue ?? {}) as Readonly<Record<string, number>>;
    if (Object.hasOwn(seen, seenKey)) {
      throw new ClientError("offer_replayed", "This call was offered before");
    }
    const held = (setValue ?? null) as StoredSet | null;
    const opk = (opkValue ?? null) as CryptoKey | null;
    if (held === null || (opkKey !== null && opk === null)) throw refused();
    const recent = Object.entries(seen).filter(([, until]) => until > nowMs);
    const changes: Record<string, Stored> = {
      [SEEN]: { ...Object.fromEntries(recent), [seenKey]: nowMs + SEEN_MS },
    };
    if (opkKey !== null) changes[opkKey] = null;
    return { changes, result: { held, opk } };
  });
  return usedPrekeys(taken.held, header.opkIndex, taken.opk);
}

function usedPrekeys(held: StoredSet, index: number | null, opk: CryptoKey | null): UsedPrekeys {
  const { spk, kpk } = decodePrekeySet(held.set);
  return {
    setBytes: held.set,
    spk: { publicKey: spk, privateKey: held.spk },
    kpk: { publicKey: kpk, privateKey: held.kpk },
    opk: index === null || opk === null
      ? null
      : { publicKey: parseAgreementKey(held.opks[index]!), privateKey: opk },
  };
}

/** Makes the next set and stores it, unpublished; forgets sets that are too old to be used. */
async function makeSet(
  store: Store,
  account: Account,
  lastNumber: number,
  nowMs: number,
): Promise<SetName> {
  const [spk, kpk, opks] = await Promise.all([
    generateAgreementKeyPair(store.extractable),
    generateKemKeyPair(store.extractable),
    Promise.all(
      Array.from(
        { length: MAX_ONE_TIME_PREKEYS },
        () => generateAgreementKeyPair(store.extractable),
      ),
    ),
  ]);
  const number = lastNumber + 1;
  const signed = await signPrekeySet({
    deviceEntryHash: account.self.entryHash,
    setNumber: number,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + VALIDITY_MS,
    spkId: number,
    spk: spk.publicKey,
    kpkId: number,
    kpk: kpk.publicKey,
    opkCount: opks.length,
    opkRoot: oneTimeRoot(opks.map(({ publicKey }) => publicKey)),
  }, account.self.keys.signing);
  const hash = toHex(prekeySetHash(signed.set));
  const name: SetName = { hash, number, madeMs: nowMs, published: false };
  const kept = (await indexOf(store)).sets.filter(({ madeMs }) =>
    madeMs + DAY_MS + KEPT_MS > nowMs
  );
  await write(store, {
    ...await forgotten(store, kept),
    [INDEX]: { sets: [name, ...kept] },
    [setKey(hash)]: {
      ...signed,
      opks: opks.map(({ publicKey }) => publicKey),
      spk: spk.privateKey,
      kpk: kpk.privateKey,
    },
    ...Object.fromEntries(opks.map((opk, i) => [oneTimeKey(hash, i), privateOf(opk)])),
  });
  return name;
}

async function forgotten(store: Store, kept: readonly SetName[]): Promise<Changes> {
  const changes: Record<string, Stored> = {};
  for (const { hash } of (await indexOf(store)).sets) {
    if (kept.some((set) => set.hash === hash)) continue;
    changes[setKey(hash)] = null;
    for (let i = 0; i < MAX_ONE_TIME_PREKEYS; i++) changes[oneTimeKey(hash, i)] = null;
  }
  return changes;
}

async function indexOf(store: Store): Promise<Index> {
  return (await read(store, INDEX) ?? { sets: [] }) as Index;
}

function privateOf(pair: AgreementKeyPair): CryptoKey {
  return pair.privateKey;
}

function setKey(hash: string): string {
  return `prekeys/${hash}`;
}

function oneTimeKey(setHash: string, index: number): string {
  return `opk/${setHash}/${index}`;
}

function refused(cause?: unknown): ClientError {
  return new ClientError("handshake_refused", "The call was refused: it is not for this device", {
    cause,
  });
}
