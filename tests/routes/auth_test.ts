import { equal, match, notEqual } from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { ed25519FromSeed, ed25519Sign, randomBytes } from "../../crypto/primitives.ts";
import {
  credentials,
  freshNonce,
  jwkOf,
  makeProof,
  type ProofOptions,
  registered,
  sendJson,
  tokenOf,
} from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, type TestAccount } from "../support/service_core.ts";

/** What the service says to a sign-in with this proof. */
async function signIn(
  service: TestService,
  proof: string | null,
  account: string,
): Promise<string> {
  const headers: Record<string, string> = proof === null ? {} : { dpop: proof };
  const response = await sendJson(service, "POST", "/v1/tokens", { account }, headers);
  return await outcome(response);
}

async function outcome(response: Response): Promise<string> {
  if (response.ok) {
    await response.body?.cancel();
    return "ok";
  }
  equal(response.headers.get("content-type"), "application/problem+json");
  const { code, status, title } = await response.json();
  equal(status, response.status);
  match(title, /^[^{}]{5,120}$/);
  return code;
}

async function proofOf(
  service: TestService,
  account: TestAccount,
  change: Partial<ProofOptions> = {},
): Promise<string> {
  return await makeProof(account.keys.signing, {
    method: "POST",
    url: `${service.url}/v1/tokens`,
    nonce: await freshNonce(service),
    nowMs: service.now(),
    ...change,
  });
}

Deno.test("a proof over the service's nonce gives a token of ten minutes", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const first = await makeProof(alice.keys.signing, {
    method: "POST",
    url: `${service.url}/v1/tokens`,
  });
  const body = { account: "alice" };
  const refused = await sendJson(service, "POST", "/v1/tokens", body, { dpop: first });
  equal(refused.headers.get("www-authenticate")?.includes(`error="use_dpop_nonce"`), true);
  equal(await outcome(refused), "use_dpop_nonce");
  const nonce = refused.headers.get("dpop-nonce")!;
  const proof = await proofOf(service, alice, { nonce });
  const response = await sendJson(service, "POST", "/v1/tokens", body, { dpop: proof });
  equal(response.headers.get("cache-control"), "no-store");
  const { access_token, token_type, expires_in } = await response.json();
  equal(token_type, "DPoP");
  equal(expires_in, 600);
  equal(access_token.split(".").length, 3);
});

Deno.test("a proof that is for something else, late, or badly made signs nobody in", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const { x } = jwkOf(alice.keys.signing) as { x: string };
  // The last character of 32 bytes in base64url holds two unused bits.
  const respelt = x.slice(0, -1) + String.fromCharCode(x.charCodeAt(x.length - 1) + 1);
  const wrong: Record<string, Partial<ProofOptions>> = {
    "another method": { method: "GET" },
    "another path": { url: `${service.url}/v1/ws` },
    "another host": { url: "http://example.org/v1/tokens" },
    "a query": { url: `${service.url}/v1/tokens?a=1` },
    "two minutes old": { nowMs: service.now() - 120_000 },
    "two minutes early": { nowMs: service.now() + 120_000 },
    "iat as a text": { claims: { iat: "now" } },
    "no jti": { claims: { jti: undefined } },
    "an empty jti": { claims: { jti: "" } },
    "a long jti": { claims: { jti: "a".repeat(129) } },
    "ath at sign-in": { token: "a.b.c" },
    "another typ": { header: { typ: "JWT" } },
    "no alg": { header: { alg: "none" } },
    "another alg": { header: { alg: "HS256" } },
    "crit": { header: { crit: ["exp"] } },
    "a kid": { header: { kid: "1" } },
    "a private key": { header: { jwk: { ...jwkOf(alice.keys.signing), d: x } } },
    "no key": { header: { jwk: undefined } },
    "a key of small order": {
      header: { jwk: { kty: "OKP", crv: "Ed25519", x: toBase64Url(new Uint8Array(32)) } },
    },
    "another curve": { header: { jwk: { kty: "OKP", crv: "X25519", x } } },
    "a key in another spelling": { header: { jwk: { kty: "OKP", crv: "Ed25519", x: respelt } } },
    "a stranger's key": { header: { jwk: jwkOf(await generateSigningKeyPair()) } },
  };
  for (const [what, change] of Object.entries(wrong)) {
    equal(
      await signIn(service, await proofOf(service, alice, change), "alice"),
      "invalid_proof",
      what,
    );
  }
  equal(await signIn(service, null, "alice"), "invalid_proof");
  for (const text of ["a", "a.b.c", "..", "e30.e30.e30", "\u00e9"]) {
    equal(await signIn(service, text, "alice"), "invalid_proof", text);
  }
  // JSON of two meanings: some readers take the first of two members, others the last.
  for (const [at, more] of [[0, '"typ":"x"'], [1, '"jti":"x"'], [1, '"__proto__":{}']] as const) {
    const parts = (await proofOf(service, alice)).split(".").slice(0, 2);
    const text = fromUtf8(fromBase64Url(parts[at]!)!)!;
    parts[at] = toBase64Url(utf8(text.replace("{", `{${more},`)));
    const signature = await ed25519Sign(alice.keys.signing.privateKey, utf8(parts.join(".")));
    const proof = `${parts.join(".")}.${toBase64Url(signature)}`;
    equal(await signIn(service, proof, "alice"), "invalid_proof", more);
  }
  const good = await proofOf(service, alice);
  for (
    const text of [`${good}A`, `${good}=`, good.slice(0, -1), `${good}.e30`, `${good}, ${good}`]
  ) {
    equal(await signIn(service, text, "alice"), "invalid_proof");
  }
  equal(await signIn(service, good, "alice"), "ok");
  equal(service.faults.length, 0);
});

