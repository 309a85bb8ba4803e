import assert from "node:assert/strict";
import { exportJWK, generateKeyPair } from "jose";
import { type NameSettings, readNamePolicy } from "../../core/name_settings.ts";

const { publicKey } = await generateKeyPair("EdDSA");
const JWKS = JSON.stringify({ keys: [await exportJWK(publicKey)] });
const ISSUER = "https://app.example";
const URL_ = "https://app.example/jwks.json";

function read(settings: NameSettings, files: Record<string, string> = {}) {
  return readNamePolicy(settings, (path) => {
    const text = files[path];
    return text === undefined ? Promise.reject(new Error("no file")) : Promise.resolve(text);
  });
}

Deno.test("each policy is set by its own settings", async () => {
  const grant = { names: "grant", issuer: ISSUER };
  const oidc = { names: "oidc", issuer: ISSUER, audience: "client" };
  assert.equal((await read({})).kind, "open");
  assert.equal((await read({ names: "", jwks: "" })).kind, "open");
  assert.equal((await read({ names: "open" })).kind, "open");
  assert.equal((await read({ ...grant, jwks: URL_ })).kind, "grant");
  assert.equal((await read({ ...grant, jwks: JWKS })).kind, "grant");
  assert.equal((await read({ ...grant, jwks: "keys.json" }, { "keys.json": JWKS })).kind, "grant");
  assert.equal((await read({ ...oidc, jwks: "http://127.0.0.1:9/jwks" })).kind, "oidc");
  assert.equal((await read({ ...oidc, jwks: URL_, claim: "preferred_username" })).kind, "oidc");
});

Deno.test("settings that lack something, or that nothing uses, are told apart", async () => {
  const grant = { names: "grant", issuer: ISSUER, jwks: URL_ };
  const bad: [NameSettings, RegExp][] = [
    [{ names: "closed" }, /COUNTERSIGN_NAMES has to be/],
    [{ names: "constructor" }, /COUNTERSIGN_NAMES has to be/],
    [{ jwks: URL_ }, /COUNTERSIGN_NAMES_JWKS has no effect/],
    [{ ...grant, claim: "email" }, /COUNTERSIGN_NAMES_CLAIM has no effect/],
    [{ ...grant, issuer: "" }, /COUNTERSIGN_NAMES_ISSUER is needed/],
    [{ ...grant, names: "oidc" }, /COUNTERSIGN_NAMES_AUDIENCE is needed/],
    [{ ...grant, issuer: "i".repeat(256) }, /at most 255 bytes/],
    [{ ...grant, jwks: "http://app.example/jwks" }, /https URL/],
    [{ ...grant, jwks: "https://me:secret@app.example/" }, /https URL/],
    [{ ...grant, jwks: "ftp://app.example/" }, /https URL/],
    [{ ...grant, jwks: "missing.json" }, /file that can't be read/],
    [{ ...grant, jwks: "{" }, /JSON Web Key Set/],
    [{ ...grant, jwks: `{"keys":1}` }, /JSON Web Key Set/],
  ];
  for (const [settings, sentence] of bad) await assert.rejects(read(settings), sentence);
});
