/**
 * Page code that holds the IndexedDB store to what every store promises.
 *
 * @module
 */

import { type Stored } from "../../../client/store.ts";
import { indexedDbStore } from "../../../client/store_indexeddb.ts";
import { type Bytes, equal } from "../../../crypto/bytes.ts";
import { generateDeviceKeys, generateKemKeyPair } from "../../../crypto/keys.ts";
import { mlKem768Decapsulate, mlKem768Encapsulate } from "../../../crypto/primitives.ts";
import { read, write } from "../../support/raw_store.ts";

const NAME = "a-store";

const checks = {
  async keeps(): Promise<Stored> {
    const store = await indexedDbStore(NAME);
    await write(store, { a: { n: 1, bytes: new Uint8Array([1, 2]), list: ["x", null] }, b: true });
    const again = await indexedDbStore(NAME);
    const { bytes, ...rest } = await read(again, "a") as { bytes: Bytes; n: number };
    await write(again, { b: null });
    return [{ ...rest, bytes: [...bytes] }, await read(store, "b"), await read(store, "c")];
  },

  /** Two connections to one database, as two tabs have them. */
  async losesNothing(): Promise<Stored> {
    const tabs = [await indexedDbStore(NAME), await indexedDbStore(NAME)];
    const count = (i: number) =>
      tabs[i % 2]!.update(["n"], ([n]) => ({
        changes: { n: (n as number ?? 0) + 1 },
        result: undefined,
      }));
    await Promise.all(Array.from({ length: 50 }, (_, i) => count(i)));
    return await read(tabs[0]!, "n");
  },

  async undoes(): Promise<Stored> {
    const store = await indexedDbStore(NAME);
    await write(store, { m: 1 });
    const refusing = store.update<string>(["m"], () => {
      throw new Error("no");
    });
    const refusal = await refusing.catch((error: Error) => error.message);
    const before = await read(store, "m");
    await write(store, { m: 2 });
    return [refusal, before, await read(store, "m")];
  },

  async keepsKeysInside(): Promise<Stored> {
    const store = await indexedDbStore(NAME);
    const { signing } = await generateDeviceKeys(store.extractable);
    await write(store, { key: signing.privateKey });
    const key = await read(await indexedDbStore(NAME), "key") as CryptoKey;
    const signature = await crypto.subtle.sign("Ed25519", key, new Uint8Array(1));
    const exported = await crypto.subtle.exportKey("pkcs8", key)
      .then(() => "exported", (error: Error) => error.name);
    return [signature.byteLength, exported];
  },

  /** ML-KEM's private key: what it is, what it opens, and who can export it, after a restart of sorts. */
  async keepsKemInside(): Promise<Stored> {
    const store = await indexedDbStore(NAME);
    const pair = await generateKemKeyPair(store.extractable);
    await write(store, { kem: pair.privateKey });
    const key = await read(await indexedDbStore(NAME), "kem") as CryptoKey | Bytes;
    const { ciphertext, shared } = await mlKem768Encapsulate(pair.publicKey);
    const opens = equal(await mlKem768Decapsulate(key, ciphertext), shared);
    if (!(key instanceof CryptoKey)) return ["bytes", opens, []];
    const formats = ["pkcs8", "jwk", "raw-seed"] as unknown as ("pkcs8" | "jwk")[];
    const exported = await Promise.all(
      formats.map((format) =>
        crypto.subtle.exportKey(format, key).then(() => "exported", (error: Error) => error.name)
      ),
    );
    return [key.extractable ? "extractable" : "handle", opens, exported];
  },

  /** Whether this browser's WebCrypto has ML-KEM. */
  hasKem(): Promise<Stored> {
    return Promise.resolve("encapsulateBits" in crypto.subtle);
  },

  /** What the browser says when it is asked to keep it, and from then on. */
  async persists(): Promise<Stored> {
    const store = await indexedDbStore(NAME);
    return [await store.persist(), await store.isPersistent()];
  },

  /** A browser that knows no such promise, as WebKit did for long. */
  async persistsNowhere(): Promise<Stored> {
    Object.defineProperty(navigator, "storage", { value: undefined });
    const store = await indexedDbStore(NAME);
    return [await store.persist(), await store.isPersistent()];
  },
};

/** What the page answers. */
export type Checks = typeof checks;

Object.assign(globalThis, { checks });
