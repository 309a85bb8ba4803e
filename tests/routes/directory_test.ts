import { deepEqual, equal, match, throws } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { verifyBundle } from "../../crypto/bundle.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { readHead, writeHead } from "../../kv/head.ts";
import { commit } from "../../kv/transact.ts";
import { bundlesFromWire, lookupFromWire, prekeysToWire } from "../../wire/directory.ts";
import { WireError } from "../../wire/json.ts";
import * as limits from "../../wire/limits.ts";
import { descriptionFromWire } from "../../wire/service.ts";
import { believed, logOf } from "../support/believer.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { faultyKv } from "../support/faulty_kv.ts";
import { verifyGenesis } from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, newPrekeys, ORIGIN, type TestAccount } from "../support/service_core.ts";

async function codeOf(response: Response): Promise<string> {
  const text = await response.text();
  return response.ok ? "ok" : JSON.parse(text).code;
}

/** A request of a person who signed in. */
async function signed(
  service: TestService,
  who: TestAccount,
  method: string,
  path: string,
  body?: unknown,
): Promise<Response> {
  const headers = await credentials(service, who, await tokenOf(service, who), method, path);
  if (body === undefined) return await fetch(service.url + path, { method, headers });
  return await sendJson(service, method, path, body, headers);
}

async function publish(service: TestService, who: TestAccount, count = 2): Promise<VerifiedRecord> {
  const record = await verifyGenesis(who.id, who.record);
  const set = await newPrekeys(who, record, { count });
  const response = await signed(service, who, "PUT", "/v1/keys/1", prekeysToWire(set, set.opks));
  equal(await codeOf(response), "ok");
  return record;
}

Deno.test("the service describes itself, and a later description is refused", async () => {
  await using service = await startService();
  const response = await fetch(`${service.url}/.well-known/countersign`);
  const described = await response.json();
  equal(descriptionFromWire(described).origin, described.origin);
  for (const [name, value] of Object.entries(limits)) {
    equal(described.limits[name.toLowerCase()], value, name);
  }
  throws(() => descriptionFromWire({ ...described, version: 2 }), WireError);
});

Deno.test("a name is registered, proven, given prekeys, and its bundles verify", async () => {
  await using service = await startService();
  const log = await logOf(service);
  const bob = await newAccount("bob", { issuedMs: service.now() });
  const body = { record: toBase64Url(bob.record) };
  const answer = await sendJson(service, "PUT", "/v1/directory/bob", body);
  const registration = lookupFromWire(await answer.json());
  const { record, head } = await believed(log, bob.label, registration);
  await publish(service, bob);
  const alice = await registered(service, "alice");
  const from = { from: head.size };
  const taken = await signed(service, alice, "POST", "/v1/directory/bob/bundle", from);
  const { lookup, bundles } = bundlesFromWire(await taken.json());
  await believed(log, bob.label, lookup, head);
  equal(bundles.length, 1);
  const bundle = await verifyBundle(record, bundles[0]!, service.now(), null);
  equal(bundle.opk === null, false);
  const proof = await signed(service, alice, "GET", `/v1/directory/bob/proof?from=${head.size}`);
  await believed(log, bob.label, lookupFromWire(await proof.json()), head);
});

Deno.test("a name that is taken, not canonical, or badly signed is not registered", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const put = async (label: string, record: Uint8Array) =>
    await codeOf(
      await sendJson(service, "PUT", `/v1/directory/${label}`, { record: toBase64Url(record) }),
    );
  equal(await put("alice", alice.record), "ok");
  equal(await put("alice", (await newAccount("alice")).record), "name_taken");
  equal(await put("carol", alice.record), "bad_record");
  equal(await put("Carol", alice.record), "bad_label");
  equal(await put("a%2Fb", alice.record), "bad_label");
  equal(await put("%E2%82%AC", alice.record), "bad_label");
  equal(await put("a".repeat(129), alice.record), "bad_label");
  const dave = await newAccount("dave");
  const changed = dave.record.slice();
  changed[changed.length - 1]! ^= 1;
  equal(await put("dave", changed), "bad_record");
  equal(await put("dave", dave.record.slice(0, -1)), "bad_record");
  equal(await put("dave", dave.record), "ok");
  equal(await put("e%40f.g%2Bh", (await newAccount("e@f.g+h")).record), "ok");
});

