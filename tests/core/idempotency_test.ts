import assert from "node:assert/strict";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { ServiceError } from "../../core/error.ts";
import { type Idempotency, openIdempotency } from "../../core/idempotency.ts";
import { type KeptAnswer } from "../../kv/idempotency.ts";
import {
  IDEMPOTENCY_BURST,
  IDEMPOTENCY_REFILL_MS,
  IDEMPOTENCY_TTL_MS,
  REQUEST_TIMEOUT_MS,
} from "../../wire/limits.ts";
import { listMisfits } from "../../kv/row_shape.ts";
import { faultyKv } from "../support/faulty_kv.ts";

/** A request of alice, unless something else is said. */
function ask(change: { account?: string; operation?: string; key?: string; what?: string } = {}) {
  const { account = "alice", operation = "makeRoom", key = "k1", what = "{}" } = change;
  return {
    account: parseAccountLabel(account),
    operation,
    key,
    request: sha256(utf8(what)),
  };
}

/** Does something that is counted. */
function counted(): { act: () => Promise<KeptAnswer>; count: () => number } {
  let n = 0;
  return {
    act: () => Promise.resolve({ status: 201, text: JSON.stringify({ n: ++n }) }),
    count: () => n,
  };
}

function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ServiceError && error.code === code;
}

async function withClock(
  run: (once: Idempotency["once"], clock: { ms: number }) => Promise<void>,
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const clock = { ms: 1_000 };
  await run(openIdempotency({ kv, now: () => clock.ms }).once, clock);
}

Deno.test("a request with a key is done once, and answered the same for a day", async () => {
  await withClock(async (once, clock) => {
    const { act, count } = counted();
    const first = await once(ask(), act);
    clock.ms += IDEMPOTENCY_TTL_MS - 1;
    assert.deepEqual(await once(ask(), act), first);
    assert.equal(count(), 1);
    clock.ms += 1;
    assert.deepEqual(await once(ask(), act), { status: 201, text: `{"n":2}` });
  });
});

Deno.test("a key is one account's, for one operation; another request under it is refused", async () => {
  await withClock(async (once) => {
    const { act, count } = counted();
    await once(ask(), act);
    for (const other of [{ account: "bob" }, { operation: "makeInvite" }, { key: "k2" }]) {
      await once(ask(other), act);
    }
    assert.equal(count(), 4);
    await assert.rejects(once(ask({ what: "{ }" }), act), refused("idempotency_mismatch"));
    assert.equal(count(), 4);
  });
});

Deno.test("of many at once one is done, and the others are told that it is under way", async () => {
  await withClock(async (once) => {
    const { act, count } = counted();
    const [gate, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = once(ask(), async () => {
      begun.resolve();
      await gate.promise;
      return await act();
    });
    // Until then any of them may be the one.
    await begun.promise;
    const others = await Promise.allSettled(Array.from({ length: 20 }, () => once(ask(), act)));
    for (const other of others) {
      assert.ok(other.status === "rejected" && refused("idempotency_in_flight")(other.reason));
    }
    gate.resolve();
    const answer = await first;
    assert.equal(count(), 1);
    assert.deepEqual(await once(ask(), act), answer);
  });
});

Deno.test("a refusal frees the key, also for another request", async () => {
  await withClock(async (once) => {
    const { act, count } = counted();
    const forbidden = () => Promise.reject(new ServiceError("forbidden", "No"));
    await assert.rejects(once(ask(), forbidden), refused("forbidden"));
    await once(ask({ what: "other" }), act);
    assert.equal(count(), 1);
  });
});

Deno.test("what broke off holds its key for no longer than it could be under way", async () => {
  await withClock(async (once, clock) => {
    const { act, count } = counted();
    const begun = Promise.withResolvers<void>();
    void once(ask(), () => {
      begun.resolve();
      return new Promise(() => {});
    });
    await begun.promise;
    await assert.rejects(once(ask(), act), refused("idempotency_in_flight"));
    clock.ms += 2 * REQUEST_TIMEOUT_MS;
    await once(ask(), act);
    assert.equal(count(), 1);
  });
});

Deno.test("an account uses so many keys at once, and then one every while", async () => {
  await withClock(async (once, clock) => {
    const { act } = counted();
    for (let i = 0; i < IDEMPOTENCY_BURST; i++) await once(ask({ key: `k${i}` }), act);
    await assert.rejects(once(ask({ key: "more" }), act), refused("rate_limited"));
    await once(ask({ account: "bob" }), act);
    clock.ms += IDEMPOTENCY_REFILL_MS;
    await once(ask({ key: "more" }), act);
  });
});

Deno.test("its rows are as an audit of the store wants them", async () => {
  using kv = await Deno.openKv(":memory:");
  const { once } = openIdempotency({ kv, now: () => 1_000 });
  await once(ask(), counted().act);
  await once(ask({ key: "k2" }), () => Promise.resolve({ status: 204, text: null }));
  void once(ask({ key: "k3" }), () => new Promise(() => {}));
  await assert.rejects(once(ask({ key: "k3" }), counted().act), refused("idempotency_in_flight"));
  assert.equal((await Array.fromAsync(kv.list({ prefix: [] }))).length, 3);
  assert.deepEqual(await Array.fromAsync(listMisfits(kv)), []);
});

Deno.test("whatever the store does, a request is done once, and its outcome is told", async () => {
  for (let at = 1; at <= 2; at++) {
    for (const fault of ["before", "after"] as const) {
      using kv = await Deno.openKv(":memory:");
      const faulty = faultyKv(kv, (n) => n === at ? fault : null);
      const { once } = openIdempotency({ kv: faulty.kv, now: () => 1_000 });
      const { act, count } = counted();
      const answer = await once(ask(), act);
      assert.deepEqual(await once(ask(), act), answer);
      assert.equal(count(), 1);
    }
  }
});
