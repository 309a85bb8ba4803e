/**
 * The requests that ask about a name. Nothing of an answer is verified here.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { lookupFromWire, type RecordRequest } from "../wire/directory.ts";
import { RECORD_TIMEOUT_MS } from "../wire/limits.ts";
import { ownerPath, proofPath, recordPath, resetPath } from "../wire/paths.ts";
import { type Asker, type Asking } from "./asking.ts";
import { type Http, type Signer } from "./http.ts";
import { reading } from "./reading.ts";

/** How long a record may take: the service answers once witnesses have seen it. In milliseconds. */
const RECORD_PATIENCE_MS = RECORD_TIMEOUT_MS + 5_000;

/** How a record is brought. */
export interface Bringing {
  /** What the name policy asks for, or null. */
  readonly authorization: string | null;
  /** Whether the operator has to sign it first. */
  readonly isReset: boolean;
}

const PLAIN: Bringing = { authorization: null, isReset: false };

/** Asks for the proof of a name. @throws ClientError */
export async function askForProof(
  http: Http,
  signer: Signer,
  label: AccountLabel,
  asking: Readonly<Record<keyof Asking, number | null>>,
): Promise<LookupAnswer> {
  const path = proofPath(label, asking);
  return reading(lookupFromWire, await http.signed(signer, "GET", path));
}

/**
 * Asks for the proof of a name as its owner, who has no device of it.
 *
 * @param signing the recovery key, or the key that the authorization is for @throws ClientError
 */
export async function askAsOwner(
  http: Http,
  signing: SigningKeyPair,
  authorization: string | null,
  label: AccountLabel,
  asking: Asking,
): Promise<LookupAnswer> {
  const answer = await http.asOwner(signing, authorization, ownerPath(label, { ...asking }));
  return reading(lookupFromWire, answer);
}

/** Asks about a name by bringing a record of it, which nobody has to sign in for. */
export function bringing(
  http: Http,
  label: AccountLabel,
  record: Bytes,
  { authorization, isReset }: Bringing = PLAIN,
): Asker<{ readonly lookup: LookupAnswer }> {
  const [method, path] = isReset ? ["POST", resetPath(label)] : ["PUT", recordPath(label)];
  const ask = async ({ from, known, through }: Asking) => {
    const body: RecordRequest = {
      record: toBase64Url(record),
      from,
      ...(known === null ? {} : { known }),
      ...(through === null ? {} : { through }),
      ...(authorization === null ? {} : { authorization }),
    };
    return {
      lookup: reading(lookupFromWire, await http.open(method, path, body, RECORD_PATIENCE_MS)),
    };
  };
  // The same record again is answered again, with more of the history.
  return { ask, more: async (asking) => (await ask(asking)).lookup };
}