Deno.test("nobody asks for a bundle of oneself, and who has none is proved all the same", async () => {
  await using service = await startService();
  const [alice] = [await registered(service, "alice"), await registered(service, "bob")];
  const ask = async (label: string, body: unknown = {}) =>
    await codeOf(await signed(service, alice, "POST", `/v1/directory/${label}/bundle`, body));
  equal(await ask("nobody"), "ok", "with the proof that nobody has the name");
  equal(await ask("alice"), "self_call");
  equal(await ask("bob"), "ok", "with the proof of who Bob is");
  equal(await ask("bob", { from: 1_000_001 }), "head_unknown");
  equal(await ask("BOB"), "bad_label");
  const bare = await sendJson(service, "POST", "/v1/directory/bob/bundle", {});
  equal(await codeOf(bare), "unauthenticated");
});

Deno.test("a device publishes its own prekeys only, signed, and in order", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const record = await publish(service, alice);
  const put = async (device: string, body: unknown) =>
    await codeOf(await signed(service, alice, "PUT", `/v1/keys/${device}`, body));
  const next = await newPrekeys(alice, record, { setNumber: 2 });
  const wire = prekeysToWire(next, next.opks);
  for (const device of ["2", "01", "x", "1.0"]) equal(await put(device, wire), "forbidden");
  const stranger = await newAccount("alice");
  const foreign = await newPrekeys({ ...alice, keys: stranger.keys }, record, { setNumber: 2 });
  equal(await put("1", prekeysToWire(foreign, foreign.opks)), "bad_prekeys");
  equal(await put("1", { ...wire, opks: wire.opks.slice(1) }), "bad_prekeys");
  const far = await newPrekeys(alice, record, { setNumber: 2 ** 52 });
  equal(await put("1", prekeysToWire(far, far.opks)), "prekeys_conflict");
  equal(await put("1", wire), "ok");
});

Deno.test("a body that is not what the protocol says is refused, without saying it back", async () => {
  await using service = await startService();
  const path = "/v1/directory/alice";
  const good = toBase64Url((await newAccount("alice")).record);
  const put = async (body: string, type = "application/json") => {
    const init = { method: "PUT", body, headers: { "content-type": type } };
    return await fetch(service.url + path, init);
  };
  const malformed = [
    "",
    "{",
    "[]",
    "null",
    "{}",
    `{"record":1}`,
    `{"record":"${good}","record":"${good}"}`,
    `{"record":"${good}","__proto__":{}}`,
    `{"record":"${good}","extra":1}`,
    `{"record":"${good}="}`,
    `{"record":" ${good}"}`,
    `{"record":"AB"}`,
    `{"record":"${good}","from":-1}`,
    `{"record":"${good}","from":1.5}`,
    `{"record":"${good}","from":9007199254740993}`,
    `{"record":"${good}","from":null}`,
    `{"record":""}`,
    "[".repeat(limits.MAX_BODY_BYTES),
  ];
  for (const body of malformed) {
    equal(await codeOf(await put(body)), "malformed", body.slice(0, 60));
  }
  const told = await (await put(`{"record":"secret-value-%"}`)).json();
  match(told.title, /see 'record'/);
  equal(JSON.stringify(told).includes("secret-value"), false);
  for (const type of ["text/plain", "", "application/jsonx", "application/x-www-form-urlencoded"]) {
    equal(await codeOf(await put(`{"record":"${good}"}`, type)), "unsupported_media_type");
  }
  equal(await codeOf(await put(`{"record":"${good}"}`, "Application/JSON; charset=utf-8")), "ok");
  const bytes = await fetch(service.url + path, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: new Uint8Array([0x22, 0xff, 0x22]),
  });
  equal(await codeOf(bytes), "malformed");
});

Deno.test("a body over 64 KiB is refused, whether or not it says its length", async () => {
  await using service = await startService();
  const large = `{"record":"${"A".repeat(limits.MAX_BODY_BYTES)}"}`;
  equal(await codeOf(await sendJson(service, "PUT", "/v1/directory/alice", large)), "too_large");
  let sent = 0;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      sent += 8_192;
      if (sent > 64 * limits.MAX_BODY_BYTES) return controller.close();
      controller.enqueue(new Uint8Array(8_192).fill(0x20));
    },
  });
  const outcome = await fetch(`${service.url}/v1/directory/alice`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: endless,
  }).then(codeOf, () => "cut off");
  match(outcome, /^(too_large|cut off)$/);
  equal(sent < 32 * limits.MAX_BODY_BYTES, true);
  // The server goes on for half a second to throw away what comes of a body that it refused.
  await new Promise((resolve) => setTimeout(resolve, 600));
});

