import assert from "node:assert/strict";
import { followKeys, type KeyHolder } from "../../client/adapters/key_following.ts";
import { type CallKeys, CTX, frameKid } from "../../crypto/schedule.ts";
import { turningKeys } from "../support/turning_keys.ts";

const MEDIA = [CTX.mic, CTX.camera];

Deno.test("the keys of a call are added, used and dropped in the order of their changes", async () => {
  const keys = turningKeys("s", 0);
  const { said, holder } = listener();
  await followKeys(keys, 1, MEDIA, holder);
  await Promise.all([keys.install(2), keys.use(2), keys.retire(1), keys.hold()]);
  assert.deepEqual(said, [
    `add ${kids(1, 1)}`,
    `use ${kids(1, 0)}`,
    `add ${kids(2, 1)}`,
    // Its keys were on their way when the hold was said.
    "retire 16 of 1",
    "hold",
  ]);
  await keys.use(2);
  assert.equal(said.at(-1), `use ${kids(2, 0)}`);
});

Deno.test("keys that are derived slowly do not undo a hold, nor bring back the keys before", async () => {
  for (const change of ["hold", "use"] as const) {
    const keys = turningKeys("s", 0);
    const slow = Promise.withResolvers<void>();
    const sendKey = keys.sendKey.bind(keys);
    let first = true;
    const asked = Promise.withResolvers<void>();
    const slowly: CallKeys = Object.create(keys, {
      sendKey: {
        value: async (ctx: typeof CTX.mic) => {
          const key = await sendKey(ctx);
          if (!first) return key;
          asked.resolve();
          await slow.promise;
          return key;
        },
      },
    });
    const { said, holder } = listener();
    const following = followKeys(slowly, 1, MEDIA, holder);
    await asked.promise;
    first = false;
    keys.onChange = slowly.onChange;
    const changed = change === "hold" ? keys.hold() : keys.use(2);
    slow.resolve();
    await following;
    await changed;
    const last = change === "hold" ? "hold" : `use ${kids(2, 0)}`;
    assert.deepEqual(said, [`add ${kids(1, 1)}`, last]);
  }
});

/** Writes down what it is told. */
function listener(): { said: string[]; holder: KeyHolder } {
  const said: string[] = [];
  const holder: KeyHolder = {
    counter: {},
    add: (keys) => void said.push(`add ${keys.map(({ kid }) => kid)}`),
    use: (keys) => void said.push(`use ${keys.map(({ kid }) => kid)}`),
    retire: ({ generation, index }) => void said.push(`retire ${generation} of ${index}`),
    hold: () => void said.push("hold"),
    requestKeyFrames: () => void said.push("key-frame"),
  };
  return { said, holder };
}

function kids(epoch: number, index: number): string {
  return MEDIA.map((ctx) => frameKid({ epoch, step: 0 }, index, ctx)).join();
}
