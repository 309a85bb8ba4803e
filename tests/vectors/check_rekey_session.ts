/**
 * The messages of `rekey.json` as sessions say them: two of ours, after the vector's handshake, send
 * the very bytes and take them.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type Received, Session } from "../../crypto/session.ts";
import { fromHex } from "../support/hex.ts";
import { partsOf } from "./call_parts.ts";
import { type CallVector, type CallVectors } from "./call_vector.ts";
import { type People } from "./check_devices.ts";
import { checkExports } from "./check_secrets.ts";
import {
  callOf,
  kemPartOf,
  messageOf,
  type MessageVector,
  type RekeyVector,
  type RekeyVectors,
} from "./check_rekey.ts";
import { withFixed } from "./fixed_randomness.ts";
import { type Tally } from "./tally.ts";

/** Two sessions of ours, the caller's first, and where what they say is counted. */
interface Talk {
  readonly sides: readonly [Session, Session];
  readonly tally: Tally;
}

/** Checks that sessions say and understand the vector's rekeys. */
export async function checkRekeySessions(
  people: People,
  calls: CallVectors,
  vectors: RekeyVectors,
  tally: Tally,
): Promise<void> {
  const call = callOf(vectors, calls);
  const sides = [await sessionOf(people, call, 0), await sessionOf(people, call, 1)] as const;
  const talk: Talk = { sides, tally };
  await tally.check("sessions after the handshake", async () => {
    for (const message of vectors.messages) await say(talk, message);
  });
  for (const rekey of vectors.rekeys) {
    await tally.check(`sessions to epoch ${rekey.epoch}`, (at) => checkRekey(talk, rekey, at));
  }
}

/** One side after the confirm, built from the vector's secrets. */
async function sessionOf(people: People, call: CallVector, side: 0 | 1): Promise<Session> {
  const parts = partsOf(people, call, side);
  // Answer and confirm were the first message of either chain.
  await parts.epoch.seal(new Uint8Array(0));
  return new Session(parts, side);
}

async function checkRekey(talk: Talk, rekey: RekeyVector, at: string): Promise<void> {
  const { sides, tally } = talk;
  const { offerer } = rekey;
  const answerer = offerer === 0 ? 1 : 0;
  const [offer, answer] = [messageOf(rekey, "offer"), messageOf(rekey, "answer")];
  const draws = {
    x25519: [rekey.x_private],
    kem: [{ seed: rekey.ek_seed, ek: kemPartOf(offer) }],
  };
  const offered = await withFixed(draws, () => sides[offerer].offerRekey());
  tally.same(`${at}: offer`, offered, offer.box);
  const answering = {
    x25519: [rekey.y_private],
    encapsulations: [{ m: rekey.m, ct: kemPartOf(answer), seed: rekey.ek_seed }],
  };
  const answered = await withFixed(answering, () => take(talk, answerer, offer));
  tally.same(`${at}: answer`, answered.reply, answer.box);
  const [late, done, doneToo, ...rest] = rekey.messages.slice(2);
  const box = await seal(talk, late!);
  const finished = await take(talk, offerer, answer);
  tally.same(`${at}: done`, finished.reply, done!.box);
  tally.same(`${at}: the offerer's epoch`, sides[offerer].epoch, rekey.epoch);
  tally.same(`${at}: the answerer's epoch`, sides[answerer].epoch, rekey.epoch - 1);
  await open(talk, late!, box);
  const entered = await take(talk, answerer, done!);
  tally.same(`${at}: done too`, entered.reply, doneToo!.box);
  const ended = await take(talk, offerer, doneToo!);
  tally.same(`${at}: nothing to say`, ended.reply, null);
  for (const message of rest) await say(talk, message);
  for (const [i, side] of sides.entries()) {
    tally.same(`${at}: epoch of side ${i}`, side.epoch, rekey.epoch);
    checkExports(tally, `${at}, side ${i}`, side.exporter, rekey.exports);
  }
}

/** Seals an application's message, and has the other side open it. */
async function say(talk: Talk, message: MessageVector): Promise<void> {
  await open(talk, message, await seal(talk, message));
}

async function seal({ sides, tally }: Talk, message: MessageVector): Promise<Bytes> {
  const box = await sides[message.sender].seal(fromHex(message.content.slice(2)));
  tally.same(`message ${message.n} of side ${message.sender}`, box, message.box);
  return box;
}

async function open(talk: Talk, message: MessageVector, box: Bytes): Promise<void> {
  const { payload } = await talk.sides[1 - message.sender]!.receive(box);
  const at = `message ${message.n} of side ${message.sender} opens`;
  talk.tally.same(at, payload, message.content.slice(2));
}

/** Takes a rekey's box, which says nothing to the application. */
async function take(
  { sides, tally }: Talk,
  side: 0 | 1,
  { what, box }: MessageVector,
): Promise<Received> {
  const received = await sides[side].receive(fromHex(box));
  tally.same(`${what}: no payload`, received.payload, null);
  return received;
}
