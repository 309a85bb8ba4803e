/**
 * What people write to each other in a call.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ClientError } from "../../client/error.ts";
import { LiveTalk } from "../../client/live_talk.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { WireError } from "../../wire/json.ts";
import { type ChatPayload, payloadFromBytes } from "../../wire/payload.ts";
import { grep, textNeedle } from "../support/grep.ts";
import { refuses } from "../support/refuses.ts";
import { stage } from "../support/stage.ts";

/** With the 46 bytes around it, 4,096. */
const LONGEST = "☃".repeat(1_350);

Deno.test("people write to each other in a call, in their order, and the service can't read it", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  assert.deepEqual([call.epoch, answered.epoch], [1, 1]);
  const heard: string[] = [];
  const reading = (async () => {
    for await (const { text, missing } of answered.said()) {
      heard.push(text);
      assert.equal(missing, 0);
    }
  })();
  const secret = "meet me at the harbour";
  // At once: none waits for another to be on its way.
  await Promise.all([secret, "at nine", LONGEST].map((text) => call.say(text)));
  await answered.say("I will");
  for await (const said of call.said()) {
    assert.deepEqual(said, { text: "I will", missing: 0 });
    break;
  }
  await refuses(call.say(""), "bad_option");
  await refuses(call.say(LONGEST + "x"), "bad_option");
  const needle = textNeedle("what was written", secret);
  assert.deepEqual(grep(play.liar.passed, [needle]), []);
  assert.deepEqual(grep([utf8(`{"text":"${secret}"}`)], [needle]), ["what was written"]);
  await call.hangUp();
  await reading;
  assert.deepEqual(heard, [secret, "at nine", LONGEST]);
  await refuses(call.say("too late"), "refused");
});

Deno.test("a text whose payload is longer than 4 kB is refused by whoever gets it, and so is one without a number", () => {
  for (
    const payload of [
      { kind: "chat", n: 0, text: `${LONGEST}${"☃".repeat(6)}` },
      { kind: "chat", text: "hello" },
      { kind: "chat", n: -1, text: "hello" },
      { kind: "chat", n: 0, text: 5 },
    ]
  ) assert.throws(() => payloadFromBytes(utf8(JSON.stringify(payload))), WireError);
});

Deno.test("a service that turns texts round or keeps one back gets none of them taken in another order, and is noticed", async () => {
  const [from, to] = [new LiveTalk(), new LiveTalk()];
  const sent: ChatPayload[] = [];
  for (const text of ["one", "two", "three", "four"]) {
    await from.say(text, (payload) => Promise.resolve(void sent.push(chatOf(payload))));
  }
  const [one, two, three, four] = sent;
  to.take(one!);
  to.take(three!);
  for (const late of [two!, three!, one!]) {
    await refuses(Promise.resolve().then(() => to.take(late)), "room_message_refused");
  }
  to.take(four!);
  to.end();
  const said = await Array.fromAsync(to.read());
  assert.deepEqual(said, [
    { text: "one", missing: 0 },
    { text: "three", missing: 1 },
    { text: "four", missing: 0 },
  ]);
});

Deno.test("texts for which there was no room are missed by the next one that is read", async () => {
  const talk = new LiveTalk();
  const take = (n: number) => talk.take({ kind: "chat", n, text: `${n}` });
  // Nobody reads: whoever floods fills no memory.
  for (let n = 0; n < 2_000; n++) take(n);
  const reader = talk.read()[Symbol.asyncIterator]();
  const { value: first } = await reader.next();
  assert.deepEqual(first, { text: "0", missing: 0 });
  take(2_000);
  talk.end();
  const rest = await Array.fromAsync({ [Symbol.asyncIterator]: () => reader });
  const { text, missing } = rest.at(-1)!;
  assert.equal(text, "2000");
  assert.equal(1 + rest.length + missing, 2_001);
});

Deno.test("a text that could not be sent is missed, and those behind it go out", async () => {
  const talk = new LiveTalk();
  const sent: ChatPayload[] = [];
  const failing = talk.say("one", () => Promise.reject(new ClientError("network", "No line")));
  const next = talk.say("two", (payload) => Promise.resolve(void sent.push(chatOf(payload))));
  await refuses(failing, "network");
  await next;
  assert.deepEqual(sent, [{ kind: "chat", n: 1, text: "two" }]);
});

function chatOf(payload: Bytes): ChatPayload {
  const chat = payloadFromBytes(payload);
  assert.equal(chat.kind, "chat");
  return chat as ChatPayload;
}
