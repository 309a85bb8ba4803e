/**
 * The invites of a room, over HTTP.
 *
 * @module
 */

import { toBase64Url } from "../crypto/base64.ts";
import { anotherInvite, inviteKey, inviteLink } from "../crypto/invite.ts";
import { MAX_INVITE_TTL_MS, MAX_INVITE_USES } from "../wire/limits.ts";
import { invitePath, invitesPath } from "../wire/paths.ts";
import { inviteFromWire, invitesFromWire } from "../wire/room.ts";
import { ClientError } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { type InviteInfo, type InviteOptions } from "./meeting.ts";
import { reading } from "./reading.ts";
import { type Asker, type KnownRoom } from "./room_access.ts";

const DAY_MS = 86_400_000;

/** Who makes invites. */
type Inviter = Pick<Asker, "http" | "signer">;

/** Makes an invite, and tells the service its key. @throws ClientError `bad_option`, those of a request */
export async function makeInvite(
  who: Inviter & Pick<Asker, "now">,
  { room, secret }: KnownRoom,
  { role = "member", uses = 1, expiresMs = DAY_MS, page }: InviteOptions,
): Promise<string> {
  const { http, signer } = accountOf(who);
  const isGood = Number.isInteger(uses) && uses >= 1 && uses <= MAX_INVITE_USES && expiresMs > 0 &&
    expiresMs < MAX_INVITE_TTL_MS;
  if (!isGood) throw new ClientError("bad_option", "No invite has so many uses, or lives so long");
  const invite = anotherInvite({ room, secret, service: http.origin });
  const { publicKey } = await inviteKey(invite);
  const key = toBase64Url(publicKey);
  const answer = await http.signed(signer, "POST", invitesPath(toBase64Url(room)), {
    key,
    role,
    uses,
    expires_ms: Math.floor(who.now() + expiresMs),
  });
  if (reading(inviteFromWire, answer).key !== key) {
    throw new ClientError("bad_answer", "The service made another invite");
  }
  return inviteLink(page ?? `${http.origin}/`, invite);
}

/** The invites that are not over. @throws ClientError */
export async function listInvites(who: Inviter, room: string): Promise<readonly InviteInfo[]> {
  const { http, signer } = accountOf(who);
  const answer = await http.signed(signer, "GET", invitesPath(room));
  return reading(invitesFromWire, answer).map(({ key, role, uses, used, expires_ms }) => {
    return { id: key, role, uses, used, expiresMs: expires_ms };
  });
}

/** Withdraws an invite. @throws ClientError */
export async function withdrawInvite(who: Inviter, room: string, key: string): Promise<void> {
  const { http, signer } = accountOf(who);
  await http.signed(signer, "DELETE", invitePath(room, encodeURIComponent(key)));
}

function accountOf({ http, signer }: Inviter): { readonly http: Http; readonly signer: Signer } {
  if (signer !== null) return { http, signer };
  throw new ClientError("not_registered", "Invites are made by accounts");
}
