/**
 * The keys of a group call, `group.json`: commits made, opened and followed, and what follows on each.
 *
 * @module
 */

import { type Bytes, equal, utf8 } from "../../crypto/bytes.ts";
import {
  type ChainHead,
  checkFirst,
  checkNext,
  type Commit,
  commitHash,
  type CommitType,
  openCommit,
  signCommit,
} from "../../crypto/commit.ts";
import { Generation } from "../../crypto/generation.ts";
import {
  decodeSecret,
  encodeAck,
  encodeSecret,
  encodeSwitch,
  openHeartbeat,
  signHeartbeat,
} from "../../crypto/group_message.ts";
import { type SigningKeyPair } from "../../crypto/keys.ts";
import { aesSeal, importAesKey } from "../../crypto/primitives.ts";
import { changed, type Roster } from "../../crypto/roster.ts";
import { type Ctx } from "../../crypto/schedule.ts";
import { Secret } from "../../crypto/secret.ts";
import { encodeSnapshot, openSnapshot } from "../../crypto/snapshot.ts";
import { fromHex } from "../support/hex.ts";
import { signingKeyPair } from "./private_keys.ts";
import { type Tally } from "./tally.ts";

/** `group.json`. */
export interface GroupVectors {
  readonly call_id: string;
  readonly people: readonly {
    readonly who: string;
    readonly entry: string;
    readonly ed25519_seed: string;
    readonly ed25519: string;
  }[];
  readonly commits: readonly CommitVector[];
}

interface CommitVector {
  readonly order: number;
  readonly type: CommitType;
  readonly epoch: number;
  readonly step: number;
  readonly signer: string;
  readonly time_ms: number;
  readonly removed: readonly number[];
  readonly added: readonly { readonly index: number; readonly who: string }[];
  readonly roster: string;
  readonly roster_hash: string;
  readonly wire: string;
  readonly commit_hash: string;
  readonly R: string | null;
  readonly secret: string | null;
  readonly ES: string;
  readonly auth: string;
  readonly media_export: string;
  readonly welcome: string;
  readonly snapshot: string;
  readonly acks: readonly { readonly index: number; readonly ack: string }[];
  readonly switch: string;
  readonly heartbeat: string;
  readonly keys: readonly KeyVector[];
}

interface KeyVector {
  readonly index: number;
  readonly ctx: Ctx;
  readonly kid: number;
  readonly sframe_key: string;
  readonly sframe_salt: string;
}

interface Person {
  readonly entry: Bytes;
  readonly signing: SigningKeyPair;
}

/** Where the call has got to. */
interface Reached {
  readonly head: ChainHead | null;
  readonly generation: Generation | null;
}

/** Goes through the call, commit by commit. */
export async function checkGroup(vectors: GroupVectors, tally: Tally): Promise<void> {
  const people = new Map<string, Person>();
  for (const { who, entry, ed25519_seed, ed25519 } of vectors.people) {
    const signing = await signingKeyPair(ed25519_seed);
    tally.same(`${who}: Ed25519`, signing.publicKey, ed25519);
    people.set(who, { entry: fromHex(entry), signing });
  }
  let reached: Reached = { head: null, generation: null };
  for (const vector of vectors.commits) {
    await tally.check(`commit ${vector.order}`, async (at) => {
      reached = await checkCommit(fromHex(vectors.call_id), people, reached, vector, tally, at);
    });
  }
}

