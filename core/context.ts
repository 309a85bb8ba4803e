/**
 * The world, as an argument: what every rule of the service is given, and how it is put together.
 *
 * @module
 */

import { type LogPolicy } from "../crypto/policy.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { Secret } from "../crypto/secret.ts";
import { readFrozen } from "../kv/frozen.ts";
import { readHead } from "../kv/head.ts";
import {
  PREKEYS_BURST,
  PREKEYS_REFILL_MS,
  RESTORE_BURST,
  RESTORE_REFILL_MS,
} from "../wire/limits.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Accounts, openAccounts } from "./account.ts";
import { eraseRetired } from "./erasure.ts";
import { openGeneration } from "./generation.ts";
import { findVersionIn } from "./logged_version.ts";
import { type Metrics, openMetrics } from "./metrics.ts";
import { type Mailboxes, openMailboxes } from "./mailbox.ts";
import { type NamePolicy, openNames } from "./name_policy.ts";
import { type ManagedRooms, openManagedRooms } from "./managed_rooms.ts";
import { type PrefixCache, prefixCache } from "./prefix_cache.ts";
import { OPK_RATES, type PairCount, pairCount } from "./pair_rate.ts";
import { openPublisher, policyOf, type Publisher, type WitnessSettings } from "./publisher.ts";
import { openPush, type PushSender } from "./push.ts";
import { type PushSettings } from "./push_settings.ts";
import { SUBSCRIPTION_RATE } from "./push_subscription.ts";
import { type Embedder, embedderOf } from "./room_tokens.ts";
import { type TokenIssuer } from "./issuer.ts";
import { type Sequencer, startSequencer } from "./sequencer.ts";
import { deriveServiceKeys, SECRET_BYTES, type ServiceKeys } from "./service_keys.ts";
import { rememberedProofs, type SpentProofs, storedProofs } from "./spent_proofs.ts";
import { type KeyedBuckets, keyedBuckets, type TokenBucket, tokenBucket } from "./token_bucket.ts";
import { type Report } from "./report.ts";
import { ICE_RATE, type TurnSettings } from "./turn.ts";

/** What the rules of the service work with. */
export interface Context extends LogStore {
  /** The service's keys. */
  readonly keys: ServiceKeys;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Puts accepted records into the log. */
  readonly sequencer: Sequencer;
  /** Publishes what is in the log. */
  readonly publisher: Publisher;
  /** When a head of this log is published: its keys, its witnesses, its quorum. */
  readonly policy: LogPolicy;
  /** Which proofs were used. */
  readonly proofs: SpentProofs;
  /** Whom the log knows. */
  readonly accounts: Accounts;
  /** Who may take a name. */
  readonly names: NamePolicy;
  /** Tiles of the prefix tree that were read lately. */
  readonly prefixCache: PrefixCache;
  /** What is counted. */
  readonly metrics: Metrics;
  /** How often one-time prekeys are taken. */
  readonly opks: PairCount;
  /** How often each device publishes prekeys. */
  readonly publications: KeyedBuckets;
  /** Wakes devices. */
  readonly push: PushSender;
  /** How often each device brings a push subscription. */
  readonly subscriptions: KeyedBuckets;
  /** The servers that carry media where two devices cannot reach each other, or null. */
  readonly turn: TurnSettings | null;
  /** How often each device asks for credentials at them. */
  readonly ice: KeyedBuckets;
  /** How often a record that is not acceptable as a new one is looked for in the log. */
  readonly restoring: TokenBucket;
  /** Whose backend makes room tokens besides us, or null. */
  readonly embedder: Embedder | null;
  /** The managed rooms. */
  readonly rooms: ManagedRooms;
  /** What waits for devices that are not there. */
  readonly mailboxes: Mailboxes;
}

/** A context with its end. */
export interface OpenContext extends Context, AsyncDisposable {
  /** Finishes the epoch under way; the store stays open, since it was opened elsewhere. */
  close(): Promise<void>;
}

