/**
 * Push subscriptions: a device brings the one of its browser, and takes it away again.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { isP256PublicKey } from "../crypto/p256.ts";
import { type PushKeys } from "../crypto/web_push.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import { deletePush, type PushRow, readPush, writePush } from "../kv/push.ts";
import { checkLabel, readLabel } from "../kv/records.ts";
import { commit, type Decision, transact } from "../kv/transact.ts";
import { StoreError } from "../kv/store_error.ts";
import { PUSH_SUBSCRIPTION_BURST, PUSH_SUBSCRIPTION_REFILL_MS } from "../wire/limits.ts";
import { type AccountDevice, type Accounts, deviceKey } from "./account.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { pushServiceOf, type PushSettings } from "./push_settings.ts";
import { type Rate } from "./token_bucket.ts";

/** A subscription as a browser gives it. */
export interface PushSubscription extends PushKeys {
  /** The URL of its push service. */
  readonly endpoint: string;
  /** When it ends, Unix milliseconds, or null. */
  readonly expMs: number | null;
}

/** How often one device brings one. */
export const SUBSCRIPTION_RATE: Rate = {
  burst: PUSH_SUBSCRIPTION_BURST,
  refillMs: PUSH_SUBSCRIPTION_REFILL_MS,
};

/** Where a message goes. */
export interface PushTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** The entry of the list of push services that the host is on. */
  readonly service: string;
}

/**
 * Keeps a device's subscription in place of the one before. The same again changes nothing.
 *
 * @throws ServiceError `push_off`, `bad_subscription`, `rate_limited`, `unknown_device`, `unavailable`
 * where the account is about to change
 * @throws StoreError
 */
export async function subscribePush(
  ctx: Context,
  { account, deviceId, signing }: AccountDevice,
  { endpoint, p256dh, auth, expMs }: PushSubscription,
): Promise<void> {
  const settings = ctx.push.settings;
  if (settings === null) throw new ServiceError("push_off", "This service has no Web Push");
  if (targetOf(settings, endpoint) === null) {
    throw new ServiceError("bad_subscription", "The endpoint is not of a push service in use here");
  }
  if (!isP256PublicKey(p256dh)) {
    throw new ServiceError("bad_subscription", "The subscription's key is not one of P-256");
  }
  if (!ctx.subscriptions.take(deviceKey({ account, deviceId }), ctx.now())) {
    throw new ServiceError("rate_limited", "The device subscribes too often: try again later");
  }
  const record = await ctx.accounts.record(account);
  if (record === null) throw new ServiceError("unknown_device", "The account has no such device");
  const row: PushRow = { endpoint, p256dh, auth, signing, expMs };
  await transact<void>(ctx.kv, async (): Promise<Decision<void>> => {
    const state = await readLabel(ctx, account);
    // It is taken away with the device: none may come after that.
    if (state?.value.version !== record.version) {
      throw new ServiceError("unavailable", "The account is about to change: try again");
    }
    return {
      checks: [checkLabel(ctx, account, state)],
      mutations: [writePush(ctx, account, deviceId, row)],
      then: undefined,
    };
  });
}

/** Forgets a device's subscription; nothing where there is none. @throws StoreError */
export async function unsubscribePush(
  ctx: LogStore,
  { account, deviceId }: Pick<AccountDevice, "account" | "deviceId">,
): Promise<void> {
  if (await commit(ctx.kv, [], [deletePush(ctx, account, deviceId)]) !== "committed") {
    throw new StoreError("The store does not say whether it deleted");
  }
}

/**
 * The subscription of a device that is a current one, with that very key, or null.
 *
 * @throws StoreError
 */
export async function currentPush(
  log: LogStore,
  accounts: Accounts,
  account: AccountLabel,
  deviceId: number,
): Promise<Row<PushRow> | null> {
  const row = await readPush(log, account, deviceId);
  if (row === null) return null;
  const { signing } = row.value;
  return await accounts.isCurrent({ account, deviceId, signing }) ? row : null;
}

/** Where an endpoint is, or null where no message goes there. */
export function targetOf(
  { hosts, isLoopbackAllowed = false }: PushSettings,
  endpoint: string,
): PushTarget | null {
  const url = URL.parse(endpoint);
  if (url === null || url.username !== "" || url.password !== "" || url.hash !== "") return null;
  const { protocol, hostname, port, origin } = url;
  if (isLoopbackAllowed && protocol === "http:" && hostname === "127.0.0.1") {
    return { origin, service: origin };
  }
  if (protocol !== "https:" || port !== "") return null;
  const service = pushServiceOf(hosts, hostname);
  return service === null ? null : { origin, service };
}
