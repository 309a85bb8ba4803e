/**
 * What the settings of every issuer of tokens have in common: its keys as a URL, a file or JSON.
 *
 * @module
 */

import { type TokenIssuer } from "./issuer.ts";

/** Longest name of an issuer in bytes. */
export const MAX_ISSUER_BYTES = 255;

/**
 * An issuer's keys, or where they are.
 *
 * @param variable what the setting is called
 * @param text a URL, a file, or the JSON itself
 * @throws Error with a sentence for the operator
 */
export async function readKeys(
  variable: string,
  text: string,
  readText: (path: string) => Promise<string>,
): Promise<TokenIssuer["keys"]> {
  const isInline = text.trimStart().startsWith("{");
  if (!isInline && /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return keysUrl(variable, text);
  let json: string;
  try {
    json = isInline ? text : await readText(text);
  } catch {
    throw new Error(`${variable} names a file that can't be read`);
  }
  try {
    return JSON.parse(json);
  } catch {
    throw new Error(`${variable} has to hold a JSON Web Key Set`);
  }
}

/** Keys that came over a network without TLS would be anybody's; on loopback there is none. */
function keysUrl(variable: string, text: string): URL {
  const url = URL.parse(text);
  const isLoopback = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/.test(url?.hostname ?? "");
  const isSafe = url?.protocol === "https:" || url?.protocol === "http:" && isLoopback;
  if (url === null || !isSafe || url.username !== "" || url.password !== "") {
    throw new Error(`${variable} has to be an https URL, without a password`);
  }
  return url;
}
