import assert from "node:assert/strict";
import { GroupKeys } from "../../client/group_keys.ts";
import { type CryptoError } from "../../crypto/error.ts";
import { Generation } from "../../crypto/generation.ts";
import { type GenerationName } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";

const generation = (name: GenerationName) =>
  new Generation(name, new Secret(new Uint8Array(32).fill(name.step + 1)));

Deno.test("a stack's own encryption gets the keys of the generation that it names", () => {
  const keys = new GroupKeys();
  const [first, second] = [{ epoch: 1, step: 0 }, { epoch: 1, step: 1 }];
  for (const name of [first, second]) keys.install(generation(name));
  keys.use(generation(first));
  const { mediaExporter } = keys.view(0);
  const of = (name?: GenerationName) => mediaExporter("srtp", new Uint8Array(0), 32, name);
  assert.deepEqual(of(), of(first));
  assert.notDeepEqual(of(second), of(first));
  keys.retire({ ...first, index: null });
  assert.throws(() => of(first), ({ code }: CryptoError) => code === "unknown_key");
  keys.wipe();
  assert.throws(() => of(), ({ code }: CryptoError) => code === "spent");
});
