/**
 * Waking devices that are not connected, by Web Push (RFC 8030).
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";

/** Wakes devices. */
export interface Push {
  /**
   * Wakes those of these devices that have a subscription, as far as the limits allow. It returns at
   * once and never throws: a push is a hint, and what it is about waits elsewhere.
   *
   * @param ttlMs how long it is worth anything
   */
  wake(account: AccountLabel, devices: readonly number[], ttlMs: number): void;
}
