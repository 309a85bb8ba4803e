/**
 * The operator's settings of the name policy: texts in, a policy out.
 *
 *     open     needs nothing
 *     grant    jwks, issuer
 *     oidc     jwks, issuer, audience; the claim is `email` unless given
 *
 * A setting that would have no effect is refused: whoever made it believes in it.
 *
 * @module
 */

import { utf8 } from "../crypto/bytes.ts";
import { MAX_ISSUER_BYTES, readKeys } from "./issuer_settings.ts";
import { grantedNames, type NamePolicy, oidcNames, openNames } from "./name_policy.ts";

/** The settings as they were written; empty and absent are the same. */
export interface NameSettings {
  /** `open`, `grant` or `oidc`. */
  readonly names?: string | undefined;
  /** The issuer's keys: a URL, a file, or the JSON itself. */
  readonly jwks?: string | undefined;
  /** The tokens' `iss`. */
  readonly issuer?: string | undefined;
  /** The ID tokens' `aud`. */
  readonly audience?: string | undefined;
  /** The ID tokens' claim that is the name. */
  readonly claim?: string | undefined;
}

/**
 * The policy of some settings.
 *
 * @param readText reads a file
 * @throws Error with a sentence for the operator
 */
export async function readNamePolicy(
  settings: NameSettings,
  readText: (path: string) => Promise<string>,
): Promise<NamePolicy> {
  const kind = settings.names || "open";
  const used = USED.get(kind);
  if (used === undefined) throw new Error("COUNTERSIGN_NAMES has to be open, grant or oidc");
  for (const [name, variable] of VARIABLES) {
    const isGiven = (settings[name] || "") !== "";
    if (isGiven && !used.includes(name)) {
      throw new Error(`${variable} has no effect where COUNTERSIGN_NAMES is ${kind}`);
    }
    if (!isGiven && used.includes(name) && name !== "claim") {
      throw new Error(`${variable} is needed where COUNTERSIGN_NAMES is ${kind}`);
    }
  }
  if (kind === "open") return openNames();
  const issuer = settings.issuer!;
  if (utf8(issuer).length > MAX_ISSUER_BYTES) {
    throw new Error(`COUNTERSIGN_NAMES_ISSUER has at most ${MAX_ISSUER_BYTES} bytes`);
  }
  const keys = await readKeys("COUNTERSIGN_NAMES_JWKS", settings.jwks!, readText);
  try {
    if (kind === "grant") return grantedNames({ issuer, keys });
    return oidcNames({
      issuer,
      keys,
      audience: settings.audience!,
      claim: settings.claim || "email",
    });
  } catch {
    throw new Error("COUNTERSIGN_NAMES_JWKS has to hold a JSON Web Key Set");
  }
}

type Name = Exclude<keyof NameSettings, "names">;

const VARIABLES: readonly (readonly [Name, string])[] = [
  ["jwks", "COUNTERSIGN_NAMES_JWKS"],
  ["issuer", "COUNTERSIGN_NAMES_ISSUER"],
  ["audience", "COUNTERSIGN_NAMES_AUDIENCE"],
  ["claim", "COUNTERSIGN_NAMES_CLAIM"],
];

const USED = new Map<string, readonly Name[]>([
  ["open", []],
  ["grant", ["jwks", "issuer"]],
  ["oidc", ["jwks", "issuer", "audience", "claim"]],
]);
