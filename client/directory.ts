/**
 * Asking the directory about people: every answer is verified before anything of it is used.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { type BundleRequest, bundlesFromWire } from "../wire/directory.ts";
import { bundlePath } from "../wire/paths.ts";
import { ClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { askAsOwner, askForProof, bringing } from "./name_request.ts";
import { reading } from "./reading.ts";
import { type Contact } from "./contact.ts";
import { type Asking } from "./asking.ts";
import { type Trust } from "./trust.ts";
import { signerOf, type World } from "./world.ts";

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
  const { contact } = await trust.people.learn(label, "contact", bringing(http, label, record));
  return contact;
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
  const more = (asking: Asking) => askAsOwner(http, signing, authorization, label, asking);
  const ask = async (asking: Asking) => ({ lookup: await more(asking) });
  const { records } = await trust.people.trace(label, "stranger", { ask, more });
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
  const { contact } = await world.trust.people.learn(label, as, { ask, more });
  return contact;
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
  const { contact, answer } = await world.trust.people.learn(label, "contact", {
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
    bundles.push(await world.trust.people.verifyBundle(contact, bundle));
  }
  return { contact, bundles };
}
