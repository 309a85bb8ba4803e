import assert from "node:assert/strict";
import { type TurnSettings } from "../../core/turn.ts";
import { Secret } from "../../crypto/secret.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { type IceServer } from "../../wire/frames.ts";
import { iceFromWire } from "../../wire/ice.ts";
import { credentials, registered, tokenOf } from "../support/dpop.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";
import { connect, online } from "../support/socket.ts";

const turn = (): TurnSettings => ({
  urls: ["stun:turn.example", "turn:turn.example"],
  secret: new Secret(utf8("a secret of some length")),
});

async function ask(service: TestService, account: TestAccount): Promise<Response> {
  const token = await tokenOf(service, account);
  const headers = await credentials(service, account, token, "GET", "/v1/ice");
  return await fetch(`${service.url}/v1/ice`, { headers });
}

function requireServers(servers: readonly IceServer[], label: string): string {
  assert.deepEqual(servers.map(({ urls }) => urls), [["stun:turn.example"], ["turn:turn.example"]]);
  const { username, credential } = servers[1]!;
  assert.match(username!, /^[0-9]{10}:[A-Za-z0-9_-]{16}$/);
  assert.ok(!JSON.stringify(servers).includes(label));
  assert.match(credential!, /^[A-Za-z0-9+/]{27}=$/);
  return username!;
}

Deno.test("who signed in is given servers with fresh credentials, over HTTP and on the socket", async () => {
  await using service = await startService({ turn: turn() });
  const bob = await registered(service, "bob");
  const answer = await ask(service, bob);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const { servers, ttl_ms } = iceFromWire(await answer.json());
  assert.ok(ttl_ms > 3_500_000 && ttl_ms <= 3_600_000);
  const users = [requireServers(servers, "bob")];
  using socket = await online(service, bob);
  for (const id of ["a", "b"]) {
    socket.send({ t: "ice", id });
    const frame = await socket.next("ice");
    assert.equal(frame.id, id);
    assert.ok(frame.ttl_ms > 3_500_000 && frame.ttl_ms <= 3_600_000);
    users.push(requireServers(frame.servers, "bob"));
  }
  assert.equal(new Set(users).size, 3);
});

Deno.test("nobody else is given any, and nobody more often than their rate", async () => {
  await using service = await startService({ turn: turn() });
  const unsigned = await fetch(`${service.url}/v1/ice`);
  assert.equal((await unsigned.json()).code, "unauthenticated");
  using stranger = connect(service);
  await stranger.next("hello");
  stranger.send({ t: "ice", id: "a" });
  assert.equal((await stranger.next("error")).code, "unauthenticated");
  const [bob, carol] = [await registered(service, "bob"), await registered(service, "carol")];
  using socket = await online(service, bob);
  for (let i = 0; i < 10; i++) {
    socket.send({ t: "ice", id: `${i}` });
    await socket.next("ice");
  }
  socket.send({ t: "ice", id: "more" });
  const refusal = await socket.next("error");
  assert.deepEqual([refusal.id, refusal.code], ["more", "rate_limited"]);
  assert.equal((await (await ask(service, bob)).json()).code, "rate_limited");
  assert.equal(iceFromWire(await (await ask(service, carol)).json()).servers.length, 2);
});

Deno.test("without a TURN server the list is empty", async () => {
  await using service = await startService();
  const bob = await registered(service, "bob");
  assert.deepEqual(iceFromWire(await (await ask(service, bob)).json()).servers, []);
});
