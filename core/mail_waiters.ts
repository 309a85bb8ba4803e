/**
 * Whoever waits for mail without a socket: answered when there is some, or when the time is over.
 *
 * What another instance puts in rings no bell here, so the mailbox is also looked at now and then. How
 * many wait is bounded, for each account and in all.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { MAX_ALL_MAIL_WAITERS, MAX_MAIL_WAITERS } from "../wire/limits.ts";
import { type Context } from "./context.ts";
import { ServiceError } from "./error.ts";
import { type WaitingMail } from "./waiting_mail.ts";

/** How often a mailbox is looked at while somebody waits, in milliseconds. */
const LOOK_MS = 2_000;

/** Those who wait. */
export interface MailWaiters {
  /**
   * What waits for a device, as soon as something does.
   *
   * @param waitMs how long at most; 0 for an answer at once
   * @param signal ends the waiting
   * @throws ServiceError `rate_limited` where too many wait already @throws StoreError
   */
  wait(
    account: AccountLabel,
    device: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly WaitingMail[]>;
  /** Answers everybody: the service stops. */
  close(): void;
}

/** Nobody waits. */
export function mailWaiters({ now, mailboxes }: Pick<Context, "now" | "mailboxes">): MailWaiters {
  const waiting = new Map<AccountLabel, Set<() => void>>();
  let count = 0;
  let isClosed = false;

  /** Resolves at a bell, an end, or the time. */
  function pause(account: AccountLabel, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const bells = waiting.get(account)!;
      const done = (): void => {
        clearTimeout(timer);
        bells.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      bells.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  function enter(account: AccountLabel, waiters: Map<AccountLabel, number>): () => void {
    const ofAccount = waiters.get(account) ?? 0;
    if (ofAccount >= MAX_MAIL_WAITERS || count >= MAX_ALL_MAIL_WAITERS) {
      throw new ServiceError("rate_limited", "Too many wait for mail already");
    }
    count++;
    waiters.set(account, ofAccount + 1);
    if (!waiting.has(account)) waiting.set(account, new Set());
    return () => {
      count--;
      const left = waiters.get(account)! - 1;
      if (left > 0) return void waiters.set(account, left);
      waiters.delete(account);
      waiting.delete(account);
    };
  }

  mailboxes.listen((account) => [...waiting.get(account) ?? []].forEach((bell) => bell()));
  const counts = new Map<AccountLabel, number>();
  return {
    async wait(account, device, waitMs, signal) {
      if (waitMs === 0) return await mailboxes.waiting(account, device);
      const leave = enter(account, counts);
      try {
        const untilMs = now() + waitMs;
        for (;;) {
          const found = await mailboxes.waiting(account, device);
          const leftMs = untilMs - now();
          if (found.length > 0 || leftMs <= 0 || signal.aborted || isClosed) return found;
          await pause(account, Math.min(leftMs, LOOK_MS), signal);
        }
      } finally {
        leave();
      }
    },
    close() {
      isClosed = true;
      for (const bells of [...waiting.values()]) [...bells].forEach((bell) => bell());
    },
  };
}
