/**
 * Requests to the service: JSON in and out, problems as `ClientError`s, and, once somebody signed
 * in, an access token with a fresh proof on every request.
 *
 * @module
 */

import { type SigningKeyPair } from "../crypto/keys.ts";
import { problemFromWire } from "../wire/problem.ts";
import { TOKENS } from "../wire/paths.ts";
import { type AccessToken, tokenFromWire } from "../wire/token.ts";
import { dpopProof } from "./dpop.ts";
import { ClientError, ofProblem } from "./error.ts";
import { reading } from "./reading.ts";

/** How early a token is renewed, in milliseconds. */
export const RENEW_EARLY_MS = 60_000;
/** How long one request may take, in milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Longest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 1_000_000;

/** Who makes signed requests. */
export interface Signer {
  /** The account's label. */
  readonly label: string;
  /** The device's signing key. */
  readonly signing: SigningKeyPair;
}

/** An access token, which is worth nothing without the device's key. */
export interface Token {
  /** What goes into the request. */
  readonly value: string;
  /** When it ends, Unix milliseconds. */
  readonly expiresMs: number;
  /** Whose it is. */
  readonly label: string;
}

/** A connection to one service. */
export class Http {
  /** The service's origin, without a path. */
  readonly origin: string;
  readonly #now: () => number;
  readonly #closed = new AbortController();
  #nonce: string | null = null;
  #token: Token | null = null;

  /** Speaks to the service at this URL. @throws ClientError `bad_option`, `insecure_context` */
  constructor(service: string | URL, now: () => number) {
    // Here, where everything begins: later its absence would look like a proof that fails.
    if (globalThis.crypto?.subtle === undefined) {
      throw new ClientError(
        "insecure_context",
        "Without HTTPS, or localhost, there is no WebCrypto",
      );
    }
    this.origin = originOf(service);
    this.#now = now;
  }

  /** A request that anyone may make. @throws ClientError */
  async open(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number = REQUEST_TIMEOUT_MS,
  ): Promise<unknown> {
    return await this.#answer(await this.#fetch(method, path, {}, body, timeoutMs));
  }

  /** A request as an account's device. @throws ClientError */
  async signed(signer: Signer, method: string, path: string, body?: unknown): Promise<unknown> {
    const token = await this.token(signer);
    try {
      return await this.#proven(signer, token.value, method, path, body);
    } catch (error) {
      if (!(error instanceof ClientError && error.problem === "invalid_token")) throw error;
    }
    // The service no longer knows the token, whatever its time: once more with a fresh one.
    this.forgetToken();
    return await this.#proven(signer, (await this.token(signer)).value, method, path, body);
  }

  /**
   * A request for a name's owner, who has no device of it: as a key that vouches for itself.
   *
   * @param authorization what the name policy gave for this key, or null @throws ClientError
   */
  async asOwner(
    signing: SigningKeyPair,
    authorization: string | null,
    path: string,
  ): Promise<unknown> {
    return await this.#proven({ signing }, authorization, "GET", path, undefined);
  }

  /** A request of whoever has this key and no account: a guest. @throws ClientError */
  async asKey(
    signing: SigningKeyPair,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<unknown> {
    return await this.#proven({ signing }, null, method, path, body);
  }

  /** The next request signs in again. */
  forgetToken(): void {
    this.#token = null;
  }

  /** An access token of the account that is good for a minute at least. @throws ClientError */
  async token(signer: Signer): Promise<Token> {
    const held = this.#token;
    const isFresh = held !== null && held.label === signer.label &&
      held.expiresMs - RENEW_EARLY_MS > this.#now();
    if (isFresh) return held;
    const { token, ttlMs } = await this.#signIn(signer);
    const fresh = { value: token, expiresMs: this.#now() + ttlMs, label: signer.label };
    this.#token = fresh;
    return fresh;
  }

  /** Ends every request under way. */
  close(): void {
    this.#closed.abort();
  }

  async #signIn(signer: Signer): Promise<AccessToken> {
    const body = { account: signer.label };
    const answer = await this.#proven(signer, null, "POST", TOKENS, body);
    return reading(tokenFromWire, answer);
  }

  /** Makes a request with a proof; once more where the service wants another nonce. */
  async #proven(
    signer: Pick<Signer, "signing">,
    token: string | null,
    method: string,
    path: string,
    body: unknown,
  ): Promise<unknown> {
    const url = this.origin + path.split("?")[0]!;
    for (let attempt = 0;; attempt++) {
      const proof = await dpopProof(signer.signing, {
        method,
        url,
        nonce: this.#nonce,
        token,
        nowMs: this.#now(),
      });
      const headers: Record<string, string> = { dpop: proof };
      if (token !== null) headers["authorization"] = `DPoP ${token}`;
      const response = await this.#fetch(method, path, headers, body);
      try {
        return await this.#answer(response);
      } catch (error) {
        const again = error instanceof ClientError && error.problem === "use_dpop_nonce";
        if (!again || attempt > 0) throw error;
      }
    }
  }

  async #fetch(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: unknown,
    timeoutMs: number = REQUEST_TIMEOUT_MS,
  ): Promise<Response> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const init: RequestInit = {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.any([timeout, this.#closed.signal]),
    };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(this.origin + path, init);
    } catch (cause) {
      if (this.#closed.signal.aborted) throw new ClientError("closed", "The client was closed");
      throw new ClientError("network", "The service can't be reached", { cause });
    }
    this.#nonce = response.headers.get("dpop-nonce") ?? this.#nonce;
    return response;
  }

  async #answer(response: Response): Promise<unknown> {
    const value = await readJson(response);
    if (response.ok) return value;
    const problem = problemFromWire(value);
    if (problem !== null) throw ofProblem(problem);
    throw new ClientError("unavailable", `The service answered ${response.status}`);
  }
}

/** The service lives at the root of its origin. @throws ClientError `bad_option` */
function originOf(service: string | URL): string {
  const url = URL.parse(service);
  const isService = url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" &&
    url.search === "" && url.hash === "" && url.username === "";
  if (isService) return url.origin;
  throw new ClientError("bad_option", "The service is given as https://host, without a path");
}

async function readJson(response: Response): Promise<unknown> {
  const text = await readText(response);
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    if (!response.ok) return null;
    throw new ClientError("bad_answer", "The service's answer is not JSON");
  }
}

/** Reads no further than the limit, whatever the service goes on sending. */
async function readText({ body }: Response): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.length;
      if (bytes > MAX_ANSWER_BYTES) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch (cause) {
    throw new ClientError("network", "The service's answer broke off", { cause });
  }
  void reader.cancel().catch(() => {});
  throw new ClientError("bad_answer", "The service's answer is too long");
}
