import assert from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { LINK_ASK_BURST, LINK_ASK_REFILL_MS } from "../../wire/limits.ts";
import { linkPath } from "../../wire/paths.ts";
import { sendJson } from "../support/dpop.ts";
import { startService } from "../support/service.ts";

Deno.test("answers say what is left of a budget, and a refusal when there is more", async () => {
  // Nothing comes back while the clock stands.
  let nowMs = Date.now();
  await using service = await startService({ now: () => nowMs });
  const path = linkPath(toBase64Url(randomBytes(16)), "new");
  const message = { message: toBase64Url(randomBytes(34)) };
  await (await sendJson(service, "PUT", `${path}/0`, message)).body?.cancel();
  const ask = async () => {
    const response = await fetch(service.url + path);
    await response.body?.cancel();
    const { headers, status } = response;
    return {
      status,
      policy: headers.get("ratelimit-policy"),
      limit: headers.get("ratelimit"),
      after: headers.get("retry-after"),
      exposed: headers.get("access-control-expose-headers")!,
    };
  };
  const whole = Math.ceil(LINK_ASK_BURST * LINK_ASK_REFILL_MS / 1_000);
  const first = await ask();
  assert.equal(first.status, 200);
  assert.equal(first.policy, `"link";q=${LINK_ASK_BURST};w=${whole}`);
  const left = (said: string | null) => Number(/^"link";r=(\d+);t=\d+$/.exec(said!)?.[1]);
  assert.equal(left(first.limit), LINK_ASK_BURST - 1);
  assert.match(first.exposed, /RateLimit, RateLimit-Policy, Retry-After/);
  const all = await Promise.all(Array.from({ length: LINK_ASK_BURST }, ask));
  const refused = all.find(({ status }) => status === 429)!;
  assert.deepEqual([left(refused.limit), refused.after], [0, "1"]);
  nowMs += 60_000;
  const later = await ask();
  assert.deepEqual([later.status, left(later.limit)], [200, LINK_ASK_BURST - 1]);
});
