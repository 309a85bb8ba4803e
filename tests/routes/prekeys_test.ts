/**
 * Prekeys over HTTP: whether the service still has a set, who gets one-time prekeys when everybody
 * asks at once, and what the sizes of its answers say to whoever sees no more of them.
 *
 * @module
 */

import { deepEqual, equal, notEqual } from "node:assert/strict";
import { request } from "node:http";
import { prekeySetHash } from "../../crypto/prekey.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { verifyBundle } from "../../crypto/bundle.ts";
import { bundlesFromWire, type BundlesWire, prekeysToWire } from "../../wire/directory.ts";
import { OPK_BURST_PER_CALLEE } from "../../wire/limits.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { verifyGenesis } from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { newPrekeys, type TestAccount } from "../support/service_core.ts";

async function codeOf(response: Response): Promise<string> {
  const text = await response.text();
  return response.ok ? String(response.status) : JSON.parse(text).code;
}

async function publish(
  service: TestService,
  who: TestAccount,
  count: number,
  setNumber = 1,
): Promise<string> {
  const record = await verifyGenesis(who.id, who.record);
  const set = await newPrekeys(who, record, { count, setNumber });
  const headers = await signed(service, who, "PUT", "/v1/keys/1");
  const body = prekeysToWire(set, set.opks);
  equal(await codeOf(await sendJson(service, "PUT", "/v1/keys/1", body, headers)), "204");
  return toBase64Url(prekeySetHash(set.set));
}

async function signed(
  service: TestService,
  who: TestAccount,
  method: string,
  path: string,
): Promise<Record<string, string>> {
  return await credentials(service, who, await tokenOf(service, who), method, path);
}

/** An answer as it is on the wire. */
interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly bytes: number;
  readonly answer: BundlesWire;
}

/** Asks for Bob's bundles as a browser does, which takes compressed answers. */
function ask(service: TestService, headers: Record<string, string>): Promise<Seen> {
  const { promise, resolve, reject } = Promise.withResolvers<Seen>();
  const asking = request(`${service.url}/v1/directory/bob/bundle`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "accept-encoding": "gzip, br" },
  }, (response) => {
    const chunks: Uint8Array[] = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", async () => {
      const body = new Blob(chunks as Uint8Array<ArrayBuffer>[]);
      const answer = JSON.parse(await body.text());
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, bytes: body.size, answer });
    });
  });
  asking.on("error", reject);
  asking.end("{}");
  return promise;
}

async function askAs(service: TestService, name: string): Promise<Seen> {
  const who = await registered(service, name);
  return await ask(service, await signed(service, who, "POST", "/v1/directory/bob/bundle"));
}

/** What of an answer has nothing to do with who asks, or when. */
function common({ status, headers, bytes, answer }: Seen): unknown {
  const { date: _, "dpop-nonce": __, ...rest } = headers;
  const bundles = answer.bundles.map(({ opk: _, pad: __, ...bundle }) => bundle);
  return { status, headers: rest, bytes, bundles };
}

Deno.test("a device asks whether the service has its set: its own one, signed in, and in one spelling", async () => {
  await using service = await startService();
  const bob = await registered(service, "bob");
  const check = async (body: unknown, who = bob) => {
    const headers = await signed(service, who, "POST", "/v1/keys/check");
    return await codeOf(await sendJson(service, "POST", "/v1/keys/check", body, headers));
  };
  const none = toBase64Url(new Uint8Array(32));
  equal(await check({ hash: none }), "prekeys_differ");
  const first = await publish(service, bob, 2);
  equal(await check({ hash: first }), "204");
  equal(await check({ hash: none }), "prekeys_differ");
  equal(await check({ hash: first }, await registered(service, "alice")), "prekeys_differ");
  for (const body of [{}, { hash: "" }, { hash: first.slice(1) }, { hash: first, device: 1 }]) {
    equal(await check(body), "malformed");
  }
  const bare = await sendJson(service, "POST", "/v1/keys/check", { hash: first });
  equal(await codeOf(bare), "unauthenticated");
  const second = await publish(service, bob, 2, 2);
  equal(await check({ hash: first }), "prekeys_differ");
  equal(await check({ hash: second }), "204");
});

Deno.test("an answer with a one-time prekey is as long as one without, whichever it is, and says the same otherwise", async () => {
  await using service = await startService();
  const bob = await registered(service, "bob");
  let lengths: number[] = [];
  for (const [i, count] of [0, 1, 2, 5, 12].entries()) {
    await publish(service, bob, count, i + 1);
    const seen: Seen[] = [];
    for (let n = 0; n < 3; n++) seen.push(await askAs(service, `caller${i}-${n}`));
    const taken = seen.filter(({ answer }) => answer.bundles[0]!.opk !== null);
    equal(taken.length, Math.min(count, 3), "one while there are any, and then none");
    // The proof grows with the log, as it does for any name.
    const bare = seen.map((one) => {
      const proof = JSON.stringify(one.answer.proof).length;
      const { "content-length": length, ...headers } = one.headers;
      equal(length, String(one.bytes), "it is not compressed");
      equal(headers["cache-control"], "no-store, no-transform", "by no proxy either");
      return { ...one, headers, bytes: one.bytes - proof };
    });
    for (const one of bare) deepEqual(common(one), common(bare[0]!));
    lengths = [...lengths, ...bare.map(({ bytes }) => bytes)];
    notEqual(seen[0]!.answer.bundles[0]!.pad, seen[1]!.answer.bundles[0]!.pad);
  }
  equal(new Set(lengths).size, 1, String(lengths));
});

Deno.test("of 64 accounts that ask at once 16 get a one-time prekey each, and nobody else can tell which", async () => {
  await using service = await startService();
  const bob = await registered(service, "bob");
  await publish(service, bob, 32);
  const record = await verifyGenesis(bob.id, bob.record);
  const callers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => registered(service, `caller${i}`)),
  );
  const path = "/v1/directory/bob/bundle";
  const headers = await Promise.all(callers.map((who) => signed(service, who, "POST", path)));
  const seen = await Promise.all(headers.map((one) => ask(service, one)));
  const indexes = seen.flatMap(({ answer }) => answer.bundles[0]!.opk?.index ?? []);
  equal(indexes.length, OPK_BURST_PER_CALLEE);
  equal(new Set(indexes).size, OPK_BURST_PER_CALLEE);
  for (const one of seen) deepEqual(common(one), common(seen[0]!));
  for (const { answer } of seen) {
    equal(answer.proof, seen[0]!.answer.proof);
    await verifyBundle(record, bundlesFromWire(answer).bundles[0]!, service.now(), null);
  }
});
