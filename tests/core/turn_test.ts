/**
 * TURN credentials by their form; `tests/interop/coturn_test.ts` asks a real TURN server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { issueIce, readTurnSettings, turnServers, type TurnSettings } from "../../core/turn.ts";
import { keyedBuckets } from "../../core/token_bucket.ts";
import { Secret } from "../../crypto/secret.ts";
import { utf8 } from "../../crypto/bytes.ts";

const SECRET = "a secret of some length";
const NOW_MS = 1_790_000_000_500;

const turn: TurnSettings = {
  urls: ["turn:turn.example:3478?transport=udp", "stun:turn.example", "turns:turn.example:443"],
  secret: new Secret(utf8(SECRET)),
};

Deno.test("credentials are the end of their hour and a random part, under the shared secret", () => {
  const { servers, expiresMs } = turnServers({ turn }, NOW_MS);
  assert.equal(expiresMs, NOW_MS + 3_600_000);
  const [stun, relay] = servers;
  assert.deepEqual(stun, { urls: ["stun:turn.example"] });
  assert.deepEqual(relay?.urls, [turn.urls[0], turn.urls[2]]);
  assert.match(relay.username!, /^1790003600:[A-Za-z0-9_-]{16}$/);
  const hmac = createHmac("sha1", SECRET).update(relay.username!).digest("base64");
  assert.equal(relay.credential, hmac);
  assert.notEqual(turnServers({ turn }, NOW_MS).servers[1]!.username, relay.username);
});

Deno.test("where no server is configured there are none, and STUN alone has no credentials", async () => {
  assert.deepEqual(turnServers({ turn: null }, NOW_MS).servers, []);
  const stun = await read({ urls: "stun:stun.example" });
  assert.deepEqual(turnServers({ turn: stun }, NOW_MS).servers, [{ urls: ["stun:stun.example"] }]);
});

Deno.test("one asker gets credentials so often, and keeps no other from them", () => {
  let nowMs = NOW_MS;
  const ice = keyedBuckets({ burst: 2, refillMs: 1_000 });
  const ask = (asker: string) => issueIce({ turn, ice, now: () => nowMs }, asker).servers.length;
  assert.equal(ask("bob 1") + ask("bob 1"), 4);
  assert.throws(() => ask("bob 1"), { code: "rate_limited" });
  assert.equal(ask("bob 2"), 2);
  nowMs += 1_000;
  assert.equal(ask("bob 1"), 2);
});

function read(texts: Parameters<typeof readTurnSettings>[0]): Promise<TurnSettings | null> {
  return readTurnSettings(
    texts,
    (path) =>
      path === "turn.secret"
        ? Promise.resolve(`${SECRET}\n`)
        : Promise.reject(new Error("no file")),
  );
}

Deno.test("settings of TURN are read, and those that lack or exceed something stop the start", async () => {
  assert.equal(await read({}), null);
  const urls = "turn:turn.example, turns:[2001:db8::1]:5349?transport=tcp";
  for (const given of [{ secret: SECRET }, { secretFile: "turn.secret" }]) {
    const settings = (await read({ urls, ...given }))!;
    assert.equal(settings.urls.length, 2);
    assert.deepEqual(settings.secret?.expose(), utf8(SECRET));
  }
  const bad: [Parameters<typeof readTurnSettings>[0], RegExp][] = [
    [{ urls }, /COUNTERSIGN_TURN_SECRET is needed/],
    [{ secret: SECRET }, /no effect/],
    [{ urls: "stun:a.example", secret: SECRET }, /no effect/],
    [{ urls, secret: SECRET, secretFile: "turn.secret" }, /one too many/],
    [{ urls, secret: "short" }, /16 characters/],
    [{ urls, secretFile: "none" }, /can't be read/],
    [{ urls: "https://turn.example", secret: SECRET }, /COUNTERSIGN_TURN_URLS/],
    [{ urls: "turn:turn.example?transport=sctp", secret: SECRET }, /COUNTERSIGN_TURN_URLS/],
    [{ urls: "stun:turn.example?transport=udp" }, /COUNTERSIGN_TURN_URLS/],
    [{ urls: "turn:user@turn.example", secret: SECRET }, /COUNTERSIGN_TURN_URLS/],
    [{ urls: Array(9).fill("stun:a.example").join() }, /at most 8/],
  ];
  for (const [texts, why] of bad) await assert.rejects(read(texts), why, JSON.stringify(texts));
});
