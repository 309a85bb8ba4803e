/**
 * The world, as an argument: what every rule of the service is given, and how it is put together.
 *
 * @module
 */

import { type Secret } from "../crypto/secret.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Accounts, openAccounts } from "./account.ts";
import { eraseRetired } from "./erasure.ts";
import { openGeneration } from "./generation.ts";
import { type NamePolicy, openNames } from "./name_policy.ts";
import { createPublisher } from "./publisher.ts";
import { type Sequencer, startSequencer } from "./sequencer.ts";
import { deriveServiceKeys, type ServiceKeys } from "./service_keys.ts";

/** What the rules of the service work with. */
export interface Context extends LogStore {
  /** The service's keys. */
  readonly keys: ServiceKeys;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Puts accepted records into the log. */
  readonly sequencer: Sequencer;
  /** Whom the log knows. */
  readonly accounts: Accounts;
  /** Who may take a name. */
  readonly names: NamePolicy;
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
  readonly report: (sentence: string) => void;
  /** Who may take a name; without it anybody. */
  readonly names?: NamePolicy | undefined;
}

/**
 * Opens the service's log, founding it the first time, and starts what works on it. What an earlier
 * run committed and did not publish is published now.
 *
 * @throws Error where the log was founded with another secret
 * @throws ServiceError `unavailable` where the store was rolled back
 */
export async function openContext(parts: ContextParts): Promise<OpenContext> {
  const { kv, origin, now, report } = parts;
  const log: LogStore = { kv, origin };
  const keys = await deriveServiceKeys(parts.secret, origin);
  await openGeneration(log, keys, now());
  const publisher = createPublisher(log, keys, report);
  await publisher.publish();
  await eraseRetired(log);
  const sequencer = startSequencer({ log, publisher, now, report });
  const close = (): Promise<void> => sequencer.close();
  return {
    kv,
    origin,
    keys,
    now,
    sequencer,
    accounts: openAccounts(log),
    names: parts.names ?? openNames(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
