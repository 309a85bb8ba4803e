import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { type GroupDevice } from "../../client/group_devices.ts";
import { GroupKeys } from "../../client/group_keys.ts";
import { GroupPeers } from "../../client/group_peers.ts";
import { type RoomMember } from "../../client/meeting.ts";
import { type World } from "../../client/world.ts";
import { ClientError } from "../../client/error.ts";

const PEOPLE = 10;
const PLACE = { hash: null, shown: new Uint8Array(0) };

/** A client whose offers all fail, since the service has nobody's prekeys. */
function deserted(onLost: () => void): GroupPeers {
  const world = {
    account: { self: { entryHash: new Uint8Array(32) } },
    store: {},
    refused() {},
    http: { open: () => Promise.reject(new ClientError("unavailable", "Nothing is here")) },
  } as unknown as World;
  return new GroupPeers({
    world,
    room: "",
    keys: new GroupKeys(),
    makeAdapter: () => ({ onFailure: null, close() {} }) as unknown as MediaAdapter,
    send: () => Promise.resolve(),
    onSecret() {},
    onLost,
    onChange() {},
  });
}

function device(n: number): GroupDevice {
  const entryHash = new Uint8Array(32).fill(n);
  return { device: { entryHash, account: { label: `person-${n}` } } } as unknown as GroupDevice;
}

Deno.test("however many links fail one after the other, each is made anew by one timer", async () => {
  let [lost, fired] = [0, 0];
  const { setTimeout: set } = globalThis;
  const peers = deserted(() => lost++);
  globalThis.setTimeout =
    ((work: () => void, ms: number) => set(() => (fired++, work()), ms)) as typeof setTimeout;
  try {
    for (let n = 1; n <= PEOPLE; n++) {
      peers.note({ id: String(n) } as RoomMember, device(n), PLACE);
      peers.connect([]);
      await new Promise((resolve) => set(resolve, 20));
    }
    assert.equal(lost, PEOPLE);
    await new Promise((resolve) => set(resolve, 1_100));
    assert.equal(lost, 2 * PEOPLE, "each was made anew, once");
    // One that fires early by less than a millisecond is set once more.
    assert.ok(fired <= 2 * PEOPLE, `${fired} timers`);
  } finally {
    globalThis.setTimeout = set;
    peers.close();
  }
});
