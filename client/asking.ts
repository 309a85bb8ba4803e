/**
 * Asking the service about a name: what is named to it, and how the request is made.
 *
 * @module
 */

import { type LookupAnswer } from "../crypto/lookup.ts";
import { ClientError } from "./error.ts";

/** What a lookup names to the service. */
export interface Asking {
  /** The size of the trusted head. */
  readonly from: number;
  /** The version that is known, or null. */
  readonly known: number | null;
  /** The last earlier record that is asked for, or null for the newest ones. */
  readonly through: number | null;
}

/** How a lookup asks. */
export interface Asker<Answer extends { readonly lookup: LookupAnswer }> {
  /** Makes the request. */
  readonly ask: (asking: Asking) => Promise<Answer>;
  /** Asks for more of the name's history. */
  readonly more: (asking: Asking) => Promise<LookupAnswer>;
}

/** Asks; a plain "nobody" proves nothing. */
export async function askFirst<Answer extends { readonly lookup: LookupAnswer }>(
  { ask }: Asker<Answer>,
  asking: Asking,
): Promise<Answer> {
  try {
    return await ask(asking);
  } catch (error) {
    if (!(error instanceof ClientError) || error.problem !== "name_not_found") throw error;
    throw new ClientError("proof_invalid", "The service denies a name without a proof");
  }
}
