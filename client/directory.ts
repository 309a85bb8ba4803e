/**
 * Asking the directory about people: every answer is verified before anything of it is used.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import {
  type BundleRequest,
  bundlesFromWire,
  lookupFromWire,
  type RecordRequest,
} from "../wire/directory.ts";
import { bundlePath, proofPath, recordPath } from "../wire/paths.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Http } from "./http.ts";
import { type Contact } from "./contact.ts";
import { type Trust } from "./trust.ts";
import { signerOf, type World } from "./world.ts";

/** Sends a first record and verifies that the log took it. @throws ClientError */
export async function submitRecord(
  http: Http,
  trust: Trust,
  label: AccountLabel,
  record: Bytes,
): Promise<Contact> {
  const { contact } = await trust.learn(label, "contact", async (from) => {
    const body: RecordRequest = { record: toBase64Url(record), from };
    return { lookup: reading(lookupFromWire, await http.open("PUT", recordPath(label), body)) };
  });
  return contact;
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
  const { contact } = await world.trust.learn(label, as, async (from) => {
    const path = `${proofPath(label)}?from=${from}`;
    const answer = await world.http.signed(signerOf(world), "GET", path);
    return { lookup: reading(lookupFromWire, answer) };
  });
  return contact;
}

/** Looks a person up and takes what it needs to call them. @throws ClientError */
export async function takeBundle(
  world: World,
  label: AccountLabel,
): Promise<{ readonly contact: Contact; readonly bundle: VerifiedBundle }> {
  const { contact, answer } = await world.trust.learn(label, "contact", async (from) => {
    const body: BundleRequest = { from };
    const path = bundlePath(label);
    return reading(bundlesFromWire, await world.http.signed(signerOf(world), "POST", path, body));
  });
  const [bundle] = answer.bundles;
  if (contact.record.devices.length !== 1 || answer.bundles.length !== 1 || bundle === undefined) {
    throw new ClientError("several_devices", "This person uses several devices");
  }
  return { contact, bundle: await world.trust.verifyBundle(contact, bundle) };
}

function reading<T>(fromWire: (answer: unknown) => T, answer: unknown): T {
  try {
    return fromWire(answer);
  } catch (error) {
    throw toClientError(error, "bad_answer");
  }
}
