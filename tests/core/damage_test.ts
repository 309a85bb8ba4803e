/** A service over a damaged store: it answers truly or not at all, and never with a proof that lies. */

import assert from "node:assert/strict";
import { lookup } from "../../core/directory.ts";
import { configProof, consistencyOf, epochOf, publishedHead } from "../../core/log_read.ts";
import { prefixCache } from "../../core/prefix_cache.ts";
import { register } from "../../core/registration.ts";
import { checkConsistency } from "../../crypto/tree.ts";
import { verifyTransition } from "../../crypto/transition_audit.ts";
import { type Published } from "../../kv/published.ts";
import { restore, rowsOf } from "../support/mirror.ts";
import { newAccount, openCore, verified } from "../support/service_core.ts";

Deno.test("over a row that was changed nothing is proved that is not so", async () => {
  using kv = await Deno.openKv(":memory:");
  await using open = await openCore(kv);
  // Nothing at hand: everything is read.
  const ctx = { ...open, prefixCache: prefixCache(0) };
  const people = await Promise.all(["alice", "bob", "carol", "dave"].map((n) => newAccount(n)));
  const heads: Published[] = [await publishedHead(ctx)];
  for (const { label, record } of people) {
    await register(ctx, label, record, null);
    heads.push(await publishedHead(ctx));
  }
  const newest = heads.at(-1)!;
  const rows = await rowsOf(kv);

  /** Asks for everything; how many answers were refused. What is answered has to verify. */
  async function refusals(what: string): Promise<number> {
    const asked: (() => Promise<void>)[] = [
      async () => void await configProof(ctx),
      ...people.map(({ label }) => async () => {
        await verified(ctx, label, await lookup(ctx, label, null));
      }),
      ...heads.map((head) => async () => {
        const { label } = people[0]!;
        const { consistency } = await lookup(ctx, label, head.size);
        checkConsistency(head.size, head.root, newest.size, newest.root, consistency);
      }),
      ...heads.flatMap((from) =>
        heads.filter(({ size }) => size >= from.size).map((to) => async () => {
          const proof = await consistencyOf(ctx, from.size, to.size);
          checkConsistency(from.size, from.root, to.size, to.root, proof);
        })
      ),
      ...heads.slice(1).flatMap((head) =>
        [2, 4, 6, 8].filter((index) => index < head.size).map((index) => async () => {
          const { answer } = await epochOf(ctx, index, head.size);
          verifyTransition(head, index, answer);
        })
      ),
    ];
    let refused = 0;
    for (const ask of asked) {
      try {
        await ask();
      } catch (error) {
        assert.match(String(error), /^Error: bug: the (store|prefix tree) (has|lost) /, what);
        refused++;
      }
    }
    return refused;
  }

  assert.equal(await refusals("nothing was changed"), 0);
  const harms: [string, Deno.KvKey, (value: never) => unknown][] = [];
  for (const { key, value } of rows) {
    const table = String(key[2]);
    if (table === "tile" || table === "entry") {
      const bytes = value as Uint8Array;
      for (let at = 0; at < bytes.length; at += 31) {
        harms.push([`${table} ${at}`, key, () => flipped(bytes, at)]);
      }
      harms.push([`${table} cut`, key, () => bytes.slice(0, bytes.length - 32)]);
    } else if (table === "value") {
      for (const part of ["record", "opening"]) {
        harms.push([`${table} ${part}`, key, (row) => ({
          ...row as object,
          [part]: flipped(row[part], 7),
        })]);
      }
    } else if (table === "prefix" && key[4] === "") {
      const older = rows.find((row) => row.key[2] === "prefix" && row.key[4] === "")!;
      if (older.key !== key) harms.push(["prefix of another epoch", key, () => older.value]);
    }
  }
  for (const [what, key, harm] of harms) {
    await restore(kv, rows);
    await kv.set(key, harm((await kv.get(key)).value as never));
    assert.ok(await refusals(what) > 0, `${what}: nothing was proved from it`);
  }
  await restore(kv, rows);
  assert.equal(await refusals("all is as it was"), 0);
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const other = bytes.slice();
  other[at]! ^= 1;
  return other;
}
