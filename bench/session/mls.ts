/**
 * The peer `ts-mls`: a group of two of RFC 9420 with the X-Wing key encapsulation, in TypeScript.
 *
 * It is installed for a run (MIT) and imported under its name, so that nothing here depends on it.
 *
 * @module
 */

import { type Peer } from "./libsignal.ts";

const WHO = "ts-mls";
const PACKAGE = "ts-mls";
const SUITE = "MLS_256_XWING_AES256GCM_SHA512_Ed25519";

/** Loads the peer, or gives null where it is not installed. */
export async function mls(payload: Uint8Array): Promise<Peer | null> {
  // Untyped on purpose: the package is not there when this file is checked.
  const lib = await import(String(PACKAGE)).catch(() => null);
  if (lib === null) return null;
  const suite = await lib.getCiphersuiteImpl(lib.getCiphersuiteFromName(SUITE));

  const member = (name: string) =>
    lib.generateKeyPackage(
      { credentialType: "basic", identity: new TextEncoder().encode(name) },
      lib.defaultCapabilities(),
      lib.defaultLifetime,
      [],
      suite,
    );
  const strangers = async () => ({ alice: await member("alice"), bob: await member("bob") });

  type Strangers = Awaited<ReturnType<typeof strangers>>;

  /** What crosses the wire is encoded and decoded. */
  function sent(wireformat: string, field: string, message: unknown) {
    const bytes = lib.encodeMlsMessage({ version: "mls10", wireformat, [field]: message });
    return lib.decodeMlsMessage(bytes, 0)[0][field];
  }

  async function write(from: State, message: Uint8Array) {
    const made = await lib.createApplicationMessage(from, message, suite);
    return {
      state: made.newState,
      wire: sent("mls_private_message", "privateMessage", made.privateMessage),
    };
  }

  async function read(by: State, wire: unknown) {
    const made = await lib.processPrivateMessage(by, wire, lib.emptyPskIndex, suite);
    return { state: made.newState, message: made.message as Uint8Array };
  }

  async function offer({ alice, bob }: Strangers) {
    const id = crypto.getRandomValues(new Uint8Array(16));
    const group = await lib.createGroup(id, alice.publicPackage, alice.privatePackage, [], suite);
    const keyPackage = sent("mls_key_package", "keyPackage", bob.publicPackage);
    const committed = await lib.createCommit(
      { state: group, cipherSuite: suite },
      {
        extraProposals: [{ proposalType: "add", add: { keyPackage } }],
        ratchetTreeExtension: true,
      },
    );
    const first = await write(committed.newState, payload);
    const welcome = sent("mls_welcome", "welcome", committed.welcome);
    const { publicPackage, privatePackage } = bob;
    const joined = await lib.joinGroup(
      ...[welcome, publicPackage, privatePackage, lib.emptyPskIndex, suite],
    );
    return { alice: first.state, bob: (await read(joined, first.wire)).state };
  }

  async function setUp(pair: Strangers) {
    const { alice, bob } = await offer(pair);
    const reply = await write(bob, payload);
    return { alice: (await read(alice, reply.wire)).state, bob: reply.state };
  }

  /** One member's commit, taken in by the other. */
  async function rekey(by: State, other: State): Promise<readonly [State, State]> {
    const made = await lib.createCommit({ state: by, cipherSuite: suite });
    const wire = sent("mls_private_message", "privateMessage", made.commit.privateMessage);
    return [made.newState, (await read(other, wire)).state];
  }

  return {
    offers: {
      who: WHO,
      includes: "a group made, the other added (X-Wing), the welcome, the first message",
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
      includes: "a commit of each member, taken in by the other",
      batch: 1,
      make: async () => {
        let { alice, bob } = await setUp(await strangers());
        return async () => {
          [alice, bob] = await rekey(alice, bob);
          [bob, alice] = await rekey(bob, alice);
        };
      },
    },
    messages: (bytes) => ({
      who: WHO,
      includes: "sealed, encoded, opened",
      batch: 10,
      make: async () => {
        let { alice, bob } = await setUp(await strangers());
        const message = new Uint8Array(bytes).fill(0x61);
        return async () => {
          const { state, wire } = await write(alice, message);
          const opened = await read(bob, wire);
          if (opened.message.length !== bytes) throw new Error("a message did not arrive");
          [alice, bob] = [state, opened.state];
        };
      },
    }),
  };
}

/** The group as a member holds it. */
type State = unknown;
