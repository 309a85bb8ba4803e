import { equal, rejects } from "node:assert/strict";
import { readBody } from "../../routes/body.ts";

function sending(body: ReadableStream<Uint8Array<ArrayBuffer>>): Request {
  return new Request("http://service.test/", { method: "PUT", body });
}

Deno.test("a body that is cut off by the clock never passes for a whole one", async () => {
  const whole = new TextEncoder().encode(`{"record":"AAAA"}`);
  const stalled = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(whole),
  });
  await rejects(readBody(sending(stalled), 30), { code: "unavailable" });
  const ended = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(whole);
      controller.close();
    },
  });
  equal((await readBody(sending(ended), 30)).length, whole.length);
});
