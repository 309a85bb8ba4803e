/**
 * The comparison of a short code as applications see it: two people in a call find out that nobody is between
 * them.
 *
 * @module
 */

import { type ShortCode } from "../crypto/sas_table.ts";

/**
 * Where a comparison stands. `asked`: the other person wants to compare; `waiting`: for the other person;
 * `shown`: there is a code, to be compared by voice; `failed`: begin again, a minute later.
 */
export type ComparisonState =
  | "idle"
  | "asked"
  | "waiting"
  | "shown"
  | "same"
  | "different"
  | "failed";

/** Two people comparing a short code in their call. */
export interface Comparison {
  /** Where it stands. */
  readonly state: ComparisonState;
  /** What to compare, once it is `shown`. */
  readonly code: ShortCode | null;
  /** Every state from the present one on. One reader. */
  states(signal?: AbortSignal): AsyncIterable<ComparisonState>;
  /**
   * Asks the other person to compare, or agrees to: this person pressed a button.
   *
   * @throws ClientError `unavailable` where this minute's try is used up, `refused` where the call's are, or
   * one is under way, `closed` after the call, `network`
   */
  begin(): Promise<void>;
  /**
   * What this person says of the codes. `same` makes the other one `verified`; `different` marks them as
   * `mismatch` and ends the call with `code_mismatch`.
   *
   * @throws ClientError `refused` where no code is shown, `record_conflict` where they changed their devices
   * during the call, `store_failed`
   */
  say(verdict: "same" | "different"): Promise<void>;
}
