/**
 * A store's file in the hands of a thief, of whoever may write to it, and of an application that has
 * lost its key.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { fileStore } from "../../client/store_file.ts";
import { fromBase64, toBase64 } from "../../crypto/base64.ts";
import { type Bytes, toHex } from "../../crypto/bytes.ts";
import {
  generateAgreementKeyPair,
  generateDeviceKeys,
  generateKemKeyPair,
} from "../../crypto/keys.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { grep } from "../support/grep.ts";
import { read, write } from "../support/raw_store.ts";
import { refuses } from "../support/refuses.ts";
import { startService } from "../support/service.ts";

const KEY = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);

async function freshPath(): Promise<string> {
  return `${await Deno.makeTempDir()}/store.json`;
}

/** The handle of a key, which can't be exported. */
function handleOf(key: Uint8Array<ArrayBuffer>, usages: KeyUsage[]): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, "AES-GCM", false, usages);
}

Deno.test("a stolen file opens nothing without its key, and shows neither keys nor names", async () => {
  const path = await freshPath();
  await using service = await startService();
  const store = await fileStore(path, { key: KEY });
  const erin = await Client.open({ service: service.url, store, now: service.now });
  await erin.register("erin.of.the.sealed.file");
  await erin.goOnline();
  erin.close();
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  const file = await Deno.readFile(path);
  const opened = await fileStore(path, { key: KEY });
  const account = await read(opened, "account");
  assert.notEqual(account, null);
  const needles: { name: string; bytes: Bytes }[] = [];
  const collect = async (name: string, value: unknown): Promise<void> => {
    if (value instanceof CryptoKey) {
      needles.push({ name, bytes: new Uint8Array(await crypto.subtle.exportKey("pkcs8", value)) });
    } else if (value instanceof Uint8Array) needles.push({ name, bytes: Uint8Array.from(value) });
    else if (typeof value === "object" && value !== null) {
      for (const [field, inner] of Object.entries(value)) await collect(`${name}/${field}`, inner);
    }
  };
  const sets = await read(opened, "prekeys") as { hash: string }[];
  for (const cell of ["account", `prekeys/${sets[0]!.hash}`, `opk/${sets[0]!.hash}/0`]) {
    await collect(cell, await read(opened, cell));
  }
  assert.ok(needles.length >= 8, `${needles.length} secrets`);
  for (const word of ["erin.of.the.sealed.file", "prekeys/", "contacts", "account"]) {
    needles.push({ name: word, bytes: new TextEncoder().encode(word) });
  }
  assert.deepEqual(grep([file], needles), []);
  // The same look at a file without a key finds them, so it would have found them here.
  const plain = await freshPath();
  await write(await fileStore(plain), { account });
  assert.ok(grep([await Deno.readFile(plain)], needles).length > 3);
  await refuses(fileStore(path), "store_locked");
  await refuses(fileStore(path, { key: OTHER }), "store_locked");
  assert.deepEqual(await Deno.readFile(path), file, "who was refused has changed nothing");
});

Deno.test("a sealed file gives its keys back, and they still work, under bytes or a handle", async () => {
  const path = await freshPath();
  const handle = await handleOf(KEY, ["encrypt", "decrypt"]);
  const store = await fileStore(path, { key: handle });
  assert.equal(store.isProtected, true);
  const [keys, kem, agreement] = await Promise.all([
    generateDeviceKeys(store.extractable),
    generateKemKeyPair(store.extractable),
    generateAgreementKeyPair(store.extractable),
  ]);
  await write(store, {
    keys: { signing: keys.signing.privateKey, kem: kem.privateKey, dh: agreement.privateKey },
  });
  const again = await fileStore(path, { key: KEY });
  const held = await read(again, "keys") as { signing: CryptoKey };
  const signature = await crypto.subtle.sign("Ed25519", held.signing, new Uint8Array(3));
  const algorithm = "Ed25519";
  const verifying = await crypto.subtle.importKey("raw", keys.signing.publicKey, algorithm, true, [
    "verify",
  ]);
  assert.ok(await crypto.subtle.verify("Ed25519", verifying, signature, new Uint8Array(3)));
});

