import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import { grep, textNeedle } from "../support/grep.ts";
import { refuses } from "../support/refuses.ts";
import { stage } from "../support/stage.ts";

Deno.test("people write to each other in a call, in their order, and the service can't read it", async () => {
  await using play = await stage();
  const { call, answered } = await play.connect();
  assert.deepEqual([call.epoch, answered.epoch], [1, 1]);
  const heard: string[] = [];
  const reading = (async () => {
    for await (const text of answered.said()) heard.push(text);
  })();
  const secret = "meet me at the harbour";
  for (const text of [secret, "at nine", "☃".repeat(4_000)]) await call.say(text);
  await answered.say("I will");
  for await (const text of call.said()) {
    assert.equal(text, "I will");
    break;
  }
  await refuses(call.say(""), "bad_option");
  await refuses(call.say("x".repeat(4_001)), "bad_option");
  const needle = textNeedle("what was written", secret);
  assert.deepEqual(grep(play.liar.passed, [needle]), []);
  assert.deepEqual(grep([utf8(`{"text":"${secret}"}`)], [needle]), ["what was written"]);
  await call.hangUp();
  await reading;
  assert.deepEqual(heard, [secret, "at nine", "☃".repeat(4_000)]);
  await refuses(call.say("too late"), "refused");
});
