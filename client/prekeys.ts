/**
 * This device's prekeys: made, published, rotated daily, and erased.
 *
 * A set is stored before it is published and published again until the service has it; where the service
 * lost it, as one does that was restored from a backup, the next set is made. When that is due was drawn
 * by lot when the set was made: it must never depend on how many one-time prekeys were used.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { toHex } from "../crypto/bytes.ts";
import { generateAgreementKeyPair, generateKemKeyPair } from "../crypto/keys.ts";
import {
  MAX_ONE_TIME_PREKEYS,
  oneTimeRoot,
  prekeySetHash,
  signPrekeySet,
} from "../crypto/prekey.ts";
import { type PrekeysCheck, prekeysToWire } from "../wire/directory.ts";
import { PREKEYS_CHECK, prekeysPath } from "../wire/paths.ts";
import { type ProblemCode } from "../wire/problem.ts";
import { change, keep, readCell } from "./cell.ts";
import { ClientError } from "./error.ts";
import { forgetSet, oneTimeCell, setCell, type SetName, SETS } from "./prekey_sets.ts";
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
/** What the service says where another set has to be made. */
const NOT_THERE: readonly (ProblemCode | null)[] = [
  "bad_prekeys",
  "prekeys_conflict",
  "prekeys_differ",
];

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
  if (isFresh && await hasOrTakes(world, newest)) return;
  // Dated, so that it is above what callers saw of this device, whichever side was restored.
  const before = sets.find(({ published }) => published)?.number ?? 0;
  const number = Math.max(before + 1, Math.floor(nowMs / 1000));
  if (await hasOrTakes(world, await makeSet(world, number))) return;
  throw new ClientError("refused", "The service does not take this device's prekeys");
}

/** The sets, newest first, without those that no offer may name any more, which are erased. */
function keptSets({ store, now }: World): Promise<readonly SetName[]> {
  return change(store, [SETS], ([held]) => {
    const isKept = ({ replacedMs }: SetName, i: number) =>
      i < MAX_SETS && (replacedMs ?? Infinity) + KEPT_MS > now();
    const kept = (held ?? []).filter(isKept);
    const ended = (held ?? []).filter((set) => !kept.includes(set));
    const changes = Object.assign({}, ...ended.map(forgetSet), keep(SETS, kept));
    return { changes: ended.length === 0 ? {} : changes, result: kept };
  });
}

/**
 * Whether the service has a published set still, or takes one that was not.
 *
 * @throws ClientError where it does not say
 */
async function hasOrTakes(world: World, { hash, published }: SetName): Promise<boolean> {
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
    if (error instanceof ClientError && NOT_THERE.includes(error.problem)) return false;
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
