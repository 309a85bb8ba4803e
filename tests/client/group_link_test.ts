import assert from "node:assert/strict";
import { type MediaAdapter } from "../../client/adapter.ts";
import { type GroupDevice } from "../../client/group_devices.ts";
import { GroupLink } from "../../client/group_link.ts";
import { type World } from "../../client/world.ts";

/** A link to nobody, whose session never comes. */
function unmet(): GroupLink {
  return GroupLink.answer({
    world: { refused() {} } as unknown as World,
    room: "",
    other: {} as GroupDevice,
    adapter: { onFailure: null, close() {} } as unknown as MediaAdapter,
    send: () => Promise.reject(new Error("Nobody is there")),
    onSecret() {},
    onChange() {},
    onFailure() {},
  }, new Uint8Array(0));
}

const isErased = (secret: Uint8Array) => secret.every((byte) => byte === 0);

Deno.test("a secret that waited for a session is erased where it makes room, and where none comes", () => {
  const link = unmet();
  const secrets = Array.from({ length: 10 }, () => new Uint8Array(32).fill(7));
  for (const secret of secrets) link.seal(secret);
  assert.deepEqual(secrets.map(isErased), [true, true, ...Array(8).fill(false)]);
  link.close();
  assert.ok(secrets.every(isErased));
});

Deno.test("a secret for a link that was closed is erased at once", () => {
  const link = unmet();
  link.close();
  const secret = new Uint8Array(32).fill(7);
  link.seal(secret);
  assert.ok(isErased(secret));
});
