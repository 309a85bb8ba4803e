/**
 * The peer `@privacyresearch/libsignal-protocol-typescript`: X3DH and the double ratchet without anything
 * post-quantum, in JavaScript, with stores in memory.
 *
 * It is installed for a run (GPL-3.0-only) and imported under its name, so that nothing here depends on it.
 *
 * @module
 */

import { type Peer } from "./libsignal.ts";

const WHO = "libsignal-ts";
const PACKAGE = "@privacyresearch/libsignal-protocol-typescript";

/** Loads the peer, or gives null where it is not installed. */
export async function libsignalTypescript(payload: Uint8Array): Promise<Peer | null> {
  // Untyped on purpose: the package is not there when this file is checked.
  const lib = await import(String(PACKAGE)).catch(() => null);
  if (lib === null) return null;

  async function device(name: string) {
    const identity = await lib.KeyHelper.generateIdentityKeyPair();
    const kept = new Map<string, unknown>();
    const save = (key: string, value: unknown) => Promise.resolve(void kept.set(key, value));
    const load = (key: string) => Promise.resolve(kept.get(key));
    return {
      identity,
      address: new lib.SignalProtocolAddress(name, 1),
      store: {
        getIdentityKeyPair: () => Promise.resolve(identity),
        getLocalRegistrationId: () => Promise.resolve(5),
        isTrustedIdentity: () => Promise.resolve(true),
        saveIdentity: (at: string, key: unknown) => save(`identity ${at}`, key).then(() => false),
        loadPreKey: (id: unknown) => load(`prekey ${id}`),
        storePreKey: (id: unknown, pair: unknown) => save(`prekey ${id}`, pair),
        removePreKey: (id: unknown) => Promise.resolve(void kept.delete(`prekey ${id}`)),
        loadSignedPreKey: (id: unknown) => load(`signed ${id}`),
        storeSignedPreKey: (id: unknown, pair: unknown) => save(`signed ${id}`, pair),
        removeSignedPreKey: (id: unknown) => Promise.resolve(void kept.delete(`signed ${id}`)),
        loadSession: (at: string) => load(`session ${at}`),
        storeSession: (at: string, record: unknown) => save(`session ${at}`, record),
      },
    };
  }

  type Device = Awaited<ReturnType<typeof device>>;

  async function strangers() {
    const [alice, bob] = [await device("alice"), await device("bob")];
    const oneTime = await lib.KeyHelper.generatePreKey(7);
    const signed = await lib.KeyHelper.generateSignedPreKey(bob.identity, 1);
    await bob.store.storePreKey(7, oneTime.keyPair);
    await bob.store.storeSignedPreKey(1, signed.keyPair);
    const bundle = {
      registrationId: 5,
      identityKey: bob.identity.pubKey,
      signedPreKey: { keyId: 1, publicKey: signed.keyPair.pubKey, signature: signed.signature },
      preKey: { keyId: 7, publicKey: oneTime.keyPair.pubKey },
    };
    return { alice, bob, bundle };
  }

  type Strangers = Awaited<ReturnType<typeof strangers>>;

  async function send(from: Device, to: Device, message: Uint8Array): Promise<string> {
    const sealed = await new lib.SessionCipher(from.store, to.address).encrypt(
      message.slice().buffer,
    );
    return sealed.body;
  }

  function receive(by: Device, from: Device, body: string): Promise<ArrayBuffer> {
    return new lib.SessionCipher(by.store, from.address).decryptWhisperMessage(body, "binary");
  }

  async function offer({ alice, bob, bundle }: Strangers): Promise<void> {
    await new lib.SessionBuilder(alice.store, bob.address).processPreKey(bundle);
    const body = await send(alice, bob, payload);
    const cipher = new lib.SessionCipher(bob.store, alice.address);
    await cipher.decryptPreKeyWhisperMessage(body, "binary");
  }

  async function setUp(pair: Strangers): Promise<Strangers> {
    await offer(pair);
    await receive(pair.alice, pair.bob, await send(pair.bob, pair.alice, payload));
    return pair;
  }

  return {
    offers: {
      who: WHO,
      includes: "one signature, X3DH without anything post-quantum, the first message, stores",
      batch: 1,
      make: async () => {
        const pair = await strangers();
        return () => offer(pair);
      },
    },
    setups: {
      who: WHO,
      includes: "all of the former, and one reply sealed and opened; there is no confirm",
      batch: 1,
      make: async () => {
        const pair = await strangers();
        return () => setUp(pair);
      },
    },
    rekeys: {
      who: WHO,
      includes: "a message each way, which turns the ratchet of each side once, stores",
      batch: 1,
      make: async () => {
        const { alice, bob } = await setUp(await strangers());
        const short = payload.subarray(0, 16);
        return async () => {
          await receive(bob, alice, await send(alice, bob, short));
          await receive(alice, bob, await send(bob, alice, short));
        };
      },
    },
    messages: (bytes) => ({
      who: WHO,
      includes: "sealed, opened, stores",
      batch: 10,
      make: async () => {
        const { alice, bob } = await setUp(await strangers());
        const message = new Uint8Array(bytes).fill(0x61);
        return async () => {
          const opened = await receive(bob, alice, await send(alice, bob, message));
          if (opened.byteLength !== bytes) throw new Error("a message did not arrive");
        };
      },
    }),
  };
}
