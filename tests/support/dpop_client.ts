/**
 * Somebody who signs every request in, whatever it is: for tools that make no proofs themselves.
 *
 * @module
 */

import { makeProof, tokenOf } from "./dpop.ts";
import { type TestService } from "./service.ts";
import { type TestAccount } from "./service_core.ts";

/** Signs requests of one account. */
export interface DpopClient {
  /** The headers with which a request is signed in. */
  sign(method: string, path: string): Promise<readonly [string, string][]>;
}

/** Signs in. */
export async function dpopClient(service: TestService, account: TestAccount): Promise<DpopClient> {
  const token = await tokenOf(service, account);
  return {
    async sign(method, path) {
      const nonce = await nonceOf(service);
      const url = service.url + path;
      const nowMs = service.now();
      const proof = await makeProof(account.keys.signing, { method, url, nonce, token, nowMs });
      return [["authorization", `DPoP ${token}`], ["dpop", proof]];
    },
  };
}

/** A nonce of the service, which is good for a minute, is asked for anew every ten seconds. */
let known: { readonly url: string; readonly nonce: string; readonly untilMs: number } | null = null;

async function nonceOf({ url, now }: TestService): Promise<string> {
  if (known !== null && known.url === url && now() < known.untilMs) return known.nonce;
  const response = await fetch(`${url}/v1/nothing`);
  await response.body?.cancel();
  const nonce = response.headers.get("dpop-nonce")!;
  known = { url, nonce, untilMs: now() + 10_000 };
  return nonce;
}
