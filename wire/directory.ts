/**
 * The JSON of the directory: records, lookups, prekeys and bundles.
 *
 * Requests are what the client builds and `schema.ts` checks; answers are what the service builds
 * and the `fromWire` functions here check.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type Bundle } from "../crypto/bundle.ts";
import { type AgreementKey, parseAgreementKey } from "../crypto/keys.ts";
import { type LookupAnswer } from "../crypto/lookup.ts";
import { type OneTimePrekey, type SignedPrekeySet } from "../crypto/prekey.ts";
import { randomBytes } from "../crypto/primitives.ts";
import { asArray, asBytes, asCount, asObject, asText } from "./json.ts";

/** `PUT /v1/directory/{label}`, and `POST /v1/directory/{label}/reset` without the operator's signature. */
export interface RecordRequest {
  /** The SignedRecord, base64url. */
  readonly record: string;
  /** A compact JWS by whoever vouches for names, where the service's name policy asks for one. */
  readonly authorization?: string | undefined;
  /** Size of the newest head the client trusts, or absent at first contact. */
  readonly from?: number | undefined;
  /** The version that the client knows, or absent. */
  readonly known?: number | undefined;
  /** The last earlier record that is asked for, or absent for the newest ones. */
  readonly through?: number | undefined;
}

/** `PUT /v1/keys/{device}`. */
export interface PrekeysRequest {
  /** The encoded PrekeySet, base64url. */
  readonly set: string;
  /** The device's signature over it, base64url. */
  readonly signature: string;
  /** The one-time prekeys in order, base64url. */
  readonly opks: readonly string[];
}

/** `POST /v1/keys/check`. */
export interface PrekeysCheck {
  /** `prekeySetHash` of the newest set that the device published, base64url. */
  readonly hash: string;
}

/** `POST /v1/directory/{label}/bundle`. */
export interface BundleRequest {
  /** Size of the newest head the client trusts, or absent at first contact. */
  readonly from?: number | undefined;
  /** The version that the client knows, or absent. */
  readonly known?: number | undefined;
}

/** The answer to a registration and to `GET /v1/directory/{label}/proof`. */
export interface LookupWire {
  /** A C2SP tlog-proof. */
  readonly proof: string;
  /** Consistency hashes from the head named, base64url. */
  readonly consistency: readonly string[];
}

/** One device in the answer to a bundle request: as long with a one-time prekey as without one. */
export interface BundleWire {
  readonly device: number;
  readonly set: string;
  readonly signature: string;
  readonly opk:
    | { readonly index: number; readonly key: string; readonly path: readonly string[] }
    | null;
  /** Random characters that nobody reads. */
  readonly pad: string;
}

/** What the longest one-time prekey and its pad come to as JSON, in characters. */
const OPK_CHARS = 320;

/** The answer to a bundle request. */
export interface BundlesWire extends LookupWire {
  /** One for each current device of the account. */
  readonly bundles: readonly BundleWire[];
}

/** A lookup's answer as JSON. */
export function lookupToWire(answer: LookupAnswer): LookupWire {
  return { proof: answer.proof, consistency: answer.consistency.map(toBase64Url) };
}

/** Reads a lookup's answer. @throws WireError */
export function lookupFromWire(value: unknown): LookupAnswer {
  const { proof, consistency } = asObject(value, "the answer");
  return {
    proof: asText(proof, "proof"),
    consistency: asArray(consistency, "consistency", 64).map((hash) => asBytes(hash, "a hash")),
  };
}

/** Prekeys for publication. */
export function prekeysToWire(
  signed: SignedPrekeySet,
  opks: readonly AgreementKey[],
): PrekeysRequest {
  return {
    set: toBase64Url(signed.set),
    signature: toBase64Url(signed.signature),
    opks: opks.map(toBase64Url),
  };
}

/** A bundle as JSON. */
export function bundleToWire(bundle: Bundle): BundleWire {
  const opk = bundle.opk === null ? null : {
    index: bundle.opk.index,
    key: toBase64Url(bundle.opk.key),
    path: bundle.opk.path.map(toBase64Url),
  };
  return {
    device: bundle.deviceId,
    set: toBase64Url(bundle.set),
    signature: toBase64Url(bundle.signature),
    opk,
    pad: padOf(JSON.stringify(opk).length),
  };
}

/** Random, since a proxy that compresses would make nothing of zeros. */
function padOf(chars: number): string {
  if (chars > OPK_CHARS) throw new Error("bug: a one-time prekey longer than its room");
  return toBase64Url(randomBytes(OPK_CHARS)).slice(0, OPK_CHARS - chars);
}

/** Reads the answer to a bundle request. @throws WireError, CryptoError `bad_key` */
export function bundlesFromWire(
  value: unknown,
): { readonly lookup: LookupAnswer; readonly bundles: readonly Bundle[] } {
  const { bundles } = asObject(value, "the answer");
  return {
    lookup: lookupFromWire(value),
    bundles: asArray(bundles, "bundles", 8).map(bundleFromWire),
  };
}

function bundleFromWire(value: unknown): Bundle {
  const { device, set, signature, opk } = asObject(value, "a bundle");
  return {
    deviceId: asCount(device, "device"),
    set: asBytes(set, "set"),
    signature: asBytes(signature, "signature"),
    opk: opk === null ? null : opkFromWire(opk),
  };
}

function opkFromWire(value: unknown): OneTimePrekey {
  const { index, key, path } = asObject(value, "a one-time prekey");
  return {
    index: asCount(index, "index"),
    key: parseAgreementKey(asBytes(key, "key") as Bytes),
    path: asArray(path, "path", 16).map((hash) => asBytes(hash, "a hash")),
  };
}