Deno.test("a proof serves once, and not after its nonce has expired", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const proof = await proofOf(service, alice);
  equal(await signIn(service, proof, "alice"), "ok");
  equal(await signIn(service, proof, "alice"), "proof_replayed");
  const nonce = await freshNonce(service);
  service.advance(61_000);
  equal(await signIn(service, await proofOf(service, alice, { nonce }), "alice"), "use_dpop_nonce");
  const forged = toBase64Url(randomBytes(24));
  const made = await proofOf(service, alice, { nonce: forged });
  equal(await signIn(service, made, "alice"), "use_dpop_nonce");
});

Deno.test("both names of Ed25519 sign in", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  for (const alg of ["EdDSA", "Ed25519"]) {
    equal(await signIn(service, await proofOf(service, alice, { header: { alg } }), "alice"), "ok");
  }
});

Deno.test("a name that nobody has and a name of somebody else look alike", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  await registered(service, "bob");
  equal(await signIn(service, await proofOf(service, alice), "bob"), "unknown_device");
  equal(await signIn(service, await proofOf(service, alice), "nobody"), "unknown_device");
  equal(await signIn(service, await proofOf(service, alice), "Alice"), "bad_label");
});

Deno.test("a stranger's proofs leave nothing in the store", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv });
  await registered(service, "alice");
  const uses = async () => (await Array.fromAsync(kv.list({ prefix: ["nonce"] }))).length;
  const before = await uses();
  const stranger = await newAccount("alice");
  for (let i = 0; i < 5; i++) {
    equal(await signIn(service, await proofOf(service, stranger), "alice"), "unknown_device");
  }
  equal(await uses(), before);
});

Deno.test("a request needs token and proof, of one key, for this request", async () => {
  await using service = await startService();
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  const path = "/v1/directory/bob/proof";
  const token = await tokenOf(service, alice);
  const ask = async (headers: Record<string, string>) =>
    await outcome(await fetch(service.url + path, { headers }));
  const good = await credentials(service, alice, token, "GET", path);
  equal(await ask({}), "unauthenticated");
  equal(await ask({ ...good, authorization: `Bearer ${token}` }), "unauthenticated");
  equal(await ask({ authorization: good.authorization! }), "invalid_proof");
  equal(await ask(good), "ok");
  equal(await ask(good), "proof_replayed");
  const stolen = await credentials(service, bob, token, "GET", path);
  equal(await ask(stolen), "invalid_token");
  const other = await credentials(service, alice, await tokenOf(service, alice), "GET", path);
  equal(await ask({ ...other, authorization: `DPoP ${token}` }), "invalid_proof");
  const elsewhere = await credentials(service, alice, token, "GET", "/v1/directory/alice/proof");
  equal(await ask(elsewhere), "invalid_proof");
});

Deno.test("a token that was changed, is of another key, or has expired is refused", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const path = "/v1/directory/alice/proof";
  const token = await tokenOf(service, alice);
  const ask = async (used: string) => {
    const headers = await credentials(service, alice, used, "GET", path);
    return await outcome(await fetch(service.url + path, { headers }));
  };
  const [head, body, tail] = token.split(".") as [string, string, string];
  const flipped = tail[5] === "A" ? "B" : "A";
  equal(
    await ask(`${head}.${body}.${tail.slice(0, 5)}${flipped}${tail.slice(6)}`),
    "invalid_token",
  );
  // The last of 86 characters holds four unused bits.
  const respelt = String.fromCharCode(tail.charCodeAt(85) + 1);
  notEqual(respelt, tail[85]);
  equal(await ask(`${head}.${body}.${tail.slice(0, 85)}${respelt}`), "invalid_token");
  const none = btoa(`{"alg":"none","typ":"at+jwt"}`).replaceAll("=", "");
  equal(await ask(`${none}.${body}.`), "invalid_token");
  const seed = await ed25519FromSeed(randomBytes(32));
  const forged = await crypto.subtle.sign(
    "Ed25519",
    seed.privateKey,
    new TextEncoder().encode(`${head}.${body}`),
  );
  equal(await ask(`${head}.${body}.${toBase64Url(new Uint8Array(forged))}`), "invalid_token");
  equal(await ask(token), "ok");
  service.advance(601_000);
  equal(await ask(token), "invalid_token");
});

Deno.test("behind a proxy, proofs name the public URL", async () => {
  await using service = await startService({ publicOrigin: "https://calls.example" });
  const alice = await registered(service, "alice");
  const inner = await proofOf(service, alice);
  equal(await signIn(service, inner, "alice"), "invalid_proof");
  const outer = await proofOf(service, alice, { url: "https://calls.example/v1/tokens" });
  equal(await signIn(service, outer, "alice"), "ok");
});
