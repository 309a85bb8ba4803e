import { deepEqual, equal } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { MAX_LINK_MESSAGE_BYTES } from "../../wire/limits.ts";
import { linkPath } from "../../wire/paths.ts";
import { startService, type TestService } from "../support/service.ts";

async function put(service: TestService, path: string, body: unknown): Promise<string> {
  const answer = await fetch(service.url + path, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return text === "" ? String(answer.status) : JSON.parse(text).code;
}

async function get(service: TestService, path: string): Promise<unknown> {
  const answer = await fetch(service.url + path);
  return await answer.json();
}

Deno.test("two devices without an account exchange messages through a slot", async () => {
  await using service = await startService();
  const slot = toBase64Url(randomBytes(16));
  const messages = ["AAAA", toBase64Url(randomBytes(MAX_LINK_MESSAGE_BYTES))];
  for (const [n, message] of messages.entries()) {
    equal(await put(service, `${linkPath(slot, "new")}/${n}`, { message }), "204");
  }
  deepEqual(await get(service, `${linkPath(slot, "new")}?after=0`), { messages });
  deepEqual(await get(service, `${linkPath(slot, "new")}?after=1`), { messages: [messages[1]] });
  deepEqual(await get(service, linkPath(slot, "old")), { messages: [] });
  service.advance(300_000);
  equal((await get(service, linkPath(slot, "old")) as { code: string }).code, "link_gone");
});

Deno.test("a slot takes only what the protocol says", async () => {
  await using service = await startService();
  const slot = toBase64Url(randomBytes(16));
  const place = `${linkPath(slot, "new")}/0`;
  const message = "AAAA";
  const long = toBase64Url(new Uint8Array(MAX_LINK_MESSAGE_BYTES + 1));
  for (const body of [{}, { message: "" }, { message: "AB" }, { message: long }]) {
    equal(await put(service, place, body), "malformed");
  }
  equal(await put(service, place, { message, more: 1 }), "malformed");
  for (
    const path of [
      `/v1/links/short/new/0`,
      `/v1/links/${slot}A/new/0`,
      `/v1/links/${slot}/newer/0`,
      `/v1/links/${slot}/new/00`,
      `/v1/links/${slot}/new/-1`,
    ]
  ) {
    equal(await put(service, path, { message }), "malformed", path);
  }
  equal(await put(service, `/v1/links/${slot}/old/0`, { message }), "link_gone");
  equal(await put(service, `/v1/links/${slot}/new/4`, { message }), "link_conflict");
  equal(
    (await get(service, `${linkPath(slot, "new")}?after=x`) as { code: string }).code,
    "malformed",
  );
});
