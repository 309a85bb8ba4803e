/**
 * HTTP through `node:http`: the same answers as the runtime's own server gives, and limits besides.
 *
 * @module
 */

import { deepEqual, equal, match } from "node:assert/strict";
import { Secret } from "../../crypto/secret.ts";
import { openService } from "../../routes/app.ts";
import { listenNative } from "../../routes/listener.ts";
import { listenNode } from "../../routes/node_listener.ts";
import { type Pages } from "../../routes/page.ts";
import { WELL_KNOWN } from "../../wire/paths.ts";
import { ORIGIN } from "../support/service_core.ts";
import { startService } from "../support/service.ts";
import { connect } from "../support/socket.ts";

const LARGE = new Uint8Array(5_000_000).fill(0x78);
const PAGES: Pages = new Map([["/large.js", {
  type: "text/javascript",
  bytes: LARGE,
  etag: `"x"`,
}]]);
const PORT = { hostname: "127.0.0.1", port: 0 };

/** What an exchange brings, apart from what each server says of itself. */
async function exchange(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, init);
  const own = ["connection", "keep-alive", "date", "vary", "transfer-encoding", "dpop-nonce"];
  const headers = [...response.headers].filter(([name, value]) =>
    !own.includes(name) &&
    // The runtime says so of what it does not know, in its answer to HEAD.
    !(init.method === "HEAD" && name === "content-length" && value === "0")
  );
  return {
    status: response.status,
    headers: headers.sort(),
    body: (await response.bytes()).length,
  };
}

Deno.test("both servers answer alike", async () => {
  const service = await openService({
    kv: await Deno.openKv(":memory:"),
    secret: new Secret(new Uint8Array(32).fill(7)),
    origin: ORIGIN,
    publicOrigin: "https://calls.example",
    allowedOrigins: [],
    pages: PAGES,
    now: Date.now,
    log: () => {},
  });
  const native = listenNative(service, PORT, () => {});
  const node = await listenNode(service, PORT, () => {});
  const json = { "content-type": "application/json" };
  const body = `{"x":"${"y".repeat(40_000)}"}`;
  const asked: [string, RequestInit][] = [
    ["/large.js", {}],
    ["/large.js", { method: "HEAD" }],
    ["/large.js", { headers: { "if-none-match": `"x"` } }],
    [WELL_KNOWN, {}],
    [WELL_KNOWN, { method: "HEAD" }],
    [WELL_KNOWN, { method: "DELETE" }],
    ["/log/checkpoint", {}],
    ["/log/tile/0/000", {}],
    ["/healthz", {}],
    ["/v1/nothing?x=1", {}],
    ["/v1/ws", {}],
    ["/v1/tokens", { method: "OPTIONS" }],
    ["/v1/tokens", { method: "POST", headers: json, body }],
    ["/v1/directory/bob", {
      method: "PUT",
      headers: json,
      body: `{"record":"${"A".repeat(70_000)}`,
    }],
    ["/v1/directory/bob/proof", {}],
    ["/v1/directory/b%20b/proof", {}],
  ];
  for (const [path, init] of asked) {
    const given = { ...init, headers: { "accept-encoding": "identity", ...init.headers } };
    const [one, other] = await Promise.all(
      [native, node].map(({ at }) => exchange(`http://127.0.0.1:${at.port}${path}`, given)),
    );
    deepEqual(other, one, `${init.method ?? "GET"} ${path}`);
  }
  await service.drain();
  await Promise.all([native.stop(), node.stop()]);
  await service.close();
});

/** Sends bytes and reads until the server ends the connection. */
async function raw(url: string, text: string): Promise<string> {
  const { port } = new URL(url);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  let answer = "";
  const bytes = new Uint8Array(65_536);
  for (;;) {
    const count = await connection.read(bytes).catch(() => null);
    if (count === null) return answer;
    answer += new TextDecoder().decode(bytes.subarray(0, count));
  }
}

Deno.test("a head or a body that does not come to its end is cut off", async () => {
  const http = { headMs: 100, requestMs: 200, keepAliveMs: 50, checkMs: 20, headBytes: 4_096 };
  await using service = await startService({ http });
  const { host } = new URL(service.url);
  const first = `GET /healthz HTTP/1.1\r\nhost: ${host}\r\n`;
  const tokens = `POST /v1/tokens HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n`;
  const slow = ["", "G", first, `${first}x: `, `${tokens}content-length: 100\r\n\r\n{`];
  const answers = await Promise.all(slow.map((text) => raw(service.url, text)));
  for (const answer of answers) match(answer, /^(HTTP\/1\.1 408 .*)?/);
  equal(answers.some((answer) => answer.includes(" 200 ")), false);
  match(await raw(service.url, `${first}x: ${"y".repeat(5_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  match(await raw(service.url, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
  const smuggled = `${tokens}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`;
  match(await raw(service.url, smuggled), /^HTTP\/1\.1 400 /);
  // And one that is answered ends by itself when no other follows.
  match(await raw(service.url, `${first}\r\n`), /^HTTP\/1\.1 200 /);
  deepEqual(service.faults, []);
});

Deno.test("the limits of requests are none of the sockets'", async () => {
  const http = { headMs: 40, requestMs: 60, keepAliveMs: 50, checkMs: 10 };
  await using service = await startService({ http });
  using socket = connect(service);
  await socket.next("hello");
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.send({ t: "ping" });
  equal((await socket.next("error")).code, "unauthenticated");
});

Deno.test("a request for another protocol is answered in this one", async () => {
  await using service = await startService();
  const { host } = new URL(service.url);
  const head = `host: ${host}\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n`;
  match(await raw(service.url, `GET /healthz HTTP/1.1\r\n${head}\r\n`), /^HTTP\/1\.1 200 /);
  const body = `content-type: application/json\r\ncontent-length: 2\r\n\r\n{}`;
  const answer = await raw(service.url, `POST /v1/tokens HTTP/1.1\r\n${head}${body}`);
  match(answer, /^HTTP\/1\.1 4[0-9]{2} .*problem\+json/s);
});

Deno.test("whoever leaves in the middle of an answer or a body disturbs nobody", async () => {
  await using service = await startService({ pages: PAGES });
  for (let i = 0; i < 8; i++) {
    const leaving = new AbortController();
    const response = await fetch(`${service.url}/large.js`, { signal: leaving.signal });
    leaving.abort();
    await response.bytes().catch(() => {});
    const { hostname, port } = new URL(service.url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const head = `PUT /v1/directory/bob HTTP/1.1\r\nhost: ${hostname}:${port}\r\n` +
      `content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"record":`;
    await connection.write(new TextEncoder().encode(head));
  }
  const response = await fetch(`${service.url}/large.js`);
  equal((await response.bytes()).length, LARGE.length);
  deepEqual(service.faults, []);
});

Deno.test("a connection on which nothing was ever said does not keep a service from stopping", async () => {
  const service = await startService();
  const { port, hostname } = new URL(service.url);
  using silent = await Deno.connect({ hostname, port: Number(port) });
  // Answered: so the one before was accepted.
  await (await fetch(service.url + WELL_KNOWN)).body?.cancel();
  await service.close();
  equal(await silent.read(new Uint8Array(1)).catch(() => null), null);
});
