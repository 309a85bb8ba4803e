import assert from "node:assert/strict";
import { feedLivekit, type LivekitKeyProvider } from "../../client/adapters/livekit_keys.ts";
import { toHex } from "../../crypto/bytes.ts";
import { rosterKeys } from "../support/roster_keys.ts";

Deno.test("the compatible mode gives all members one key, another one after each change, and nobody's while keys are held", async () => {
  const [alice, bob, other] = [rosterKeys("s", 0), rosterKeys("s", 1), rosterKeys("t", 1)];
  const given = await Promise.all([alice, bob, other].map(async (keys) => {
    const seen: string[] = [];
    const provider: LivekitKeyProvider = {
      setKey: (key) => Promise.resolve(void seen.push(toHex(new Uint8Array(key)))),
    };
    await feedLivekit(keys, provider);
    return seen;
  }));
  for (const keys of [alice, bob, other]) {
    await keys.install();
    await keys.use();
    await keys.hold();
    await keys.use();
  }
  const [ofAlice, ofBob, ofOther] = given as [string[], string[], string[]];
  assert.deepEqual(ofAlice.map((key) => key.length), [64, 64, 64, 64]);
  assert.deepEqual(ofAlice.filter((_, i) => i !== 2), ofBob.filter((_, i) => i !== 2));
  assert.equal(ofAlice[1], ofAlice[3]);
  assert.equal(new Set([...ofAlice, ...ofBob, ...ofOther]).size, 7);
});
