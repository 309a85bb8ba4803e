import { deepEqual } from "node:assert/strict";
import { pairCount } from "../../core/pair_rate.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";

const [ALICE, BOB, CAROL, DAVE] = ["alice", "bob", "carol", "dave"].map(parseAccountLabel) as [
  ReturnType<typeof parseAccountLabel>,
  ReturnType<typeof parseAccountLabel>,
  ReturnType<typeof parseAccountLabel>,
  ReturnType<typeof parseAccountLabel>,
];
const RATES = {
  pair: { burst: 2, refillMs: 10_000 },
  callee: { burst: 3, refillMs: 1_000 },
};

Deno.test("a caller who rings somebody too often is stopped, and may ring others", () => {
  const count = pairCount(RATES);
  const rung = [1, 2, 3].map(() => count.take(ALICE, BOB, 0));
  deepEqual(rung, [true, true, false]);
  deepEqual(count.take(ALICE, CAROL, 0), true);
  deepEqual([9_999, 10_000, 10_001].map((ms) => count.take(ALICE, BOB, ms)), [false, true, false]);
});

Deno.test("somebody is rung by all together no more often than their rate", () => {
  const count = pairCount(RATES);
  const callers = [ALICE, ALICE, CAROL, CAROL, DAVE];
  deepEqual(callers.map((caller) => count.take(caller, BOB, 0)), [true, true, true, false, false]);
  deepEqual(count.take(DAVE, BOB, 1_000), true);
  deepEqual(count.take(DAVE, ALICE, 1_000), true);
});

Deno.test("who rang long ago may ring as often as at first", () => {
  const count = pairCount(RATES);
  for (const ms of [0, 20_000, 60_000]) {
    deepEqual([1, 2, 3].map(() => count.take(ALICE, BOB, ms)), [true, true, false]);
  }
});