/** What a context is made of. */
export interface ContextParts {
  /** The store, which may hold other logs too. */
  readonly kv: Deno.Kv;
  /** The log's origin, `<host>/kt/<generation>`. */
  readonly origin: string;
  /** The service's secret, 32 bytes. */
  readonly secret: Secret;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given sentences for the operator; they hold no names and no secrets. */
  readonly report: Report;
  /** Whether no other process works on the store as long as this one does; `false` unless it is said. */
  readonly isAlone?: boolean | undefined;
  /** Who may take a name; without it anybody. */
  readonly names?: NamePolicy | undefined;
  /** Who cosigns the log's heads; without it they are published at once. */
  readonly witnesses?: WitnessSettings;
  /** Whether heads are signed with ML-DSA-44 too. */
  readonly isPostQuantum?: boolean;
  /** How devices are woken; without it they are not. */
  readonly push?: PushSettings | null;
  /** The TURN and STUN servers; without it there are none. */
  readonly turn?: TurnSettings | null;
  /** Whose backend makes room tokens besides us. */
  readonly embedder?: TokenIssuer | null | undefined;
}

/**
 * Opens the service's log, founding it the first time, and starts what works on it. What an earlier
 * run committed and did not publish is published now. A log that is frozen opens for reading.
 *
 * @throws Error where the log was founded with another secret, or the policy is of another log
 */
export async function openContext(parts: ContextParts): Promise<OpenContext> {
  const { kv, origin, now, report, witnesses = null, isAlone = false } = parts;
  const log: LogStore = { kv, origin };
  const derived = await deriveServiceKeys(parts.secret, origin, parts.isPostQuantum);
  const keys = isAlone ? { ...derived, nonces: new Secret(randomBytes(SECRET_BYTES)) } : derived;
  const policy = witnesses === null
    ? { logs: keys.logKeys, witnesses: [], groups: [], quorum: null }
    : policyOf(keys, witnesses);
  // A store whose tree was wiped to be rebuilt must not be founded anew.
  const frozen = (await readFrozen(log))?.value ?? null;
  if (frozen !== null && await readHead(log) === null) {
    throw new Error(`Cannot open the log: ${frozen.reason}`);
  }
  await openGeneration(log, keys, now());
  // Before anything runs that would have to be ended where this fails.
  if (await readFrozen(log) === null) await eraseRetired(log);
  const cache = prefixCache();
  const publisher = await openPublisher({ log, keys, witnesses, now, report });
  const sequencer = startSequencer({ log, publisher, now, report, prefix: cache });
  const accounts = openAccounts(log, findVersionIn(log, keys.vrf, cache));
  const metrics = openMetrics();
  const settings = parts.push ?? null;
  const push = openPush({ log, keys, accounts, now, settings, metrics, report });
  const close = async (): Promise<void> => {
    await push.close();
    await sequencer.close();
    await publisher.close();
  };
  const embedder = parts.embedder ? embedderOf(parts.embedder) : null;
  return {
    kv,
    origin,
    keys,
    now,
    proofs: isAlone ? rememberedProofs() : storedProofs(kv),
    embedder,
    rooms: openManagedRooms({ kv, origin, keys, now, embedder }),
    mailboxes: openMailboxes({ kv, now, metrics }),
    sequencer,
    publisher,
    policy,
    accounts,
    names: parts.names ?? openNames(),
    prefixCache: cache,
    metrics,
    opks: pairCount(OPK_RATES),
    publications: keyedBuckets({ burst: PREKEYS_BURST, refillMs: PREKEYS_REFILL_MS }),
    push,
    subscriptions: keyedBuckets(SUBSCRIPTION_RATE),
    turn: parts.turn ?? null,
    ice: keyedBuckets(ICE_RATE),
    restoring: tokenBucket({ burst: RESTORE_BURST, refillMs: RESTORE_REFILL_MS }, now()),
    close,
    [Symbol.asyncDispose]: close,
  };
}
