/**
 * Waking devices that are not connected, by Web Push (RFC 8030, 8291, 8292).
 *
 * A push is a hint: it names nobody, says nothing of what waits, and all of them are as long. Whoever
 * asks for one never waits for it. What is under way is bounded, in all and for each push service, so
 * that one of them that hangs keeps nobody from the others.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { sealPush } from "../crypto/web_push.ts";
import { type LogStore, type Row } from "../kv/log_key.ts";
import { checkPush, deletePush, type PushRow } from "../kv/push.ts";
import { commit } from "../kv/transact.ts";
import {
  MAX_PUSHES,
  MAX_PUSHES_PER_SERVICE,
  PUSH_ATTEMPTS,
  PUSH_BURST_PER_DEVICE,
  PUSH_MESSAGE_BYTES,
  PUSH_REFILL_PER_DEVICE_MS,
  PUSH_TIMEOUT_MS,
} from "../wire/limits.ts";
import { type Accounts } from "./account.ts";
import { type Metrics } from "./metrics.ts";
import { sleep } from "./pause.ts";
import { type PushAnswer, sendPush } from "./push_request.ts";
import { type PushBounds, type PushSettings } from "./push_settings.ts";
import { currentPush, targetOf } from "./push_subscription.ts";
import { type Report } from "./report.ts";
import { type ServiceKeys } from "./service_keys.ts";
import { keyedBuckets } from "./token_bucket.ts";
import { openVapid } from "./vapid.ts";

/** Wakes devices. */
export interface Push {
  /**
   * Wakes those of these devices that have a subscription, as far as the limits allow. It returns at
   * once and never throws: a push is a hint, and what it is about waits elsewhere.
   *
   * @param ttlMs how long it is worth anything
   */
  wake(account: AccountLabel, devices: readonly number[], ttlMs: number): void;
  /**
   * Whether any of these devices can be woken: it has a subscription, as far as is known.
   *
   * @throws StoreError
   */
  canWake(account: AccountLabel, devices: readonly number[]): Promise<boolean>;
}

/** What became of a push. */
type PushOutcome =
  /** The push service took it. */
  | "delivered"
  /** The subscription is no more, and was forgotten. */
  | "gone"
  /** The push service does not want it. */
  | "refused"
  /** The push service did not take it in time. */
  | "failed"
  /** The device is woken too often, or too many pushes are under way. */
  | "dropped";

/** The pushes of one process. */
export interface PushSender extends Push {
  /** How it pushes, or null where it does not. */
  readonly settings: PushSettings | null;
  /** Gives up what is under way. */
  close(): Promise<void>;
}

/** What a sender works with. */
export interface PushParts {
  readonly log: LogStore;
  readonly keys: Pick<ServiceKeys, "vapid">;
  readonly accounts: Accounts;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Null where this service does not push. */
  readonly settings: PushSettings | null;
  /** What becomes of pushes is counted there; a device without a subscription counts nowhere. */
  readonly metrics: Metrics;
  /** Is given a sentence when a push service refuses in a new way. */
  readonly report: Report;
}

interface PushDevice {
  readonly account: AccountLabel;
  readonly device: number;
}

/** One push. */
interface Pushed extends PushDevice {
  readonly plaintext: Bytes;
  /** Until when it is worth anything, Unix milliseconds. */
  readonly untilMs: number;
}

const BOUNDS: PushBounds = {
  timeoutMs: PUSH_TIMEOUT_MS,
  retryMs: 2_000,
  perService: MAX_PUSHES_PER_SERVICE,
};

