/**
 * How the service describes itself in `/.well-known/countersign`.
 *
 * @module
 */

import { asCount, asObject, asText, WireError } from "./json.ts";

/** The description. */
export interface ServiceDescription {
  /** Version of this description. */
  readonly version: 1;
  /** The log's origin. */
  readonly origin: string;
  /** The log's verifier key, C2SP signed-note form `name+hash+key`. */
  readonly verifier: string;
  /** A tlog-proof whose extra is CONFIG, entry 0. */
  readonly config: string;
  /** Who may create a name. */
  readonly policy: "open";
  /** Every limit, by name. */
  readonly limits: Readonly<Record<string, number>>;
}

/** Reads the description; the limits are for people. @throws WireError */
export function descriptionFromWire(
  value: unknown,
): Pick<ServiceDescription, "origin" | "verifier" | "config"> {
  const { version, origin, verifier, config } = asObject(value, "the description");
  if (asCount(version, "version") !== 1) throw new WireError("version");
  return {
    origin: asText(origin, "origin"),
    verifier: asText(verifier, "verifier"),
    config: asText(config, "config"),
  };
}
