/**
 * Asking the directory about people: every answer is verified before anything of it is used.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import {
  type BundleRequest,
  bundlesFromWire,
  lookupFromWire,
  type RecordRequest,
} from "../wire/directory.ts";
import { RECORD_TIMEOUT_MS } from "../wire/limits.ts";
import { bundlePath, ownerPath, proofPath, recordPath, resetPath } from "../wire/paths.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { type Contact } from "./contact.ts";
import { type Asker, type Asking } from "./asking.ts";
import { type Trust } from "./trust.ts";
import { signerOf, type World } from "./world.ts";

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

/**
 * Brings a record and verifies what the log has of the name then: this record, or one that followed.
 *
 * @throws ClientError
 */
export async function submitRecord(
  http: Http,
  trust: Trust,
  label: AccountLabel,
  record: Bytes,
): Promise<Contact> {
  const { contact } = await trust.learn(label, "contact", bringing(http, label, record));
  return contact;
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

/**
 * The newest record of a name for its owner, who has no device of it; it is not remembered.
 *
 * @param signing the recovery key, or the key that the authorization is for @throws ClientError
 */
export async function lookUpAsOwner(
  http: Http,
  trust: Trust,
  label: AccountLabel,
  signing: SigningKeyPair,
  authorization: string | null,
): Promise<VerifiedRecord> {
  const more = async (asking: Asking) => {
    const answer = await http.asOwner(signing, authorization, ownerPath(label, { ...asking }));
    return reading(lookupFromWire, answer);
  };
  const ask = async (asking: Asking) => ({ lookup: await more(asking) });
  const { records } = await trust.trace(label, "stranger", { ask, more });
  return records.at(-1)!;
}

/**
 * Looks a person up; takes no prekeys.
 *
 * @param as a `stranger` is not remembered yet: somebody else named them @throws ClientError
 */
export async function lookUp(
  world: World,
  label: AccountLabel,
  as: "contact" | "stranger" = "contact",
): Promise<Contact> {
  const more = (asking: Asking) => askForProof(world.http, signerOf(world), label, asking);
  const ask = async (asking: Asking) => ({ lookup: await more(asking) });
  const { contact } = await world.trust.learn(label, as, { ask, more });
  return contact;
}

/** Asks for the proof of a name; nothing of the answer is verified. @throws ClientError */
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
 * Looks a person up and takes what it needs to call them: a bundle of every device that published
 * prekeys.
 *
 * @throws ClientError
 */
export async function takeBundles(
  world: World,
  label: AccountLabel,
): Promise<{ readonly contact: Contact; readonly bundles: readonly VerifiedBundle[] }> {
  const { contact, answer } = await world.trust.learn(label, "contact", {
    async ask({ from, known }) {
      const body: BundleRequest = { from, ...(known === null ? {} : { known }) };
      const path = bundlePath(label);
      return reading(bundlesFromWire, await world.http.signed(signerOf(world), "POST", path, body));
    },
    more: (asking) => askForProof(world.http, signerOf(world), label, asking),
  });
  const devices = new Set(answer.bundles.map(({ deviceId }) => deviceId));
  if (devices.size === 0) {
    throw new ClientError("peer_offline", "The person has published no prekeys");
  }
  if (devices.size !== answer.bundles.length) {
    throw new ClientError("bad_answer", "The bundles are not one for each device");
  }
  const bundles: VerifiedBundle[] = [];
  // One after the other: each remembers its set's number in the same place.
  for (const bundle of answer.bundles) {
    bundles.push(await world.trust.verifyBundle(contact, bundle));
  }
  return { contact, bundles };
}

function reading<T>(fromWire: (answer: unknown) => T, answer: unknown): T {
  try {
    return fromWire(answer);
  } catch (error) {
    throw toClientError(error, "bad_answer");
  }
}
