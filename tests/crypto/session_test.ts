import assert from "node:assert/strict";
import { toHex, utf8 } from "../../crypto/bytes.ts";
import { CTX, frameKid } from "../../crypto/schedule.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type Session } from "../../crypto/session.ts";
import { connect, makePerson } from "../support/people.ts";

/** The first generation of a call. */
const FIRST = { epoch: 1, step: 0 };

const SPENT = { code: "spent" };
const [alice, bob] = [await makePerson("alice"), await makePerson("bob")];

Deno.test("both sides hold one call: same id, same exports, mirrored places", async () => {
  const { caller, callee } = await connect(alice, bob);
  assert.deepEqual(caller.callId, callee.callId);
  assert.deepEqual([caller.keys.self, callee.keys.self], [0, 1]);
  const exports = [caller, callee].map(({ keys }) => keys.exporter("srtp", utf8("c"), 60));
  assert.deepEqual(exports[0], exports[1]);
  assert.notDeepEqual(caller.keys.exporter("srtp", utf8("d"), 60), exports[0]);
  const sent = await caller.keys.sendKey(CTX.mic);
  assert.notEqual(await callee.keys.recvKey(sent.kid), null);
  assert.equal(await caller.keys.recvKey(sent.kid), null);
});

Deno.test("messages go both ways, out of order, and not back to their sender", async () => {
  const { caller, callee } = await connect(alice, bob);
  const [a0, a1] = [await caller.seal(utf8("a0")), await caller.seal(utf8("a1"))];
  const b0 = await callee.seal(utf8("b0"));
  assert.deepEqual(await opened(callee, a1), utf8("a1"));
  assert.deepEqual(await opened(callee, a0), utf8("a0"));
  await assert.rejects(opened(caller, a0), { code: "bad_message" });
  await assert.rejects(opened(callee, b0), { code: "bad_message" });
  assert.deepEqual(await opened(caller, b0), utf8("b0"));
});

Deno.test("two sessions of the same people share nothing", async () => {
  const [first, second] = [await connect(alice, bob), await connect(alice, bob)];
  assert.notDeepEqual(first.caller.callId, second.caller.callId);
  const [a, b] = [first, second].map(({ caller }) =>
    toHex(caller.keys.exporter("x", utf8(""), 32))
  );
  assert.notEqual(a, b);
  const box = await first.caller.seal(utf8("hello"));
  await assert.rejects(opened(second.callee, box), { code: "bad_message" });
});

Deno.test("a wiped session seals, opens and exports nothing", async () => {
  const { caller, callee } = await connect(alice, bob);
  const box = await caller.seal(utf8("late"));
  callee.wipe();
  await assert.rejects(opened(callee, box), SPENT);
  await assert.rejects(callee.seal(utf8("late")), SPENT);
  assert.throws(() => callee.keys.exporter("srtp", utf8(""), 32), SPENT);
  await assert.rejects(callee.keys.sendKey(CTX.mic), SPENT);
  await assert.rejects(callee.keys.recvKey(frameKid(FIRST, 0, CTX.mic)), SPENT);
  callee.wipe();
});

Deno.test("no way of printing a session shows its keys", async () => {
  const { caller } = await connect(alice, bob);
  const exported = toHex(caller.keys.exporter("call", utf8(""), 32));
  for (const text of [Deno.inspect(caller, { depth: 9 }), JSON.stringify(caller)]) {
    assert.doesNotMatch(text, new RegExp(exported.slice(0, 8)));
    assert.doesNotMatch(text, /chain|root/i);
  }
});

async function opened(session: Session, box: Bytes): Promise<Bytes | null> {
  return (await session.receive(box)).payload;
}
