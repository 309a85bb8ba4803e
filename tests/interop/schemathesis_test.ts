/**
 * Schemathesis reads what the service publishes of itself, and asks for whatever that allows and
 * forbids. What it asks goes through a small proxy that signs in, since no tool makes a DPoP proof; so
 * it gets behind the sign-in too.
 *
 * Runs where Schemathesis is installed; elsewhere it says that it skips.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { type DpopClient, dpopClient } from "../support/dpop_client.ts";
import { registered } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { runTool } from "./go_tool.ts";

/** What the tool may be called. */
const NAMES = ["schemathesis", "st"];
const ARGUMENTS = [
  "run",
  "--checks=all",
  // The proxy signs in whatever the tool does; and no schema says that a record verifies.
  "--exclude-checks=ignored_auth,positive_data_acceptance",
  "--generation-with-security-parameters=false",
  "--phases=examples,coverage,fuzzing",
  "--max-examples=20",
  "--generation-deterministic",
  "--no-color",
  "--suppress-health-check=all",
];

async function findTool(): Promise<string | null> {
  for (const name of NAMES) {
    try {
      await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  // deno-lint-ignore no-console
  console.log("skipped: there is no Schemathesis here");
  return null;
}

Deno.test("whatever Schemathesis makes of the OpenAPI document, the answer is as it says, and never a 5xx", async () => {
  const tool = await findTool();
  if (tool === null) return;
  await using service = await startService({ hasMetrics: true });
  const alice = await registered(service, "alice");
  const client = await dpopClient(service, alice);
  await using proxy = await signingProxy(service, client);
  // It leaves notes where it runs.
  const folder = await Deno.makeTempDir();
  const asked = [...ARGUMENTS, `--url=${proxy.url}`, `${service.url}/openapi.json`];
  const said = await runTool(tool, asked, {}, folder)
    .finally(() => Deno.remove(folder, { recursive: true }));
  assert.equal(said.code, 0, said.text);
  assert.ok(proxy.count() > 500, said.text);
  assert.deepEqual(service.faults, []);
});

/** Hands requests on as they are, but signed in. */
async function signingProxy(
  service: TestService,
  client: DpopClient,
): Promise<AsyncDisposable & { readonly url: string; count(): number }> {
  let count = 0;
  const { port } = new URL(service.url);
  const server = createServer((asked, answer) => {
    count++;
    void hand(asked, answer).catch(() => answer.destroy());
  });
  async function hand(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/" } = asked;
    const signed = Object.fromEntries(await client.sign(method, path.replace(/\?.*/s, "")));
    const headers = { ...asked.headers, ...signed, host: `127.0.0.1:${port}` };
    const passed = request({ host: "127.0.0.1", port, method, path, headers }, (given) => {
      answer.writeHead(given.statusCode!, given.headers);
      given.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  }
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: () => count,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
