import { deepEqual, equal, match } from "node:assert/strict";
import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { startService, type TestService } from "../support/service.ts";

/** The answer to a request with this `Host`, which fetch would choose itself. */
async function answerTo(service: TestService, host: string, path: string): Promise<string> {
  const { port } = new URL(service.url);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const upgrade = path === SOCKET
    ? `upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n` +
      `sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: ${SUBPROTOCOL}\r\n`
    : "connection: close\r\n";
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${upgrade}\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(4_096);
  return new TextDecoder().decode(bytes.subarray(0, await connection.read(bytes) ?? 0));
}

Deno.test("without a public URL only loopback names of the listening port are answered", async () => {
  await using service = await startService();
  const { port } = new URL(service.url);
  for (const name of ["localhost", "127.0.0.1", "[::1]"]) {
    match(await answerTo(service, `${name}:${port}`, "/healthz"), /^HTTP\/1\.1 200/);
  }
  for (const host of ["evil.example", `evil.example:${port}`, "localhost", "127.0.0.1:1"]) {
    for (const path of ["/healthz", "/v1/nothing", SOCKET]) {
      const answer = await answerTo(service, host, path);
      match(answer, /^HTTP\/1\.1 421 /, host);
      match(answer, /"code":"misdirected"/);
    }
  }
  deepEqual(service.faults, []);
});

Deno.test("a Host that is none is refused as malformed, with the headers of every answer", async () => {
  await using service = await startService({ publicOrigin: "https://calls.example" });
  for (const host of ["a b", "[", "x:99999"]) {
    for (const path of ["/healthz", SOCKET]) {
      const answer = await answerTo(service, host, path);
      match(answer, /^HTTP\/1\.1 400 /, host);
      match(answer, /"code":"malformed"/);
      match(answer, /x-content-type-options: nosniff/);
      match(answer, /cache-control: no-store/);
    }
  }
  match(await answerTo(service, "any.example", "/healthz"), /^HTTP\/1\.1 200/);
  equal(service.faults.length, 0);
});
