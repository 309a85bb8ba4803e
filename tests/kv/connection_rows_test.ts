import assert from "node:assert/strict";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  type ConnectionRow,
  deleteConnection,
  listOwned,
  listReach,
  readConnection,
  readSnapshot,
  writeConnection,
  writeSnapshot,
} from "../../kv/connection_rows.ts";
import { costOf, fits, valuesFit } from "../../kv/limits.ts";
import { commit } from "../../kv/transact.ts";

const ROW: ConnectionRow = {
  owner: "one",
  identity: "alice",
  device: 1,
  room: null,
  signing: randomBytes(32),
  epoch: 1,
  keyNumber: 1,
  isAway: false,
  behind: [],
  isLost: false,
  parts: 0,
};

Deno.test("a connection moves with its place in every list", async () => {
  using kv = await Deno.openKv(":memory:");
  await commit(kv, [], writeConnection("c", ROW));
  assert.deepEqual(await listOwned(kv, "one"), ["c"]);
  const moved = { ...ROW, owner: "two", behind: ["one"] };
  await commit(kv, [], writeConnection("c", moved, ROW));
  assert.deepEqual([await listOwned(kv, "one"), await listOwned(kv, "two")], [[], ["c"]]);
  const reach = { cid: "c", owner: "two", device: 1, isAway: false };
  assert.deepEqual(await listReach(kv, "alice"), [reach]);
  assert.deepEqual((await readConnection(kv, "c")).row, moved);
  await commit(kv, [], deleteConnection("c", moved));
  for await (const { key } of kv.list({ prefix: [] })) assert.fail(JSON.stringify(key));
});

Deno.test("a snapshot of the longest ring is one commit, and is whole or nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  // 256 KiB of frames, and as much again around them.
  const whole = new Uint8Array(65_536 * 6).map((_, i) => i);
  const { parts, mutations } = writeSnapshot("c", whole);
  assert.ok(valuesFit(mutations) && fits(costOf(mutations)));
  assert.equal(await commit(kv, [], mutations), "committed");
  assert.deepEqual(await readSnapshot(kv, "c", parts), whole);
  assert.equal(await readSnapshot(kv, "c", 0), null);
  await kv.delete(["snapshot", "c", 2]);
  assert.equal(await readSnapshot(kv, "c", parts), null);
});
