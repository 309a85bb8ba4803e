import assert from "node:assert/strict";
import { answer, complete, confirm, finish } from "../../crypto/answer.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { Secret } from "../../crypto/secret.ts";
import { accept, initiate } from "../../crypto/x3dh.ts";
import { makePerson, NOW_MS, ROOM, usedPrekeysOf, verifiedBundleOf } from "../support/people.ts";

const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];
const NONE = new Uint8Array(0);

function psk(byte: number): Secret {
  return new Secret(new Uint8Array(32).fill(byte));
}

/** Alice's offer to Bob under her secret, opened under his. @param index of the one-time prekey */
async function offered(hers: Secret | null, his: Secret | null, index: number | null = null) {
  const bundle = await verifiedBundleOf(bob, index);
  const input = { room: ROOM, nowMs: NOW_MS, ttlS: 60, payload: utf8("offer"), psk: hers };
  const { common, offers: [sealed] } = await initiate(alice.device, [bundle], input);
  const message = { common, offer: sealed!.offer, nowMs: NOW_MS, psk: his };
  const opened = await accept(bob.device, usedPrekeysOf(bob, index), alice.device, message);
  return { ...opened, pending: sealed!.pending };
}

Deno.test("two who know an invite's secret make a session with it", async () => {
  for (const index of [null, 2]) {
    const { payload, accepted, pending } = await offered(psk(1), psk(1), index);
    assert.deepEqual(payload, utf8("offer"));
    const answered = await answer(accepted, NONE);
    const finished = await finish(pending, answered.answer);
    const confirmed = await confirm(finished.unconfirmed, NONE);
    const { session } = await complete(answered.unconfirmed, confirmed.confirm);
    const message = await session.receive(await confirmed.session.seal(utf8("hello")));
    assert.deepEqual(message.payload, utf8("hello"));
  }
});

Deno.test("whoever lacks the invite's secret, or has another, gets no offer through", async () => {
  const cases: readonly [Secret | null, Secret | null][] = [
    [null, psk(1)],
    [psk(1), null],
    [psk(2), psk(1)],
  ];
  for (const [hers, his] of cases) {
    for (const index of [null, 0]) {
      await assert.rejects(offered(hers, his, index), { code: "bad_handshake" });
    }
  }
});

Deno.test("a session does not use the invite's secret up", async () => {
  const [hers, his] = [psk(1), psk(1)];
  await offered(hers, his);
  await offered(hers, his);
  assert.deepEqual(hers.expose(), new Uint8Array(32).fill(1));
});

Deno.test("a pre-shared key of another length is a mistake of the application", async () => {
  await assert.rejects(offered(new Secret(new Uint8Array(16)), null), /bug: a pre-shared key/);
});
