/**
 * The others in a group call: whose keys their links get, and what becomes of a link whose seats change.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { followKeys, type KeyHolder } from "../../client/adapters/key_following.ts";
import { type ClientError } from "../../client/error.ts";
import { type GroupDevice } from "../../client/group_devices.ts";
import { GroupKeys } from "../../client/group_keys.ts";
import { type GroupLink } from "../../client/group_link.ts";
import { GroupPeers } from "../../client/group_peers.ts";
import { type RoomMember } from "../../client/meeting.ts";
import { type World } from "../../client/world.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { Generation } from "../../crypto/generation.ts";
import { type CallKeys, CTX, frameKid, type KeyChange } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { type FrameKey } from "../../crypto/sframe.ts";

const SELF = entryOf(1);
const OTHER = entryOf(2);

function entryOf(n: number): Bytes {
  return new Uint8Array(32).fill(n);
}

function generation(epoch: number): Generation {
  return new Generation({ epoch, step: 0 }, new Secret(new Uint8Array(32).fill(epoch)));
}

/** One other participant, and what its link was started with. */
function meet(keys: GroupKeys, makeAdapter: () => MediaAdapter) {
  const lost: ClientError[] = [];
  const started: { readonly keys: CallKeys; readonly seat: number }[] = [];
  let closed = 0;
  const peers = new GroupPeers({
    world: { account: { self: { entryHash: SELF } } } as unknown as World,
    room: "",
    keys,
    makeAdapter,
    send: () => Promise.resolve(),
    onSecret: () => {},
    onLost: (_, error) => lost.push(error),
    onChange: () => {},
  });
  const device = { device: { entryHash: OTHER } } as unknown as GroupDevice;
  const place = { hash: null, shown: new Uint8Array(0) };
  const peer = peers.note({ id: "bob" } as unknown as RoomMember, device, place);
  const link = () => {
    let isMet = true;
    return {
      get isMet() {
        return isMet;
      },
      start(given: CallKeys, seat: number) {
        isMet = false;
        started.push({ keys: given, seat });
        return Promise.resolve();
      },
      close: () => closed++,
    } as unknown as GroupLink;
  };
  return { peers, peer, lost, started, link, closed: () => closed };
}

function broken(): MediaAdapter {
  throw new Error("no stack today");
}

function stop(peers: GroupPeers, keys: GroupKeys): void {
  peers.close();
  keys.wipe();
}

Deno.test("a seat is sent under by whoever has it now: links of a seat before are made anew", () => {
  for (const [own, theirs] of [[2, 0], [1, 3]] as const) {
    const keys = new GroupKeys();
    const { peers, peer, started, link, closed } = meet(keys, broken);
    const roster = (self: number, other: number) => [
      { index: other, entry: OTHER },
      { index: self, entry: SELF },
    ];
    keys.use(generation(1));
    peer.link = link();
    peers.connect(roster(1, 0));
    assert.deepEqual(started.map(({ keys, seat }) => [keys.self, seat]), [[1, 0]]);
    const told: KeyChange[] = [];
    started[0]!.keys.onChange = (change) => void told.push(change);
    // Out of the roster for a while it may come back to its seat.
    peers.connect([{ index: 0, entry: OTHER }]);
    assert.equal(closed(), 0);
    peers.connect(roster(own, theirs));
    assert.equal(closed(), 1);
    keys.use(generation(2));
    assert.deepEqual(told, []);
    peer.link = link();
    peers.connect(roster(own, theirs));
    assert.deepEqual([started[1]!.keys.self, started[1]!.seat], [own, theirs]);
    stop(peers, keys);
  }
});

Deno.test("a stack that can't be made is lost, again a second later, and stops nothing else", async () => {
  const keys = new GroupKeys();
  const { peers, lost } = meet(keys, broken);
  peers.connect([]);
  for (let i = 0; i < 100; i++) peers.connect([]);
  assert.deepEqual(lost.map(({ code }) => code), ["media_failed"]);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.equal(lost.length, 2);
  stop(peers, keys);
});

/** A holder that counts with everybody else's. */
function holder(): KeyHolder & { sends: boolean; readonly held: readonly FrameKey[] } {
  const held: FrameKey[] = [];
  return {
    counter: COUNTER,
    sends: false,
    held,
    add: (keys) => void held.push(...keys),
    use() {
      this.sends = true;
    },
    hold() {
      this.sends = false;
    },
    retire: () => {},
    requestKeyFrames: () => {},
  };
}

const COUNTER = {};

Deno.test("a connection that begins while nothing may be sent does not end the hold for the others", async () => {
  const keys = new GroupKeys();
  const shared = holder();
  keys.sit(0);
  keys.install(generation(1));
  keys.use(generation(1));
  await followKeys(keys.view(0), 1, [CTX.mic], shared);
  assert.equal(shared.sends, true);
  keys.hold();
  // Asked to begin before the hold, and there after it.
  const late = keys.view(0);
  await followKeys(late, 2, [CTX.mic], shared);
  assert.equal(shared.sends, false);
  keys.use(generation(2));
  await late.onChange!({ kind: "key-frame" });
  assert.equal(shared.sends, true);
  keys.wipe();
});

Deno.test("a key that a stack lacks is given to it again, and none that was dropped, or is its own", async () => {
  const keys = new GroupKeys();
  const view = keys.view(0);
  const stack = holder();
  keys.sit(0);
  keys.install(generation(1));
  keys.use(generation(1));
  await followKeys(view, 1, [CTX.mic], stack);
  const asked = async (index: number) => {
    const before = stack.held.length;
    view.requestKey(frameKid({ epoch: 1, step: 0 }, index, CTX.mic));
    await view.onChange!({ kind: "key-frame" });
    return stack.held.length - before;
  };
  assert.deepEqual([await asked(1), await asked(0)], [1, 0]);
  keys.retire({ index: 1, epoch: 1, step: 0 });
  assert.equal(await asked(1), 0);
  keys.wipe();
});
