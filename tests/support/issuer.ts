/**
 * An issuer of authorizations on a port of the loopback interface: an application's backend that grants
 * names, or an identity provider.
 *
 * @module
 */

import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { type AuthorizationBinding, type Authorize } from "../../client/authorization.ts";
import { grantedNames, type NamePolicy, oidcNames } from "../../core/name_policy.ts";
import { ORIGIN } from "./service_core.ts";

const ISSUER = "https://app.example";
const AUDIENCE = "client-1";

/** An issuer with its keys. */
export interface TestIssuer extends AsyncDisposable {
  /** The policy that believes its grants. */
  readonly granting: NamePolicy;
  /** The policy that believes its ID tokens, of which `email` is the name. */
  readonly identifying: NamePolicy;
  /** What the bindings were that it was asked with, in their order. */
  readonly asked: readonly AuthorizationBinding[];
  /** Grants this name. */
  grant(name: string, replaced?: JWTPayload): Authorize;
  /** Says that the person has this address. */
  idToken(email: string, replaced?: JWTPayload): Authorize;
}

/** Starts an issuer. */
export async function startIssuer(): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("EdDSA");
  const jwk = { ...await exportJWK(publicKey), alg: "EdDSA", kid: "1", use: "sig" };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json({ keys: [jwk] }),
  );
  const keys = new URL(`http://127.0.0.1:${server.addr.port}/jwks.json`);
  const asked: AuthorizationBinding[] = [];
  const sign = (claims: JWTPayload): Promise<string> =>
    new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: "1" }).sign(privateKey);
  const soon = (): number => Math.floor(Date.now() / 1000) + 300;
  return {
    granting: grantedNames({ issuer: ISSUER, keys }),
    identifying: oidcNames({ issuer: ISSUER, keys, audience: AUDIENCE, claim: "email" }),
    asked,
    grant: (name, replaced = {}) => (binding) => {
      asked.push(binding);
      const cnf = { jkt: binding.thumbprint };
      const jti = crypto.randomUUID();
      return sign({ iss: ISSUER, aud: ORIGIN, sub: name, exp: soon(), jti, cnf, ...replaced });
    },
    idToken: (email, replaced = {}) => (binding) => {
      asked.push(binding);
      const { nonce } = binding;
      const person = { sub: `user of ${email}`, email, email_verified: true };
      return sign({ iss: ISSUER, aud: AUDIENCE, exp: soon(), nonce, ...person, ...replaced });
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
