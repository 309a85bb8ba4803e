/**
 * What every store promises, held by each store that runs here; IndexedDB is held to it in a browser.
 *
 * @module
 */

import assert from "node:assert/strict";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import {
  generateMlKem768,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
} from "../../crypto/primitives.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { fileStore } from "../../client/store_file.ts";
import { read, write } from "../support/raw_store.ts";

const STORES: readonly [string, () => Promise<Store>][] = [
  ["in memory", () => Promise.resolve(memoryStore())],
  ["in a file", async () => await fileStore(`${await Deno.makeTempDir()}/store.json`)],
  ["in a sealed file", async () => {
    const key = new Uint8Array(32).fill(1);
    return await fileStore(`${await Deno.makeTempDir()}/store.json`, { key });
  }],
];

for (const [where, open] of STORES) {
  Deno.test(`a store ${where} reads what was written, and null where nothing was`, async () => {
    const store = await open();
    assert.equal(await read(store, "a"), null);
    await write(store, { a: { n: 1, bytes: new Uint8Array([1, 2]), list: ["x", null] }, b: true });
    assert.deepEqual(await read(store, "a"), {
      n: 1,
      bytes: new Uint8Array([1, 2]),
      list: ["x", null],
    });
    await write(store, { a: null });
    assert.equal(await read(store, "a"), null);
    assert.equal(await read(store, "b"), true);
  });

  Deno.test(`a store ${where} loses no update when many come at once`, async () => {
    const store = await open();
    const count = () =>
      store.update(["n"], ([n]) => ({ changes: { n: (n as number ?? 0) + 1 }, result: undefined }));
    await Promise.all(Array.from({ length: 50 }, count));
    assert.equal(await read(store, "n"), 50);
  });

  Deno.test(`a store ${where} writes nothing of a decision that throws`, async () => {
    const store = await open();
    await write(store, { n: 1 });
    await assert.rejects(store.update(["n"], () => {
      throw new Error("no");
    }));
    assert.equal(await read(store, "n"), 1);
    await write(store, { n: 2 });
    assert.equal(await read(store, "n"), 2);
  });
}

Deno.test("a file store gives its keys back after a restart, and they still work", async () => {
  const path = `${await Deno.makeTempDir()}/store.json`;
  const store = await fileStore(path);
  const keys = await generateDeviceKeys(store.extractable);
  const kem = await generateMlKem768(store.extractable);
  await write(store, {
    keys: { signing: keys.signing.privateKey, kem: kem.privateKey, seed: new Uint8Array(64) },
  });
  store.close();

  const again = await fileStore(path);
  const held = await read(again, "keys") as { signing: CryptoKey; kem: CryptoKey };
  const signature = await crypto.subtle.sign("Ed25519", held.signing, new Uint8Array(3));
  const verifying = await crypto.subtle.importKey("raw", keys.signing.publicKey, "Ed25519", true, [
    "verify",
  ]);
  assert.ok(await crypto.subtle.verify("Ed25519", verifying, signature, new Uint8Array(3)));
  const { ciphertext, shared } = await mlKem768Encapsulate(kem.publicKey);
  assert.deepEqual(await mlKem768Decapsulate(held.kem, ciphertext), shared);
});

Deno.test("a file store can be read by its owner only, and a broken write leaves the old state", async () => {
  const path = `${await Deno.makeTempDir()}/store.json`;
  const store = await fileStore(path);
  await write(store, { n: 1 });
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  // What a crash in the middle of a write leaves behind.
  await Deno.writeTextFile(`${path}.new`, "{");
  assert.equal(await read(await fileStore(path), "n"), 1);
  await write(store, { n: 2 });
  assert.equal(await read(await fileStore(path), "n"), 2);
});

Deno.test("a file store that is damaged is an error, never an empty store", async () => {
  const path = `${await Deno.makeTempDir()}/store.json`;
  for (
    const text of ["", "{", "[]", '{"a":{"$bytes":"?"}}', '{"a":{"$key":"AAAA","algorithm":"X"}}']
  ) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(fileStore(path), /damaged/, text);
  }
});

Deno.test("of two stores on one file the second writes nothing over the first: in_use", async () => {
  const path = `${await Deno.makeTempDir()}/store.json`;
  const [first, second] = [await fileStore(path), await fileStore(path)];
  await write(first, { n: 1 });
  await assert.rejects(write(second, { n: 2 }), { code: "in_use" });
  await assert.rejects(second.changeKey(new Uint8Array(32).fill(3)), { code: "in_use" });
  await write(first, { n: 3 });
  assert.equal(await read(await fileStore(path), "n"), 3);
});
