import assert from "node:assert/strict";
import { callKeys } from "../support/call_keys.ts";
import { srtpKeys, type SrtpProfile } from "../../client/adapters/srtp.ts";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { hkdfExpand } from "../../crypto/primitives.ts";
import { connect, makePerson } from "../support/people.ts";
import { keysOf } from "../support/call_keys.ts";

/** The profile's number in the registry of DTLS-SRTP, and bytes of key and salt. */
const PROFILES: readonly (readonly [SrtpProfile, number, number, number])[] = [
  ["AES_CM_128_HMAC_SHA1_80", 1, 16, 14],
  ["AEAD_AES_128_GCM", 7, 16, 12],
  ["AEAD_AES_256_GCM", 8, 32, 12],
];

Deno.test("both sides hold the same two SRTP keys, for each epoch of the call, and nobody else does", async () => {
  const { caller, callee } = await connect(await makePerson("alice"), await makePerson("bob"));
  const other = await connect(await makePerson("alice"), await makePerson("bob"));
  const seen = new Set<string>();
  for (const [profile, _id, keyBytes, saltBytes] of PROFILES) {
    const [one, two] = [srtpKeys(caller.keys, profile), srtpKeys(callee.keys, profile)];
    assert.deepEqual(one.send, two.recv);
    assert.deepEqual(one.recv, two.send);
    for (const { key, salt, inline } of [one.send, one.recv]) {
      assert.deepEqual([key.length, salt.length], [keyBytes, saltBytes]);
      assert.equal(inline, btoa(String.fromCharCode(...key, ...salt)));
      seen.add(toHex(key));
    }
    seen.add(toHex(srtpKeys(other.caller.keys, profile).send.key));
  }
  // No two directions, profiles or calls share a key.
  assert.equal(seen.size, 3 * PROFILES.length);

  const before = srtpKeys(caller.keys, "AEAD_AES_256_GCM");
  const answer = (await callee.receive((await caller.offerRekey())!)).reply;
  await caller.receive(answer!);
  assert.equal(caller.epoch, 2);
  const first = { epoch: 1, step: 0 };
  assert.deepEqual(srtpKeys(caller.keys, "AEAD_AES_256_GCM", first), before);
  const now = srtpKeys(caller.keys, "AEAD_AES_256_GCM");
  for (const way of ["send", "recv"] as const) assert.notDeepEqual(now[way], before[way]);
  // The callee sends in the first still, and opens both.
  assert.deepEqual(srtpKeys(callee.keys, "AEAD_AES_256_GCM").send, before.recv);
  assert.deepEqual(
    srtpKeys(callee.keys, "AEAD_AES_256_GCM", { epoch: 2, step: 0 }).recv,
    now.send,
  );
  caller.wipe();
  assert.throws(() => srtpKeys(caller.keys, "AEAD_AES_256_GCM"), { code: "spent" });
});

Deno.test("SRTP keys follow their formula, and an unknown profile has none", () => {
  const secret = new Uint8Array(32).fill(7);
  const keys = callKeys(() => secret.slice(), 1);
  for (const [profile, id, keyBytes, saltBytes] of PROFILES) {
    const context = Uint8Array.of(0, id, 0, 1);
    const info = concat(
      utf8("countersign/1 media-export\0"),
      Uint8Array.of(0, 4),
      utf8("srtp"),
      Uint8Array.of(0, context.length),
      context,
    );
    const { key, salt } = srtpKeys(keys, profile).send;
    assert.deepEqual(concat(key, salt), hkdfExpand(secret, info, keyBytes + saltBytes));
  }
  const odd = ["AES_CM_128_HMAC_SHA1_32", "toString", ""] as unknown as SrtpProfile[];
  for (const profile of odd) {
    assert.throws(() => srtpKeys(keysOf("call", 0), profile), RangeError);
  }
});
