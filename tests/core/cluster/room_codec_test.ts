import assert from "node:assert/strict";
import { toBase64Url } from "../../../crypto/base64.ts";
import { randomBytes } from "../../../crypto/primitives.ts";
import { loadRoom, replaceRoom } from "../../../core/cluster/room_cache.ts";
import { decodeRoom, encodeRoom } from "../../../core/cluster/room_codec.ts";
import { emptyRoom, type Room, type Seat, withSeat, withWaiting } from "../../../core/room.ts";
import { costOf, fits, valuesFit } from "../../../kv/limits.ts";
import { commit } from "../../../kv/transact.ts";
import { type Role } from "../../../wire/frames.ts";
import { MAX_META_BYTES, MAX_ROOM_MEMBERS } from "../../../wire/limits.ts";

const ROLES: readonly Role[] = ["host", "cohost", "member", "listener"];

function seat(identity: string, role: Role, more: Partial<Seat["member"]> = {}): Seat {
  const mid = toBase64Url(randomBytes(16));
  const isGuest = identity.startsWith("~");
  const member = {
    mid,
    account: isGuest ? null : identity,
    device: isGuest ? null : 7,
    guest: isGuest ? identity : null,
    role,
    away: false,
    meta: null,
    ...more,
  };
  const address = { cid: toBase64Url(randomBytes(16)), instance: toBase64Url(randomBytes(12)) };
  return { member, identity, address };
}

function someRoom(): Room {
  let room: Room = { ...emptyRoom("r"), rseq: 9 };
  ROLES.forEach((role, i) => {
    room = withSeat(
      room,
      seat(`person${i}`, role, { away: i % 2 === 0, meta: i > 1 ? "m" : null }),
    );
  });
  room = withSeat(room, seat("~guest", "member"));
  room = withWaiting(room, { ...seat("~other", "knocker"), knock: "let me in" });
  room = withWaiting(room, { ...seat("=third", "knocker"), knock: null });
  const state = { room: "r", epoch: 3, isLocked: true, hasEnded: false, meta: "sealed" };
  return { ...room, state };
}

Deno.test("a room is the same after the store had it, in every part and order", () => {
  for (const room of [someRoom(), emptyRoom("r"), { ...someRoom(), state: null }]) {
    const { bytes, texts } = encodeRoom(room, new Map());
    const decoded = decodeRoom("r", bytes, texts);
    assert.deepEqual(decoded.room, room);
    assert.deepEqual([...decoded.room.seats.keys()], [...room.seats.keys()]);
    assert.equal(decoded.isTorn, false);
  }
});

Deno.test("250 members with the longest names are one value; what they show stands beside it", async () => {
  using kv = await Deno.openKv(":memory:");
  let room = emptyRoom("r");
  const meta = toBase64Url(randomBytes(MAX_META_BYTES));
  for (let i = 0; i < MAX_ROOM_MEMBERS; i++) {
    room = withSeat(room, seat(`${i}`.padStart(128, "x"), "member"));
    const before = await loadRoom(kv, "r");
    const { mutations } = replaceRoom(before, room);
    assert.ok(valuesFit(mutations) && fits(costOf(mutations)));
    if (i % 50 === 49) assert.equal(await commit(kv, [], mutations), "committed");
  }
  let before = await loadRoom(kv, "r");
  assert.deepEqual(before.room, room);
  for (const place of [...room.seats.values()].slice(0, 3)) {
    room = withSeat(room, { ...place, member: { ...place.member, meta } });
    const { mutations } = replaceRoom(before, room);
    assert.ok(mutations.length === 2, "a text is written once, with the row");
    await commit(kv, [], mutations);
    before = await loadRoom(kv, "r");
    assert.deepEqual(before.room, room);
  }
});

Deno.test("a text that was changed since its row was read is noticed", () => {
  const room = someRoom();
  const { bytes, texts } = encodeRoom(room, new Map());
  const [mid] = [...texts.keys()];
  const changed = new Map(texts).set(mid!, { rev: 99, text: "other" });
  assert.equal(decodeRoom("r", bytes, changed).isTorn, true);
  const again = encodeRoom({ ...room, rseq: 10 }, texts);
  assert.deepEqual(again.texts, texts, "what did not change keeps its revision");
});

Deno.test("the last one who goes leaves nothing", async () => {
  using kv = await Deno.openKv(":memory:");
  const room = someRoom();
  await commit(kv, [], replaceRoom(await loadRoom(kv, "r"), room).mutations);
  await commit(kv, [], replaceRoom(await loadRoom(kv, "r"), emptyRoom("r")).mutations);
  for await (const { key } of kv.list({ prefix: [] })) assert.fail(JSON.stringify(key));
});
