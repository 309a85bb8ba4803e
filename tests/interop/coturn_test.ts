/**
 * Credentials that the service gives, at a real TURN server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { turnServers } from "../../core/turn.ts";
import { Secret } from "../../crypto/secret.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { iceFromWire } from "../../wire/ice.ts";
import { type Allocation, hasCoturn, startCoturn } from "../support/coturn.ts";
import { credentials, registered, tokenOf } from "../support/dpop.ts";
import { startService } from "../support/service.ts";

const SECRET = "a secret of some length";

Deno.test(
  "a TURN server relays under the service's credentials, and not under stale or altered ones",
  async () => {
    if (!await hasCoturn()) return;
    await using coturn = await startCoturn(SECRET);
    const turn = { urls: [`turn:127.0.0.1:${coturn.port}`], secret: new Secret(utf8(SECRET)) };
    await using service = await startService({ turn });
    const bob = await registered(service, "bob");
    const token = await tokenOf(service, bob);
    const headers = await credentials(service, bob, token, "GET", "/v1/ice");
    const response = await fetch(`${service.url}/v1/ice`, { headers });
    const [relay] = iceFromWire(await response.json()).servers;
    const { username, credential } = relay!;
    const expect = (allocation: Allocation, isRelayed: boolean) =>
      assert.equal(allocation.isRelayed, isRelayed, allocation.said);
    expect(await coturn.allocate(username!, credential!), true);
    // Whoever puts another end, or another user, to a password has none.
    const later = `${Number(username!.split(":")[0]) + 60}:${username!.split(":")[1]}`;
    expect(await coturn.allocate(later, credential!), false);
    expect(await coturn.allocate(username!, `A${credential!.slice(1)}B`), false);
    const ended = turnServers({ turn }, Date.now() - 3_602_000).servers[0]!;
    expect(await coturn.allocate(ended.username!, ended.credential!), false);
    const otherSecret = new Secret(utf8("another secret of some length"));
    const [other] = turnServers({ turn: { ...turn, secret: otherSecret } }, Date.now()).servers;
    expect(await coturn.allocate(other!.username!, other!.credential!), false);
  },
);
