import assert from "node:assert/strict";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import { startService } from "../support/service.ts";

async function metricsOf(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`);
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

Deno.test("metrics are not there unless they were asked for", async () => {
  await using service = await startService();
  assert.equal((await (await fetch(`${service.url}/metrics`)).json()).code, "not_found");
  const { paths } = await (await fetch(`${service.url}/openapi.json`)).json();
  assert.equal("/metrics" in paths, false);
});
