/**
 * What a new device and an old one tell each other while they meet: the JSON of their slot, and the
 * payloads that they seal for each other.
 *
 *     device    { kind, signing, identity, name }       the new one: who it is
 *     account   { kind, label, deviceId, addedMs, name, version, record }
 *                                                       the old one: whose it becomes, as which, and the
 *                                                       record that the next one adds it to
 *     binding   { kind, binding }                       the new one: that it agrees
 *     done      { kind }                                the old one: that the log has it
 *     cancel    { kind }                                either: that it comes to nothing
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { type Bytes, fromUtf8, utf8 } from "../crypto/bytes.ts";
import {
  type AgreementKey,
  parseAgreementKey,
  parseVerifyingKey,
  type VerifyingKey,
} from "../crypto/keys.ts";
import { asArray, asBytes, asCount, asObject, asText, WireError } from "./json.ts";
import { MAX_LINK_MESSAGES } from "./limits.ts";

/** The answer to `GET /v1/links/{slot}/{side}`. */
export interface LinkMessagesWire {
  /** Base64url. */
  readonly messages: readonly string[];
}

/** Reads a slot's messages. @throws WireError */
export function linkMessagesFromWire(value: unknown): readonly Bytes[] {
  const { messages } = asObject(value, "the answer");
  return asArray(messages, "messages", MAX_LINK_MESSAGES).map((one) => asBytes(one, "a message"));
}

/** One sealed payload. */
export type LinkPayload =
  | {
    readonly kind: "device";
    readonly signing: VerifyingKey;
    readonly identity: AgreementKey;
    /** What its owner calls it. */
    readonly name: string;
  }
  | {
    readonly kind: "account";
    readonly label: string;
    /** The number that the new device gets. */
    readonly deviceId: number;
    /** When it is added, Unix milliseconds. */
    readonly addedMs: number;
    /** What the old device is called. */
    readonly name: string;
    /** The version of the account's newest record, which the next one adds the device to. */
    readonly version: number;
    /** `recordHash` of that record. */
    readonly record: Bytes;
  }
  | { readonly kind: "binding"; readonly binding: Bytes }
  | { readonly kind: "done" }
  | { readonly kind: "cancel" };

/** The bytes to seal. */
export function linkPayloadToBytes(payload: LinkPayload): Bytes {
  return utf8(JSON.stringify(payload, (_, value) => {
    return value instanceof Uint8Array ? toBase64Url(value) : value;
  }));
}

/** Reads what was opened. @throws WireError, CryptoError `bad_key` */
export function linkPayloadFromBytes(bytes: Bytes): LinkPayload {
  let value: unknown = null;
  try {
    value = JSON.parse(fromUtf8(bytes) ?? "");
  } catch {
    throw new WireError("a payload");
  }
  const payload = asObject(value, "a payload");
  switch (payload.kind) {
    case "device":
      return {
        kind: "device",
        signing: parseVerifyingKey(asBytes(payload.signing, "signing")),
        identity: parseAgreementKey(asBytes(payload.identity, "identity")),
        name: asText(payload.name, "name"),
      };
    case "account":
      return {
        kind: "account",
        label: asText(payload.label, "label"),
        deviceId: asCount(payload.deviceId, "deviceId"),
        addedMs: asCount(payload.addedMs, "addedMs"),
        name: asText(payload.name, "name"),
        version: asCount(payload.version, "version"),
        record: asBytes(payload.record, "record"),
      };
    case "binding":
      return { kind: "binding", binding: asBytes(payload.binding, "binding") };
    case "done":
    case "cancel":
      return { kind: payload.kind };
    default:
      throw new WireError("a payload's kind");
  }
}
