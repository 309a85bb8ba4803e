import assert from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { startService } from "../support/service.ts";
import { authFrame, connect, online } from "../support/socket.ts";

async function metricsOf(url: string): Promise<Map<string, number>> {
  // Scrapers may be told to ask for a part, and get all of it.
  const response = await fetch(`${url}/metrics?name%5B%5D=rooms`);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const lines = (await response.text()).trimEnd().split("\n");
  return new Map(
    lines.filter((line) => !line.startsWith("#")).map((line) => {
      const [, name, value] = /^(\S+) (\S+)$/.exec(line)!;
      return [name!, Number(value)];
    }),
  );
}

Deno.test("requests are counted by operation and class, the log is measured, and nobody is named", async () => {
  await using service = await startService({ hasMetrics: true });
  const alice = await registered(service, "alice-of-wonderland");
  const token = await tokenOf(service, alice);
  const path = "/v1/directory/alice-of-wonderland/proof";
  const headers = await credentials(service, alice, token, "GET", path);
  await (await fetch(service.url + path, { headers })).body?.cancel();
  await (await fetch(service.url + path)).body?.cancel();
  await (await sendJson(service, "PUT", "/v1/directory/bob", {})).body?.cancel();
  const metrics = await metricsOf(service.url);
  const http = (route: string, status: string) =>
    metrics.get(`countersign_http_requests_total{route="${route}",status="${status}"}`);
  assert.equal(http("lookUp", "2xx"), 1);
  assert.equal(http("lookUp", "4xx"), 1);
  assert.equal(http("putRecord", "2xx"), 1);
  assert.equal(http("putRecord", "4xx"), 1);
  assert.equal(metrics.get("countersign_log_entries"), 3);
  assert.equal(metrics.get("countersign_log_unpublished_entries"), 0);
  assert.equal(metrics.get("countersign_log_frozen"), 0);
  assert.equal(metrics.has("countersign_log_head_age_seconds"), false);
  assert.ok(metrics.get("countersign_resident_memory_bytes")! > 1_000_000);
  const text = await (await fetch(`${service.url}/metrics`)).text();
  assert.doesNotMatch(text, /alice|wonderland|127\.0/);
});

Deno.test("what happens on sockets is counted by type, status and code", async () => {
  await using service = await startService({ hasMetrics: true });
  const alice = await registered(service, "alice");
  const bob = await registered(service, "bob");
  const room = toBase64Url(new Uint8Array(16).fill(1));
  const [a, b] = [await online(service, alice), await online(service, bob)];
  a.send({ t: "join", id: "j", room });
  const { mid } = await a.next("joined");
  b.send({ t: "join", id: "j", room });
  await b.next("joined");
  b.send({ t: "signal", id: "s", room, to: mid, ct: "AAAA" });
  await b.next("ack");
  b.send({ t: "leave", id: "l", room: toBase64Url(new Uint8Array(16).fill(2)) });
  assert.equal((await b.next("error")).code, "not_in_room");
  b.send("{");
  await b.next("error");
  const during = await metricsOf(service.url);
  const of = (name: string, metrics = during) => metrics.get(`countersign_${name}`);
  assert.equal(of(`frames_received_total{t="join"}`), 2);
  assert.equal(of(`frames_received_total{t="signal"}`), 1);
  assert.equal(of(`frames_unreadable_total`), 1);
  assert.equal(of(`frames_sent_total{t="signal"}`), 1);
  assert.equal(of(`frames_sent_total{t="joined"}`), 2);
  assert.equal(of(`frames_sent_total{t="presence"}`), 1);
  assert.equal(of(`frames_sent_total{t="welcome"}`), 2);
  assert.equal(of(`acks_total{status="relayed"}`), 1);
  assert.equal(of(`refusals_total{code="not_in_room"}`), 1);
  assert.equal(of(`refusals_total{code="malformed"}`), 1);
  assert.equal(of(`sockets_total`), 2);
  assert.deepEqual([of("open_sockets"), of("connections"), of("rooms")], [2, 2, 1]);
  using c = connect(service);
  const { nonce } = await c.next("hello");
  const resume = { cid: "x".repeat(22), key: "y".repeat(22), seq: 0 };
  c.send({ ...await authFrame(service, alice, nonce), resume });
  await c.next("welcome");
  b.send(new Uint8Array(1));
  assert.equal(await b.ended, 4500);
  a.send({ t: "bye" });
  await a.ended;
  const after = await metricsOf(service.url);
  assert.equal(of(`closes_total{code="4500"}`, after), 1);
  assert.equal(of(`closes_total{code="1000"}`, after), 1);
  assert.equal(of(`resumes_total{outcome="unknown"}`, after), 1);
  assert.equal(of("rooms", after), 0);
});

Deno.test("metrics are not there unless they were asked for", async () => {
  await using service = await startService();
  assert.equal((await (await fetch(`${service.url}/metrics`)).json()).code, "not_found");
  const { paths } = await (await fetch(`${service.url}/openapi.json`)).json();
  assert.equal("/metrics" in paths, false);
});
