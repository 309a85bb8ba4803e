/**
 * The operator's settings of who makes room tokens besides us: texts in, an issuer out.
 *
 * @module
 */

import { MAX_ISSUER_BYTES, readKeys } from "./issuer_settings.ts";
import { type TokenIssuer } from "./issuer.ts";
import { embedderOf } from "./room_tokens.ts";
import { utf8 } from "../crypto/bytes.ts";

/** The settings as they were written; empty and absent are the same. */
export interface RoomSettings {
  /** The embedder's keys: a URL, a file, or the JSON itself. */
  readonly jwks?: string | undefined;
  /** The `iss` of its tokens. */
  readonly issuer?: string | undefined;
}

/**
 * The embedder of some settings, or null where there is none.
 *
 * @param origin the service's own `iss`
 * @param readText reads a file
 * @throws Error with a sentence for the operator
 */
export async function readEmbedder(
  { jwks = "", issuer = "" }: RoomSettings,
  origin: string,
  readText: (path: string) => Promise<string>,
): Promise<TokenIssuer | null> {
  if (jwks === "" && issuer === "") return null;
  if (jwks === "" || issuer === "") {
    throw new Error("COUNTERSIGN_ROOMS_JWKS and COUNTERSIGN_ROOMS_ISSUER are needed together");
  }
  if (issuer === origin) {
    throw new Error("COUNTERSIGN_ROOMS_ISSUER is the service itself: it has to be another");
  }
  if (utf8(issuer).length > MAX_ISSUER_BYTES) {
    throw new Error(`COUNTERSIGN_ROOMS_ISSUER has at most ${MAX_ISSUER_BYTES} bytes`);
  }
  const keys = await readKeys("COUNTERSIGN_ROOMS_JWKS", jwks, readText);
  try {
    embedderOf({ issuer, keys });
  } catch {
    throw new Error("COUNTERSIGN_ROOMS_JWKS has to hold a JSON Web Key Set");
  }
  return { issuer, keys };
}
