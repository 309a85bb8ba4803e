import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  deleteInbox,
  deleteRows,
  packItems,
  readInbox,
  readLeft,
  readRang,
  writeRows,
} from "../../kv/inboxes.ts";
import { costOf, fits, valuesFit } from "../../kv/limits.ts";
import { commit } from "../../kv/transact.ts";

/** Puts items of one sender into an inbox by one commit; the number of the next row. */
async function put(kv: Deno.Kv, to: string, from: string, first: number, texts: readonly string[]) {
  const { rows } = packItems(texts.map(utf8));
  assert.equal(await commit(kv, [], writeRows(to, from, first, rows, "x")), "committed");
  return first + rows.length;
}

async function textsOf(
  kv: Deno.Kv,
  to: string,
  after: ReadonlyMap<string, number> = new Map(),
) {
  const { arrivals } = await readInbox(kv, to, after);
  return arrivals.flatMap(({ items }) => items.map((item) => new TextDecoder().decode(item)));
}

Deno.test("an inbox is read in the order of commits, whoever they were of, each row once", async () => {
  using kv = await Deno.openKv(":memory:");
  // Keys in another order than commits.
  let z = await put(kv, "me", "z", 1, ["1", "2"]);
  const a = await put(kv, "me", "a", 1, ["3"]);
  z = await put(kv, "me", "z", z, ["4"]);
  await put(kv, "me", "b", 1, ["5"]);
  await put(kv, "other", "a", a, ["not mine"]);
  assert.deepEqual(await textsOf(kv, "me"), ["1", "2", "3", "4", "5"]);
  const after = await readRang(kv, "me");
  assert.deepEqual(await textsOf(kv, "me", after), []);
  await put(kv, "me", "z", z, ["6"]);
  assert.deepEqual(await textsOf(kv, "me", after), ["6"]);
});

Deno.test("items that are longer than a value fill several rows, and are whole again", async () => {
  using kv = await Deno.openKv(":memory:");
  const items = [
    randomBytes(10),
    new Uint8Array(200_000).map((_, i) => i),
    randomBytes(59_000),
    randomBytes(0),
  ];
  const { rows, at } = packItems(items);
  assert.deepEqual(at.map(([first, last]) => last - first), [0, 3, 0, 0]);
  const mutations = writeRows("me", "a", 1, rows, "x");
  assert.ok(valuesFit(mutations) && fits(costOf(mutations)));
  assert.equal(await commit(kv, [], mutations), "committed");
  const { arrivals } = await readInbox(kv, "me", new Map());
  assert.deepEqual(arrivals.flatMap((one) => one.items), items);
  assert.equal(arrivals[0]!.places.length, rows.length);
});

Deno.test("many small items are few rows", () => {
  const { rows } = packItems(Array.from({ length: 500 }, () => randomBytes(600)));
  assert.ok(rows.length <= 6, `${rows.length} rows`);
});

Deno.test("what an instance has for itself rings no bell, and is found by whoever takes over", async () => {
  using kv = await Deno.openKv(":memory:");
  await put(kv, "me", "me", 1, ["mine"]);
  await put(kv, "me", "a", 1, ["theirs"]);
  assert.deepEqual([...(await readRang(kv, "me")).keys()], ["a"]);
  assert.deepEqual(await textsOf(kv, "me"), ["theirs"]);
  const left = await readLeft(kv, "me");
  assert.deepEqual(left.map(({ from }) => from), ["me", "a"]);
});

Deno.test("rows are forgotten one by one, or an inbox whole, however many there are", async () => {
  using kv = await Deno.openKv(":memory:");
  let next = 1;
  for (let i = 0; i < 40; i++) {
    const rows = Array.from({ length: 100 }, () => new Uint8Array([0]));
    assert.equal(await commit(kv, [], writeRows("me", "a", next, rows, "x")), "committed");
    next += 100;
  }
  await put(kv, "other", "a", 1, ["stays"]);
  const { arrivals } = await readInbox(kv, "me", new Map());
  await deleteRows(kv, arrivals.flatMap(({ places }) => places).slice(0, 3_000));
  assert.equal((await readLeft(kv, "me")).flatMap(({ places }) => places).length, 1_000);
  await deleteInbox(kv, "me");
  const keys: Deno.KvKey[] = [];
  for await (const { key } of kv.list({ prefix: [] })) keys.push(key);
  assert.ok(keys.every((key) => key[1] === "other"), "nothing else is gone");
  assert.equal(keys.length, 3);
});
