/**
 * A DPoP client of our own, written apart from the SDK's, that can also make proofs that are wrong.
 *
 * @module
 */

import { toBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { type SigningKeyPair } from "../../crypto/keys.ts";
import { ed25519Sign, randomBytes, sha256 } from "../../crypto/primitives.ts";
import { type TestService } from "./service.ts";
import { newAccount, type TestAccount } from "./service_core.ts";

/** What a proof is about, and what is wrong with it. */
export interface ProofOptions {
  readonly method: string;
  readonly url: string;
  readonly nonce?: string;
  readonly token?: string;
  readonly nowMs?: number;
  /** Replaces or adds header members. */
  readonly header?: Record<string, unknown>;
  /** Replaces or adds claims. */
  readonly claims?: Record<string, unknown>;
}

/** The public JWK of a key. */
export function jwkOf({ publicKey }: SigningKeyPair): Record<string, string> {
  return { kty: "OKP", crv: "Ed25519", x: toBase64Url(publicKey) };
}

/** A proof in compact form. */
export async function makeProof(key: SigningKeyPair, options: ProofOptions): Promise<string> {
  const { method, url, nonce, token, nowMs = Date.now() } = options;
  const header = { typ: "dpop+jwt", alg: "EdDSA", jwk: jwkOf(key), ...options.header };
  const claims = {
    jti: toBase64Url(randomBytes(12)),
    htm: method,
    htu: url,
    iat: Math.floor(nowMs / 1000),
    ...(nonce === undefined ? {} : { nonce }),
    ...(token === undefined ? {} : { ath: toBase64Url(sha256(utf8(token))) }),
    ...options.claims,
  };
  const signed = [header, claims].map((part) => toBase64Url(utf8(JSON.stringify(part)))).join(".");
  return `${signed}.${toBase64Url(await ed25519Sign(key.privateKey, utf8(signed)))}`;
}

/** A nonce of the service. */
export async function freshNonce(service: TestService): Promise<string> {
  const response = await fetch(`${service.url}/v1/nothing`);
  await response.body?.cancel();
  return response.headers.get("dpop-nonce")!;
}

/** A JSON request. */
export function sendJson(
  service: TestService,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(service.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** A person whose name the service's log holds. @param word what the name policy asks for */
export async function registered(
  service: TestService,
  name: string,
  word?: (account: TestAccount) => string,
): Promise<TestAccount> {
  const account = await newAccount(name, { issuedMs: service.now() });
  const authorization = word?.(account);
  const body = {
    record: toBase64Url(account.record),
    ...(authorization === undefined ? {} : { authorization }),
  };
  const response = await sendJson(service, "PUT", `/v1/directory/${name}`, body);
  if (response.status !== 200) throw new Error(`not registered: ${await response.text()}`);
  await response.body?.cancel();
  return account;
}

/** An access token of a person. */
export async function tokenOf(service: TestService, account: TestAccount): Promise<string> {
  const proof = await makeProof(account.keys.signing, {
    method: "POST",
    url: `${service.url}/v1/tokens`,
    nonce: await freshNonce(service),
    nowMs: service.now(),
  });
  const body = { account: account.label };
  const response = await sendJson(service, "POST", "/v1/tokens", body, { dpop: proof });
  const answer = await response.json();
  if (response.status !== 200) throw new Error(`not signed in: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

/** The headers with which a person makes one request. */
export async function credentials(
  service: TestService,
  account: TestAccount,
  token: string,
  method: string,
  path: string,
): Promise<Record<string, string>> {
  const proof = await makeProof(account.keys.signing, {
    method,
    url: service.url + path.split("?")[0]!,
    nonce: await freshNonce(service),
    token,
    nowMs: service.now(),
  });
  return { authorization: `DPoP ${token}`, dpop: proof };
}
