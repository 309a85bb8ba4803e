/**
 * Noting what the user found out about a person, by whatever they compared.
 *
 * @module
 */

import { type AccountId } from "../crypto/account_label.ts";
import { type Bytes, equal } from "../crypto/bytes.ts";
import { recordHash } from "../crypto/record.ts";
import { change, keep } from "./cell.ts";
import { pinOf, type Verdict } from "./contact.ts";
import { ClientError } from "./error.ts";
import { type World } from "./world.ts";

/** The record that was compared. */
export interface Compared {
  readonly account: AccountId;
  /** `recordHash` of it. */
  readonly hash: Bytes;
}

/**
 * Notes it.
 *
 * @throws ClientError `unknown_name` where nobody of that name is known, `record_conflict` where they have
 * another record by now: look again, and compare that; `store_failed`
 */
export async function noteVerdict(
  { store, now }: Pick<World, "store" | "now">,
  { account: { label }, hash }: Compared,
  standing: Verdict["standing"],
): Promise<void> {
  await change(store, [pinOf(label)], ([pin]) => {
    if (pin === null) throw new ClientError("unknown_name", "Nobody of that name is known here");
    if (!equal(recordHash(pin.record), hash)) {
      throw new ClientError("record_conflict", "That person's account has changed meanwhile");
    }
    const verdict = { standing, sinceMs: now() };
    return { changes: keep(pinOf(label), { ...pin, verdict }), result: undefined };
  });
}
