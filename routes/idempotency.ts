/**
 * The header `Idempotency-Key`: a POST that is sent again is answered as before, and not done again.
 *
 * @module
 */

import { type Context as Exchange } from "hono";
import { type Idempotency } from "../core/idempotency.ts";
import { ServiceError } from "../core/error.ts";
import { type AccountLabel } from "../crypto/account_label.ts";
import { concat, utf8 } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { MAX_IDEMPOTENCY_KEY_CHARS } from "../wire/limits.ts";

/** What is done once. */
export interface KeyedAct {
  /** Whose key it is. */
  readonly account: AccountLabel;
  /** The operation's id. */
  readonly operation: string;
  /** The body as it came. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Does what a request asks, once where it has a key.
 *
 * @throws ServiceError `malformed` where the key is none, those of `Idempotency.once`, and of `act`
 */
export async function idempotent(
  exchange: Exchange,
  idempotency: Idempotency,
  { account, operation, body }: KeyedAct,
  act: () => Promise<Response>,
): Promise<Response> {
  const key = keyOf(exchange.req.header("idempotency-key"));
  if (key === null) return await act();
  const { pathname } = new URL(exchange.req.url);
  const request = sha256(concat(utf8(`${pathname}\n`), body));
  const { status, text } = await idempotency.once(
    { account, operation, key, request },
    async () => {
      const response = await act();
      const text = await response.text();
      return { status: response.status, text: text === "" ? null : text };
    },
  );
  const headers = text === null ? {} : { "content-type": "application/json" };
  return new Response(text, { status, headers });
}

/** The key: a string of structured fields (RFC 9651), or the same without its quotes. */
function keyOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  const [, quoted, bare] = /^(?:"([^"\\]*)"|([A-Za-z0-9._~+/=:-]+))$/.exec(header.trim()) ?? [];
  const key = quoted ?? bare ?? "";
  if (/^[\x20-\x7e]+$/.test(key) && key.length <= MAX_IDEMPOTENCY_KEY_CHARS) return key;
  const message = `The Idempotency-Key has to have 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} characters`;
  throw new ServiceError("malformed", message);
}