/** A sender that has nothing under way. */
export function openPush(parts: PushParts): PushSender {
  const { log, accounts, now, settings, metrics, report } = parts;
  const count = (outcome: PushOutcome) => metrics.count("pushes", outcome);
  if (settings === null) {
    const canWake = () => Promise.resolve(false);
    return { settings, wake: () => {}, canWake, close: () => Promise.resolve() };
  }
  const { timeoutMs, retryMs, perService } = settings.bounds ?? BOUNDS;
  const vapid = openVapid(parts.keys.vapid, settings.contact);
  const rate = keyedBuckets({ burst: PUSH_BURST_PER_DEVICE, refillMs: PUSH_REFILL_PER_DEVICE_MS });
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  const underWay = new Map<string, number>();
  const reported = new Set<string>();

  function wake(account: AccountLabel, devices: readonly number[], ttlMs: number): void {
    const untilMs = now() + ttlMs;
    // One id for all, so that a device that is told twice can tell.
    const plaintext = utf8(JSON.stringify({ t: "ring", id: toBase64Url(randomBytes(16)) }));
    for (const device of devices) {
      if (closing.signal.aborted) return;
      if (running.size >= MAX_PUSHES) {
        count("dropped");
        continue;
      }
      const job = push({ account, device, plaintext, untilMs })
        // The store did not answer: so the push fails, and nobody waits for it.
        .catch((): PushOutcome => "failed")
        .then((outcome) => {
          if (outcome !== null) count(outcome);
          running.delete(job);
        });
      running.add(job);
    }
  }

  async function canWake(account: AccountLabel, devices: readonly number[]): Promise<boolean> {
    const rows = await Promise.all(
      devices.map((device) => subscriptionOf({ account, device })),
    );
    return rows.some((row) => row !== null);
  }

  /** What became of a push to a device, or null where it has no subscription. @throws StoreError */
  async function push(to: Pushed): Promise<PushOutcome | null> {
    const row = await subscriptionOf(to);
    if (row === null) return null;
    if (!rate.take(`${to.account} ${to.device}`, now())) return "dropped";
    // The list may be another one than when the subscription came.
    const service = targetOf(settings!, row.value.endpoint)?.service;
    if (service === undefined) return "refused";
    const others = underWay.get(service) ?? 0;
    if (others >= perService) return "dropped";
    underWay.set(service, others + 1);
    try {
      return await persist(to, row);
    } finally {
      underWay.set(service, underWay.get(service)! - 1);
    }
  }

  /** Sends until the push service has an answer that stands, or it is too late. @throws StoreError */
  async function persist(to: Pushed, first: Row<PushRow>): Promise<PushOutcome | null> {
    let row: Row<PushRow> | null = first;
    for (let attempt = 1; row !== null; attempt++) {
      const answer = await send(row.value, to);
      if (answer.kind === "gone") await forget(to, row);
      if (answer.kind !== "later") return answer.kind;
      const waitMs = Math.max(answer.afterMs, backoffMs(attempt));
      if (attempt >= PUSH_ATTEMPTS || now() + waitMs >= to.untilMs) return "failed";
      await sleep(waitMs, closing.signal);
      if (closing.signal.aborted) return "failed";
      // Anew: a device that was removed meanwhile gets none.
      row = await subscriptionOf(to);
    }
    return null;
  }

  async function subscriptionOf(to: PushDevice): Promise<Row<PushRow> | null> {
    const row = await currentPush(log, accounts, to.account, to.device);
    if (row === null || row.value.expMs === null || row.value.expMs > now()) return row;
    await forget(to, row);
    return null;
  }

  async function send(row: PushRow, { plaintext, untilMs }: Pushed): Promise<PushAnswer> {
    const target = targetOf(settings!, row.endpoint);
    if (target === null) return { kind: "refused", status: 0 };
    const authorization = await vapid.header(target.origin, now());
    const message = await sealPush(row, plaintext, PUSH_MESSAGE_BYTES);
    const ttlMs = Math.max(0, untilMs - now());
    const request = { endpoint: row.endpoint, authorization, message, ttlMs };
    const answer = await sendPush(request, timeoutMs, closing.signal);
    if (answer.kind === "refused") refused(target.service, answer.status);
    return answer;
  }

  /** Once for each status: it is said for the operator, who may have to do something. */
  function refused(service: string, status: number): void {
    const trouble = `${service} ${status}`;
    if (reported.has(trouble)) return;
    reported.add(trouble);
    report(`Push service ${service} refused a message with status ${status}`, {
      level: "warn",
      event: "push_refused",
      service,
      status,
    });
  }

  /** Forgets a subscription, unless another one is in its place by now. */
  async function forget({ account, device }: PushDevice, row: Row<PushRow>): Promise<void> {
    // Where that fails it is found again by the next push.
    await commit(log.kv, [checkPush(log, account, device, row)], [
      deletePush(log, account, device),
    ]);
  }

  /** Up to twice as long each time, and drawn, so that not all come back at once. */
  function backoffMs(attempt: number): number {
    return retryMs * 2 ** (attempt - 1) * (0.5 + randomBytes(1)[0]! / 512);
  }

  async function close(): Promise<void> {
    closing.abort();
    await Promise.all(running);
  }

  return { settings, wake, canWake, close };
}
