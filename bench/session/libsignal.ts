/**
 * The peer `@signalapp/libsignal-client`: PQXDH with ML-KEM-1024 and the triple ratchet, native code
 * behind JavaScript, with stores in memory that serialise as the library expects of any store.
 *
 * It is installed for a run (AGPL-3.0-only) and imported under its name, so that nothing here depends on it.
 *
 * @module
 */

import { type Contender } from "../shared/rounds.ts";

const WHO = "libsignal";
const PACKAGE = "@signalapp/libsignal-client";

/** All rows of the peer: setups, messages by size, and a turn of the ratchet. */
export interface Peer {
  readonly offers: Contender;
  readonly setups: Contender;
  readonly rekeys: Contender;
  messages(bytes: number): Contender;
}

/** Loads the peer, or gives null where it is not installed or does not run. */
export async function libsignal(payload: Uint8Array): Promise<Peer | null> {
  // Untyped on purpose: the package is not there when this file is checked.
  const lib = await import(String(PACKAGE)).catch(() => null);
  if (lib === null) return null;

  /** A store of one kind of record by its id or address. */
  const recordsOf = (type: { deserialize(bytes: Uint8Array): unknown }) => {
    const kept = new Map<string, Uint8Array>();
    return {
      save: (id: unknown, record: { serialize(): Uint8Array }) => {
        kept.set(String(id), record.serialize());
        return Promise.resolve();
      },
      load: (id: unknown) => {
        const bytes = kept.get(String(id));
        return Promise.resolve(bytes === undefined ? null : type.deserialize(bytes));
      },
      remove: (id: unknown) => Promise.resolve(void kept.delete(String(id))),
    };
  };

  /** One device with its stores. */
  function device(name: string) {
    const key = lib.PrivateKey.generate();
    const [sessions, prekeys, signed, kyber] = [
      lib.SessionRecord,
      lib.PreKeyRecord,
      lib.SignedPreKeyRecord,
      lib.KyberPreKeyRecord,
    ].map(recordsOf) as [Records, Records, Records, Records];
    const identities = new Map<string, unknown>();
    const extend = (base: { prototype: object }, methods: object) =>
      Object.assign(Object.create(base.prototype), methods);
    return {
      key,
      address: lib.ProtocolAddress.new(name, 1),
      prekeys,
      signed,
      kyber,
      sessionStore: extend(lib.SessionStore, {
        saveSession: (at: unknown, record: Serializable) => sessions.save(at, record),
        getSession: (at: unknown) => sessions.load(at),
        getExistingSessions: (all: unknown[]) => Promise.all(all.map((at) => sessions.load(at))),
      }),
      identityStore: extend(lib.IdentityKeyStore, {
        getIdentityKey: () => Promise.resolve(key),
        getLocalRegistrationId: () => Promise.resolve(5),
        saveIdentity: (at: unknown, other: unknown) => {
          identities.set(String(at), other);
          return Promise.resolve(0);
        },
        isTrustedIdentity: () => Promise.resolve(true),
        getIdentity: (at: unknown) => Promise.resolve(identities.get(String(at)) ?? null),
      }),
      prekeyStore: extend(lib.PreKeyStore, {
        savePreKey: (id: number, record: Serializable) => prekeys.save(id, record),
        getPreKey: (id: number) => prekeys.load(id),
        removePreKey: (id: number) => prekeys.remove(id),
      }),
      signedStore: extend(lib.SignedPreKeyStore, {
        saveSignedPreKey: (id: number, record: Serializable) => signed.save(id, record),
        getSignedPreKey: (id: number) => signed.load(id),
      }),
      kyberStore: extend(lib.KyberPreKeyStore, {
        saveKyberPreKey: (id: number, record: Serializable) => kyber.save(id, record),
        getKyberPreKey: (id: number) => kyber.load(id),
        markKyberPreKeyUsed: () => Promise.resolve(),
      }),
    };
  }

  type Device = ReturnType<typeof device>;

  /** Two strangers, and what the one needs to write to the other. */
  async function strangers() {
    const alice = device("9d0652a3-dcc3-4d11-975f-74d61598733f");
    const bob = device("796abedb-ca4e-4f18-8803-1fde5b921f9f");
    const [oneTime, spk] = [lib.PrivateKey.generate(), lib.PrivateKey.generate()];
    const kem = lib.KEMKeyPair.generate();
    const [spkKey, kemKey] = [spk.getPublicKey(), kem.getPublicKey()];
    const spkSignature = bob.key.sign(spkKey.serialize());
    const kemSignature = bob.key.sign(kemKey.serialize());
    await bob.prekeys.save(7, lib.PreKeyRecord.new(7, oneTime.getPublicKey(), oneTime));
    await bob.signed.save(1, lib.SignedPreKeyRecord.new(1, 1, spkKey, spk, spkSignature));
    await bob.kyber.save(1, lib.KyberPreKeyRecord.new(1, 1, kem, kemSignature));
    const identity = bob.key.getPublicKey();
    const bundle = lib.PreKeyBundle.new(
      ...[5, 1, 7, oneTime.getPublicKey(), 1, spkKey, spkSignature],
      ...[identity, 1, kemKey, kemSignature],
    );
    return { alice, bob, bundle };
  }

  type Strangers = Awaited<ReturnType<typeof strangers>>;

  async function send(from: Device, to: Device, message: Uint8Array): Promise<Uint8Array> {
    const { address, sessionStore, identityStore } = from;
    const sealed = await lib.signalEncrypt(
      message,
      to.address,
      address,
      sessionStore,
      identityStore,
    );
    return sealed.serialize();
  }

  function receive(by: Device, from: Device, bytes: Uint8Array): Promise<Uint8Array> {
    const { address, sessionStore, identityStore } = by;
    const message = lib.SignalMessage.deserialize(bytes);
    return lib.signalDecrypt(message, from.address, address, sessionStore, identityStore);
  }

  async function offer({ alice, bob, bundle }: Strangers): Promise<void> {
    const { sessionStore, identityStore } = alice;
    await lib.processPreKeyBundle(bundle, bob.address, alice.address, sessionStore, identityStore);
    const message = lib.PreKeySignalMessage.deserialize(await send(alice, bob, payload));
    await lib.signalDecryptPreKey(
      ...[message, alice.address, bob.address, bob.sessionStore, bob.identityStore],
      ...[bob.prekeyStore, bob.signedStore, bob.kyberStore],
    );
  }

  async function setUp(pair: Strangers): Promise<Strangers> {
    await offer(pair);
    await receive(pair.alice, pair.bob, await send(pair.bob, pair.alice, payload));
    return pair;
  }

  const manyStrangers = (count: number) =>
    Promise.all(Array.from({ length: count }, () => strangers()));

  return {
    offers: {
      who: WHO,
      includes: "two signatures, PQXDH (ML-KEM-1024), the first message sealed and opened, stores",
      batch: 30,
      make: async (count) => {
        const pairs = await manyStrangers(count);
        return (i) => offer(pairs[i]!);
      },
    },
    setups: {
      who: WHO,
      includes: "all of the former, and one reply sealed and opened; there is no confirm",
      batch: 30,
      make: async (count) => {
        const pairs = await manyStrangers(count);
        return (i) => setUp(pairs[i]!);
      },
    },
    rekeys: {
      who: WHO,
      includes: "a message each way, which turns the ratchet of each side once, stores",
      batch: 30,
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
      batch: 100,
      make: async () => {
        const { alice, bob } = await setUp(await strangers());
        const message = new Uint8Array(bytes).fill(0x61);
        return async () => {
          const opened = await receive(bob, alice, await send(alice, bob, message));
          if (opened.length !== bytes) throw new Error("a message did not arrive");
        };
      },
    }),
  };
}

type Serializable = { serialize(): Uint8Array };
type Records = {
  save(id: unknown, record: Serializable): Promise<void>;
  load(id: unknown): Promise<unknown>;
  remove(id: unknown): Promise<void>;
};
