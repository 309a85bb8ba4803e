/**
 * Parties for the rules of managed rooms, without a network: devices of accounts, and guests.
 *
 * @module
 */

import { parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { type Invite, inviteKey, newInvite, signInvite } from "../../crypto/invite.ts";
import { generateSigningKeyPair, type SigningKeyPair } from "../../crypto/keys.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import { type Context } from "../../core/context.ts";
import { embedderIdentity, guestIdentity, type Party } from "../../core/identity.ts";
import { type Admission, admit } from "../../core/admission.ts";
import { makeInvite } from "../../core/invites.ts";
import { type Role } from "../../wire/frames.ts";

/** Somebody with their key. */
export interface Someone {
  readonly party: Party;
  readonly key: SigningKeyPair;
  readonly jkt: string;
}

/** A device of an account. */
export async function account(name: string): Promise<Someone> {
  const key = await generateSigningKeyPair();
  const label = parseAccountLabel(name);
  const signing = key.publicKey;
  const party: Party = { kind: "account", identity: label, account: label, device: 1, signing };
  return { party, key, jkt: thumbprintOf(signing) };
}

/** A guest of a room; with a `sub` an embedder's user. */
export async function guest(room: string, sub?: string): Promise<Someone> {
  const key = await generateSigningKeyPair();
  const jkt = thumbprintOf(key.publicKey);
  const identity = sub === undefined ? guestIdentity(jkt) : embedderIdentity(sub);
  return { party: { kind: "guest", identity, room, signing: key.publicKey }, key, jkt };
}

/** An invite that a host makes, for a day. */
export async function inviteOf(
  ctx: Context,
  room: string,
  by: string,
  role: Role = "member",
  uses = 100,
): Promise<Invite> {
  const invite = newInvite(fromBase64Url(room)!);
  const { publicKey: key } = await inviteKey(invite);
  await makeInvite(ctx, room, by, { key, role, uses, expMs: ctx.now() + 86_400_000 });
  return invite;
}

/** Exchanges an invite. */
export async function comeBy(
  ctx: Context,
  room: string,
  invite: Invite,
  { party, jkt }: Someone,
): Promise<Admission> {
  const key = await inviteKey(invite);
  const tsMs = ctx.now();
  const { origin } = ctx;
  const thumbprint = fromBase64Url(jkt)!;
  const signature = await signInvite(key, { origin, room: invite.room, thumbprint, tsMs });
  const spend = () => Promise.resolve();
  const asker = { identity: party.identity, thumbprint: jkt, spend };
  return await admit(ctx, room, asker, { key: key.publicKey, tsMs, signature });
}