Deno.test("a sealed file that was edited, cut short, or put together of two is refused, and never an empty store", async () => {
  const path = await freshPath();
  const store = await fileStore(path, { key: KEY });
  await write(store, { a: 1, b: randomBytes(100) });
  const first = (await Deno.readTextFile(path)).split(" ");
  await write(store, { a: 2 });
  const text = await Deno.readTextFile(path);
  const [version, check, box] = text.split(" ") as [string, string, string];
  const refused = async (changed: string, what: string) => {
    await Deno.writeTextFile(path, changed);
    const error = await fileStore(path, { key: KEY }).then(() => null, (error) => error);
    assert.match(String(error?.code), /^store_(failed|locked)$/, what);
    assert.doesNotMatch(String(error), new RegExp(text.slice(40, 60)), "the error cites the file");
  };
  for (let at = 0; at < text.length; at++) {
    const changed = at === 0 ? "{" : text[at] === "A" ? "B" : "A";
    await refused(text.slice(0, at) + changed + text.slice(at + 1), `character ${at}`);
    if (at % 7 === 0) await refused(text.slice(0, at), `the first ${at} characters`);
  }
  const bytes = fromBase64(box)!;
  const put = (...parts: readonly string[]) => parts.join(" ");
  for (const length of [0, 11, 12, 27, 28, bytes.length - 1]) {
    await refused(put(version, check, toBase64(bytes.slice(0, length))), `${length} bytes`);
  }
  await refused(put(version, check, first[2]!), "the box of another write");
  await refused(put(version, first[1]!, box), "the check of another write");
  await refused(put(version, check, check), "the check as box");
  await refused(put(version, check, box, check), "something more");
  await refused(put("countersign.store/2", check, box), "a later version");
  await Deno.writeTextFile(path, text);
  assert.equal(await read(await fileStore(path, { key: KEY }), "a"), 2);
});

Deno.test("a file of before it had a key opens, says so, and is sealed by the next write", async () => {
  const path = await freshPath();
  const before = await fileStore(path);
  assert.equal(before.isProtected, false);
  await write(before, { secret: new Uint8Array(32).fill(0xab) });
  const store = await fileStore(path, { key: KEY });
  assert.equal(store.isProtected, false, "what lies there is open");
  assert.equal(toHex(await read(store, "secret") as Bytes), "ab".repeat(32));
  assert.equal(store.isProtected, false, "reading writes nothing");
  await write(store, { n: 1 });
  assert.equal(store.isProtected, true);
  await refuses(fileStore(path), "store_locked");
  const again = await fileStore(path, { key: KEY });
  assert.equal(again.isProtected, true);
  assert.equal(toHex(await read(again, "secret") as Bytes), "ab".repeat(32));
  // Whoever may write to the file can put one there that is not sealed: an application can tell.
  await Deno.writeTextFile(path, `{"account":{"label":"mallory"}}`);
  assert.equal((await fileStore(path, { key: KEY })).isProtected, false);
});

Deno.test("the key of a file is changed in one step, also beside writes, and the old one opens it no more", async () => {
  const path = await freshPath();
  const store = await fileStore(path, { key: KEY });
  await write(store, { n: 0 });
  await Promise.all([write(store, { a: 1 }), store.changeKey(OTHER), write(store, { b: 2 })]);
  await refuses(fileStore(path, { key: KEY }), "store_locked");
  const again = await fileStore(path, { key: OTHER });
  assert.deepEqual([await read(again, "a"), await read(again, "b")], [1, 2]);
  // One that is no key changes nothing.
  await refuses(again.changeKey(new Uint8Array(31)), "bad_option");
  await write(again, { c: 3 });
  assert.equal(await read(await fileStore(path, { key: OTHER }), "c"), 3);
  // A plain file gets its first key the same way.
  const plain = await fileStore(await freshPath());
  await write(plain, { n: 1 });
  await plain.changeKey(KEY);
  assert.equal(plain.isProtected, true);
});

Deno.test("what is no key for a file is refused before anything is read: bad_option", async () => {
  const path = await freshPath();
  const short = await handleOf(new Uint8Array(16), ["encrypt", "decrypt"]);
  const reading = await handleOf(KEY, ["decrypt"]);
  const mac = await crypto.subtle.importKey("raw", KEY, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  for (
    const key of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33), short, reading, mac]
  ) {
    await refuses(fileStore(path, { key }), "bad_option");
  }
});

Deno.test("two writes of one content are two files, and each file is small beside what it holds", async () => {
  const path = await freshPath();
  const store = await fileStore(path, { key: KEY });
  await write(store, { text: "x".repeat(30_000) });
  const first = await Deno.readTextFile(path);
  await write(store, { text: "x".repeat(30_000) });
  const second = await Deno.readTextFile(path);
  assert.notEqual(first, second);
  assert.ok(first.length < 30_000 * 1.4);
});
