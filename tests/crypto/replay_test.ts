import assert from "node:assert/strict";
import { REPLAY_WINDOW, ReplayWindow } from "../../crypto/replay.ts";

Deno.test("a counter is fresh once, in any order within the window", () => {
  const window = new ReplayWindow();
  for (const ctr of [5, 0, 3, 1023, 4, 1]) assert.equal(window.mark(ctr), "fresh", `${ctr}`);
  for (const ctr of [5, 0, 3, 1023, 4, 1]) assert.equal(window.mark(ctr), "duplicate", `${ctr}`);
  assert.equal(window.mark(2), "fresh");
});

Deno.test("the window ends exactly 1024 counters back", () => {
  const window = new ReplayWindow();
  window.mark(5000);
  assert.equal(window.check(5000 - REPLAY_WINDOW + 1), "fresh");
  assert.equal(window.check(5000 - REPLAY_WINDOW), "too_old");
});

Deno.test("a check moves nothing, so a forged counter cannot close the window", () => {
  const window = new ReplayWindow();
  window.mark(10);
  assert.equal(window.check(Number.MAX_SAFE_INTEGER), "fresh");
  assert.equal(window.check(11), "fresh");
  assert.equal(window.check(11), "fresh");
  assert.equal(window.mark(9), "fresh");
});

Deno.test("the window agrees with a set of all counters, through jumps of every size", () => {
  for (const start of [0, 2 ** 31 - 600, 2 ** 32 - 600, Number.MAX_SAFE_INTEGER - 200_000]) {
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = -1;
    let random = 1;
    const verdicts = { fresh: 0, duplicate: 0, too_old: 0 };
    for (let round = 0; round < 20_000; round++) {
      random = random * 48271 % 2147483647;
      const jump = random % 7 === 0 ? random % 40 : random % 1100 - 1090;
      const far = random % 997 === 0 ? 1000 + random % 60 : 0;
      const ctr = Math.max(start, highest + jump + far);
      const expected = ctr <= highest - REPLAY_WINDOW
        ? "too_old"
        : seen.has(ctr)
        ? "duplicate"
        : "fresh";
      assert.equal(window.mark(ctr), expected, `round ${round}, counter ${ctr}`);
      verdicts[expected]++;
      if (expected !== "fresh") continue;
      seen.add(ctr);
      highest = Math.max(highest, ctr);
    }
    assert.ok(verdicts.duplicate > 1000 && verdicts.too_old > 100 && verdicts.fresh > 1000);
  }
});
