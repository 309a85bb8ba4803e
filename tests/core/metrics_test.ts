import assert from "node:assert/strict";
import { openMetrics } from "../../core/metrics.ts";

/** The lines that are no comments. */
function samples(text: string): string[] {
  return text.trimEnd().split("\n").filter((line) => !line.startsWith("#"));
}

Deno.test("what is counted is read in Prometheus's text format, each series with its labels", async () => {
  const metrics = openMetrics();
  metrics.count("frames_received", "signal");
  metrics.count("frames_received", "signal");
  metrics.count("frames_received", "join");
  metrics.count("closes", 4000);
  metrics.count("http_requests", "signIn", "2xx");
  metrics.count("faults");
  metrics.measure("rooms", () => 3);
  metrics.measure("connections", () => Promise.resolve(7));
  metrics.measure("log_entries", () => null);
  metrics.measure("log_frozen", () => Promise.reject(new Error("the store is away")));
  const text = await metrics.text();
  assert.deepEqual(samples(text), [
    `countersign_frames_received_total{t="signal"} 2`,
    `countersign_frames_received_total{t="join"} 1`,
    `countersign_frames_unreadable_total 0`,
    `countersign_sockets_total 0`,
    `countersign_closes_total{code="4000"} 1`,
    `countersign_http_requests_total{route="signIn",status="2xx"} 1`,
    `countersign_faults_total 1`,
    `countersign_connections 7`,
    `countersign_rooms 3`,
  ]);
  // Every family is described, once and before its samples.
  const families = text.match(/^# TYPE \S+/gm)!.map((line) => line.slice(7));
  assert.equal(new Set(families).size, families.length);
  for (const line of samples(text)) assert.ok(families.includes(line.match(/^\w+/)![0]), line);
});

Deno.test("a label that takes too many values fills no memory", async () => {
  const metrics = openMetrics();
  for (let i = 0; i < 10_000; i++) metrics.count("refusals", `code${i}`);
  const lines = samples(await metrics.text());
  assert.ok(lines.length < 600);
});