Deno.test("a query holds one 'from' and nothing else", async () => {
  await using service = await startService();
  for (
    const query of ["from=x", "from=-1", "from=01", "from=1&from=1", "form=1", "from=1e3", "from="]
  ) {
    const response = await fetch(`${service.url}/v1/directory/bob/proof?${query}`);
    equal(await codeOf(response), "malformed", query);
  }
});

Deno.test("an unknown path is 404 and an unknown method 405, both as problems", async () => {
  await using service = await startService();
  const missing = await fetch(`${service.url}/v1/nothing`);
  equal(missing.status, 404);
  equal(await codeOf(missing), "not_found");
  const wrong = await fetch(`${service.url}/v1/directory/bob`, { method: "DELETE" });
  deepEqual([wrong.status, wrong.headers.get("allow")], [405, "PUT"]);
  equal(await codeOf(wrong), "method_not_allowed");
});

Deno.test("applications of others may use the API from their pages", async () => {
  await using service = await startService();
  const preflight = await fetch(`${service.url}/v1/tokens`, {
    method: "OPTIONS",
    headers: { origin: "https://app.example", "access-control-request-method": "POST" },
  });
  equal(preflight.status, 204);
  match(preflight.headers.get("access-control-allow-headers")!, /DPoP/);
  for (const response of [preflight, await fetch(`${service.url}/v1/nothing`)]) {
    equal(response.headers.get("access-control-allow-origin"), "*");
    match(response.headers.get("access-control-expose-headers")!, /DPoP-Nonce/);
    equal(response.headers.get("x-content-type-options"), "nosniff");
    equal(response.headers.has("dpop-nonce"), true);
    equal(response.headers.has("set-cookie"), false);
    await response.body?.cancel();
  }
});

/** A store that takes nothing, and on demand gives nothing either. */
function failing(kv: Deno.Kv, fails: () => "reads" | "writes" | null): Deno.Kv {
  const written = faultyKv(kv, () => fails() === "writes" ? "before" : null).kv;
  return new Proxy(written, {
    get(target, name) {
      if (fails() === "reads" && (name === "get" || name === "getMany")) {
        return () => Promise.reject(new TypeError("database disk image is malformed"));
      }
      return Reflect.get(target, name);
    },
  });
}

Deno.test("health says ok, and readiness ends with the store", async () => {
  let fails: "reads" | "writes" | null = null;
  const kv = failing(await Deno.openKv(":memory:"), () => fails);
  await using service = await startService({ kv });
  for (const path of ["/healthz", "/readyz"]) {
    const response = await fetch(service.url + path);
    deepEqual([response.status, await response.json()], [200, { status: "ok" }]);
  }
  for (const what of ["reads", "writes"] as const) {
    fails = what;
    service.advance(1_001);
    const response = await fetch(`${service.url}/readyz`);
    deepEqual([response.status, await codeOf(response)], [503, "unavailable"], what);
    equal((await (await fetch(`${service.url}/healthz`)).json()).status, "ok");
  }
  fails = null;
  equal((await (await fetch(`${service.url}/readyz`)).json()).status, "ok");
});

Deno.test("what cannot be read from the store is unavailable, and the log hears where", async () => {
  let fails: "reads" | null = null;
  const kv = failing(await Deno.openKv(":memory:"), () => fails);
  await using service = await startService({ kv });
  const alice = await registered(service, "alice");
  fails = "reads";
  const response = await fetch(`${service.url}/.well-known/countersign`);
  deepEqual([response.status, await codeOf(response)], [503, "unavailable"]);
  const record = { record: toBase64Url(alice.record) };
  equal(await codeOf(await sendJson(service, "PUT", "/v1/directory/alice", record)), "unavailable");
  fails = null;
  // The sequencer may report its own trouble with the store beside it.
  const faults = service.faults.filter((line) => line.startsWith("fault: "));
  equal(faults.length, 2);
  match(faults[0]!, /^fault: StoreError\n {4}at /);
});

Deno.test("a log that is frozen is not ready", async () => {
  const kv = await Deno.openKv(":memory:");
  await using service = await startService({ kv });
  await registered(service, "alice");
  const log = { kv, origin: ORIGIN };
  const head = (await readHead(log))!.value;
  await commit(kv, [], [writeHead(log, { ...head, size: 1 })]);
  const bob = await newAccount("bob");
  const record = { record: toBase64Url(bob.record) };
  equal(await codeOf(await sendJson(service, "PUT", "/v1/directory/bob", record)), "log_frozen");
  const response = await fetch(`${service.url}/readyz`);
  deepEqual([response.status, await codeOf(response)], [503, "log_frozen"]);
});
