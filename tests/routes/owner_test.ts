import { deepEqual, equal, match } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { generateSigningKeyPair, type SigningKeyPair } from "../../crypto/keys.ts";
import { decodeLookupProof } from "../../crypto/lookup_proof.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { extraOf } from "../../crypto/head.ts";
import { parseTlogProof } from "../../crypto/proof.ts";
import { decodeRecord, type VerifiedRecord, verifyNext } from "../../crypto/record.ts";
import { ServiceError } from "../../core/error.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { freshNonce, makeProof, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { follow, type OwnDevice, previous, self } from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { ORIGIN, type TestAccount, testSecret } from "../support/service_core.ts";

/** Believes whoever says a word about a key. */
const WORD: NamePolicy = {
  kind: "grant",
  authorize: () => Promise.resolve(),
  recognize({ account, signing, authorization }) {
    const said = `${account.label}.${toBase64Url(signing).slice(0, 4)}`;
    if (authorization === said) return Promise.resolve();
    return Promise.reject(new ServiceError("forbidden", "Say the word"));
  },
};

interface Asking {
  readonly key: SigningKeyPair;
  readonly token?: string;
  readonly label?: string;
  /** What the proof names in place of this request. */
  readonly url?: string;
  readonly query?: string;
}

/** Asks for a name's proof as its owner; gives the status, the code, and the record that came. */
async function ask(service: TestService, asking: Asking): Promise<[string, number | null]> {
  const { key, token, label = "alice", query = "" } = asking;
  const path = `${service.url}/v1/directory/${label}/owner`;
  const proof = await makeProof(key, {
    method: "GET",
    url: asking.url ?? path,
    nonce: await freshNonce(service),
    nowMs: service.now(),
    ...(token === undefined ? {} : { token }),
  });
  const headers: Record<string, string> = { dpop: proof };
  if (token !== undefined) headers.authorization = `DPoP ${token}`;
  const response = await fetch(path + query, { headers });
  const answer = await response.json();
  if (!response.ok) return [answer.code, null];
  return ["ok", greatestIn(answer.proof)];
}

function greatestIn(proof: string): number | null {
  return decodeLookupProof(extraOf(parseTlogProof(proof))).scope.greatest;
}

/** Brings a person's next record. */
async function bring(
  service: TestService,
  before: VerifiedRecord,
  device: OwnDevice,
  replaced: Parameters<typeof follow>[4] = {},
): Promise<VerifiedRecord> {
  const bytes = await follow(before, "update", [device], [self(device), previous(device)], {
    issuedMs: service.now(),
    ...replaced,
  });
  const body = { record: toBase64Url(bytes) };
  const response = await sendJson(service, "PUT", `/v1/directory/${before.account.label}`, body);
  equal(response.status, 200, await response.text());
  const { operator } = await deriveServiceKeys(testSecret(), ORIGIN);
  return await verifyNext(before.account, operator.publicKey, before, bytes);
}

async function standing(who: TestAccount): Promise<{ record: VerifiedRecord; device: OwnDevice }> {
  const { operator } = await deriveServiceKeys(testSecret(), ORIGIN);
  const record = await verifyNext(who.id, operator.publicKey, null, who.record);
  return { record, device: { ...record.devices[0]!, keys: who.keys } };
}

Deno.test("the recovery key of a name, and no other key, is shown the name's proof", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const { record, device } = await standing(alice);
  const [recovery, other] = [await generateSigningKeyPair(), await generateSigningKeyPair()];
  deepEqual(await ask(service, { key: recovery }), ["forbidden", null]);
  const update = await bring(service, record, device, { recovery: sha256(recovery.publicKey) });
  deepEqual(await ask(service, { key: recovery }), ["ok", 1]);
  deepEqual(await ask(service, { key: recovery, query: "?known=1" }), ["ok", 1]);
  await registered(service, "bob");
  for (const asking of [{ key: other }, { key: alice.keys.signing }]) {
    deepEqual(await ask(service, asking), ["forbidden", null]);
  }
  for (const label of ["bob", "nobody"]) {
    deepEqual(await ask(service, { key: recovery, label }), ["forbidden", null], label);
  }
  const elsewhere = `${service.url}/v1/directory/alice/proof`;
  deepEqual(await ask(service, { key: recovery, url: elsewhere }), ["invalid_proof", null]);
  // Once the account has another recovery key, the one before opens nothing.
  await bring(service, update, device, { recovery: sha256(other.publicKey) });
  deepEqual(await ask(service, { key: recovery }), ["forbidden", null]);
  deepEqual(await ask(service, { key: other }), ["ok", 2]);
});

Deno.test("whom the name policy believes is shown the name's proof, with the key that it names", async () => {
  await using service = await startService({ names: WORD });
  const key = await generateSigningKeyPair();
  const token = `alice.${toBase64Url(key.publicKey).slice(0, 4)}`;
  const stranger = await generateSigningKeyPair();
  deepEqual(await ask(service, { key, token }), ["ok", null]);
  await registered(service, "alice", ({ keys: { signing } }) => {
    return `alice.${toBase64Url(signing.publicKey).slice(0, 4)}`;
  });
  deepEqual(await ask(service, { key, token }), ["ok", 0]);
  deepEqual(await ask(service, { key, token, label: "bob" }), ["forbidden", null]);
  deepEqual(await ask(service, { key, token: "guess" }), ["forbidden", null]);
  deepEqual(await ask(service, { key }), ["forbidden", null]);
  // Whoever overheard it has not the key that it names.
  deepEqual(await ask(service, { key: stranger, token }), ["forbidden", null]);
});

Deno.test("where names are open nobody owns one by an authorization, and no sign-in does as one", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const token = await tokenOf(service, alice);
  deepEqual(await ask(service, { key: alice.keys.signing, token }), ["forbidden", null]);
  const bare = await fetch(`${service.url}/v1/directory/alice/owner`);
  match(await bare.text(), /invalid_proof/);
});

Deno.test("whoever brings an old record again is shown the history page by page", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const { record: first, device } = await standing(alice);
  let record = first;
  for (let i = 0; i < 20; i++) record = await bring(service, record, device);
  const versionsOf = async (more: Record<string, unknown>) => {
    const body = { record: toBase64Url(alice.record), ...more };
    const response = await sendJson(service, "PUT", "/v1/directory/alice", body);
    if (!response.ok) return (await response.json()).code;
    const { records } = decodeLookupProof(extraOf(parseTlogProof((await response.json()).proof)));
    return records.map(({ record }) => decodeRecord(record).version).sort((a, b) => a - b);
  };
  deepEqual(await versionsOf({}), [12, 13, 14, 15, 16, 17, 18, 19, 20]);
  deepEqual(await versionsOf({ through: 11 }), [4, 5, 6, 7, 8, 9, 10, 11, 20]);
  deepEqual(await versionsOf({ known: 0, through: 3 }), [1, 2, 3, 20]);
  deepEqual(await versionsOf({ known: 18 }), [19, 20]);
  for (const more of [{ known: -1 }, { through: "1" }, { known: null }, { through: 1.5 }]) {
    deepEqual(await versionsOf(more), "malformed");
  }
});
