/**
 * What Countersign does between two devices, ready to be timed: with the client's own storage of prekeys,
 * in a store in memory.
 *
 * @module
 */

import { type Account } from "../../client/account.ts";
import { publishPrekeys } from "../../client/prekeys.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { findPrekeys, spendPrekeys } from "../../client/used_prekeys.ts";
import { type World } from "../../client/world.ts";
import { answer, complete, confirm, finish } from "../../crypto/answer.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { type Bundle, verifyBundle } from "../../crypto/bundle.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { parseAgreementKey } from "../../crypto/keys.ts";
import { oneTimePrekey } from "../../crypto/prekey.ts";
import { accept, type AcceptedOffer, initiate, type PendingOffer } from "../../crypto/x3dh.ts";
import { connect, makePerson, NOW_MS, type Person, ROOM } from "../../tests/support/people.ts";
import { type PrekeysRequest } from "../../wire/directory.ts";
import { type Contender } from "../shared/rounds.ts";

/** What is sealed into every message of a setup. */
export const SETUP_PAYLOAD: Bytes = new Uint8Array(400).fill(0x61);

const WHO = "countersign";

/** The people of a run. */
export interface Pair {
  /** Who calls. */
  readonly alice: Person;
  /** Who is called. */
  readonly bob: Person;
}

/** Makes the two people. */
export async function makePair(): Promise<Pair> {
  return { alice: await makePerson("alice"), bob: await makePerson("bob") };
}

/** A fresh set of a person's, in a store of its own, and what would be uploaded. */
export async function storedPrekeys(
  person: Person,
): Promise<{ store: Store; request: PrekeysRequest }> {
  const store = memoryStore();
  let request: PrekeysRequest | null = null;
  const signed = (_signer: unknown, _method: string, _path: string, body: unknown) => {
    request = body as PrekeysRequest;
    return Promise.resolve(null);
  };
  const account = { label: person.account.label, self: person.device } as unknown as Account;
  const world = { store, account, http: { signed }, now: () => NOW_MS } as unknown as World;
  await publishPrekeys(world);
  return { store, request: request as unknown as PrekeysRequest };
}

/** The bundles that a service hands out of an upload. */
function bundlesOf(person: Person, { set, signature, opks }: PrekeysRequest): readonly Bundle[] {
  const bytes = (text: string) => fromBase64Url(text)!;
  const keys = opks.map((key) => parseAgreementKey(bytes(key)));
  return keys.map((_, index) => ({
    deviceId: person.entry.deviceId,
    set: bytes(set),
    signature: bytes(signature),
    opk: oneTimePrekey(keys, index),
  }));
}

/** One side's offer, and what the other made of it. */
interface Offered {
  readonly pending: PendingOffer;
  readonly accepted: AcceptedOffer;
}

async function offerAndAccept(
  { alice, bob }: Pair,
  store: Store,
  bundle: Bundle,
): Promise<Offered> {
  const nowMs = NOW_MS;
  const verified = await verifyBundle(bob.record, bundle, nowMs, 1);
  const input = { room: ROOM, nowMs, ttlS: 60, payload: SETUP_PAYLOAD };
  const { common, offers: [sealed] } = await initiate(alice.device, [verified], input);
  const { offer, pending } = sealed!;
  const prekeys = await findPrekeys(store, offer);
  const { accepted } = await accept(bob.device, prekeys, alice.device, { common, offer, nowMs });
  await spendPrekeys(store, offer, nowMs);
  return { pending, accepted };
}

/** A batch works on one set, whose one-time prekeys go one by one. */
export function offers(pair: Pair): Contender {
  return {
    who: WHO,
    includes:
      "the set's signature, the one-time prekey's path, the offer sealed (with the call's " +
      "ML-KEM key made), prekeys read from the store, the offer opened, prekeys spent",
    batch: 30,
    make: async () => {
      const { store, request } = await storedPrekeys(pair.bob);
      const bundles = bundlesOf(pair.bob, request);
      return (i) => offerAndAccept(pair, store, bundles[i]!);
    },
  };
}

/** The whole handshake, until both hold a session. */
export function setups(pair: Pair): Contender {
  return {
    who: WHO,
    includes: "all of the former, the answer sealed and opened, the confirm sealed and opened",
    batch: 30,
    make: async () => {
      const { store, request } = await storedPrekeys(pair.bob);
      const bundles = bundlesOf(pair.bob, request);
      return async (i) => {
        const { pending, accepted } = await offerAndAccept(pair, store, bundles[i]!);
        const answered = await answer(accepted, SETUP_PAYLOAD);
        const finished = await finish(pending, answered.answer);
        const confirmed = await confirm(finished.unconfirmed, SETUP_PAYLOAD);
        await complete(answered.unconfirmed, confirmed.confirm);
      };
    },
  };
}

/** One message of so many bytes, from the caller to the callee. */
export function messages(pair: Pair, bytes: number): Contender {
  const payload = new Uint8Array(bytes).fill(0x61);
  return {
    who: WHO,
    includes: "padded, sealed, opened",
    batch: 100,
    make: async () => {
      const { caller, callee } = await connect(pair.alice, pair.bob);
      return async () => {
        const opened = await callee.receive(await caller.seal(payload));
        if (opened.payload?.length !== bytes) throw new Error("a message did not arrive");
      };
    },
  };
}

/** The rekey of both sides. */
export function rekeys(pair: Pair): Contender {
  return {
    who: WHO,
    includes:
      "offer, answer, done and its echo, each sealed and opened; both sides in the new epoch",
    batch: 30,
    make: async () => {
      const { caller, callee } = await connect(pair.alice, pair.bob);
      const sides = [caller, callee] as const;
      return async () => {
        let box = await sides[0].offerRekey();
        for (let to = 1; box !== null; to = 1 - to) box = (await sides[to]!.receive(box)).reply;
      };
    },
  };
}