async function checkCommit(
  callId: Bytes,
  people: ReadonlyMap<string, Person>,
  before: Reached,
  vector: CommitVector,
  tally: Tally,
  at: string,
): Promise<Reached> {
  const { entry: signer, signing } = people.get(vector.signer)!;
  const keyOf = (entry: Bytes) =>
    [...people.values()].find((one) => equal(one.entry, entry))?.signing.publicKey ?? null;
  const seats = vector.added.map(({ index, who }) => ({ index, entry: people.get(who)!.entry }));
  const commit: Commit = {
    callId,
    epoch: vector.epoch,
    step: vector.step,
    type: vector.type,
    rosterHash: fromHex(vector.roster_hash),
    prevHash: before.head?.commit.hash ?? new Uint8Array(32),
    timeMs: vector.time_ms,
    signer,
    change: { removed: vector.removed, added: seats },
  };
  tally.same(`${at}: wire`, await signCommit(commit, signing), vector.wire);
  tally.same(`${at}: hash`, commitHash(commit), vector.commit_hash);
  const opened = await openCommit(fromHex(vector.wire), keyOf);
  const { head } = before;
  const roster = head === null ? checkFirst(callId, opened) : checkNext(head, opened);
  const after: ChainHead = { commit: opened, roster };
  const expected = changed(head?.roster ?? [], commit.change);
  tally.same(`${at}: seats`, namesOf(roster), namesOf(expected!));
  tally.same(`${at}: snapshot`, encodeSnapshot(after), vector.snapshot);
  const snapshot = await openSnapshot(fromHex(vector.snapshot), keyOf);
  tally.same(`${at}: its roster`, namesOf(snapshot.roster), namesOf(roster));
  await checkHeartbeat(after, signing, keyOf, vector, tally, at);
  const generation = vector.R === null
    ? before.generation!.next(opened)
    : Generation.first(opened, new Secret(fromHex(vector.R)));
  await checkSecrets(generation, opened.hash, vector, tally, at);
  return { head: after, generation };
}

async function checkHeartbeat(
  { commit }: ChainHead,
  signing: SigningKeyPair,
  keyOf: Parameters<typeof openHeartbeat>[1],
  vector: CommitVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const { callId, hash, signer, timeMs } = commit;
  const beat = { callId, order: vector.order, hash, timeMs: timeMs + 9, signer };
  tally.same(`${at}: heartbeat`, await signHeartbeat(beat, signing), vector.heartbeat);
  const opened = await openHeartbeat(fromHex(vector.heartbeat), keyOf);
  tally.same(`${at}: its number`, opened.order, vector.order);
}

async function checkSecrets(
  generation: Generation,
  hash: Bytes,
  vector: CommitVector,
  tally: Tally,
  at: string,
): Promise<void> {
  tally.same(`${at}: ES`, generation.secret().expose(), vector.ES);
  const auth = generation.auth();
  tally.same(`${at}: auth`, auth.expose(), vector.auth);
  const exported = generation.exporter("check", Uint8Array.of(7), 40);
  tally.same(`${at}: media export`, exported, vector.media_export);
  const es = generation.secret();
  const welcome = encodeSecret({ t: "welcome", order: vector.order, hash, es });
  tally.same(`${at}: welcome`, welcome, vector.welcome);
  const told = decodeSecret(fromHex(vector.welcome));
  if (told.t === "welcome") tally.same(`${at}: its ES`, told.es.expose(), vector.ES);
  if (vector.secret !== null) {
    const random = new Secret(fromHex(vector.R!));
    tally.same(`${at}: secret`, encodeSecret({ t: "secret", hash, random }), vector.secret);
  }
  for (const { index, ack } of vector.acks) {
    tally.same(`${at}: ack of ${index}`, encodeAck(auth, index, hash), ack);
  }
  tally.same(`${at}: switch`, encodeSwitch(auth, hash), vector.switch);
  for (const key of vector.keys) await checkKey(generation, key, tally, at);
}

/** A frame key stays in WebCrypto, so it is compared by what it encrypts. */
async function checkKey(
  generation: Generation,
  { index, ctx, kid, sframe_key, sframe_salt }: KeyVector,
  tally: Tally,
  at: string,
): Promise<void> {
  const name = `${at}: key of ${index} for ${ctx}`;
  const ours = await generation.frameKey(index, ctx);
  tally.same(`${name}: KID`, ours.kid, kid);
  tally.same(`${name}: salt`, ours.salt, sframe_salt);
  const [nonce, none, text] = [new Uint8Array(12), new Uint8Array(0), utf8("compared")];
  const theirs = await aesSeal(await importAesKey(fromHex(sframe_key)), nonce, none, text);
  tally.same(name, equal(await aesSeal(ours.key, nonce, none, text), theirs), true);
}

function namesOf(roster: Roster): string {
  return roster.map(({ index, entry }) => `${index}:${entry.join()}`).join(";");
}
