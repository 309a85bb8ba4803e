/**
 * Invites into managed rooms, `invite.json`: links, what follows from them, words, sealed metadata.
 *
 * @module
 */

import {
  inviteKey,
  inviteLink,
  isInvited,
  openMeta,
  parseInvite,
  roomKeys,
  sealMeta,
  signInvite,
} from "../../crypto/invite.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { parseVerifyingKey } from "../../crypto/keys.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import { fromHex } from "../support/hex.ts";
import { withFixed } from "./fixed_randomness.ts";
import { type Tally } from "./tally.ts";

/** `invite.json`. */
export interface InviteVectors {
  readonly invites: readonly InviteVector[];
}

interface InviteVector {
  readonly name: string;
  readonly origin: string;
  readonly page: string;
  /** Empty for none. */
  readonly service: string;
  readonly room: string;
  readonly secret: string;
  readonly seed: string;
  readonly link: string;
  readonly meta_key: string;
  readonly psk: string;
  readonly invite_key: string;
  readonly asker_key: string;
  readonly thumbprint: string;
  readonly ts_ms: number;
  readonly word: string;
  readonly nonce: string;
  readonly payload: string;
  readonly sealed: string;
}

/** Checks invites, as those who make them and as those who take them. */
export async function checkInvites(vectors: InviteVectors, tally: Tally): Promise<void> {
  for (const vector of vectors.invites) {
    await tally.check(`invite, ${vector.name}`, (at) => checkInvite(vector, tally, at));
  }
}

async function checkInvite(vector: InviteVector, tally: Tally, at: string): Promise<void> {
  const invite = parseInvite(vector.link);
  tally.same(`${at}: room`, invite.room, vector.room);
  tally.same(`${at}: secret`, invite.secret.expose(), vector.secret);
  tally.same(`${at}: seed`, invite.seed.expose(), vector.seed);
  tally.same(`${at}: service`, invite.service ?? "", vector.service);
  tally.same(`${at}: link`, inviteLink(vector.page, invite), vector.link);
  const keys = roomKeys(invite);
  tally.same(`${at}: meta key`, keys.meta.expose(), vector.meta_key);
  tally.same(`${at}: psk`, keys.psk.expose(), vector.psk);
  const key = await inviteKey(invite);
  tally.same(`${at}: key`, key.publicKey, vector.invite_key);
  const asker = parseVerifyingKey(fromHex(vector.asker_key));
  const thumbprint = fromBase64Url(thumbprintOf(asker))!;
  tally.same(`${at}: thumbprint`, thumbprint, vector.thumbprint);
  const word = { origin: vector.origin, room: invite.room, thumbprint, tsMs: vector.ts_ms };
  tally.same(`${at}: word`, await signInvite(key, word), vector.word);
  const holds = await isInvited(key.publicKey, word, fromHex(vector.word));
  tally.same(`${at}: word verifies`, holds, true);
  const payload = fromHex(vector.payload);
  const sealed = await withFixed({ bytes: [vector.nonce] }, () => sealMeta(keys, "room", payload));
  tally.same(`${at}: sealed`, sealed, vector.sealed);
  const opened = await openMeta(keys, "room", fromHex(vector.sealed));
  tally.same(`${at}: opened`, opened, vector.payload);
}
