/**
 * Managed rooms over HTTP, by requests of our own: accounts, guests with a key, invites.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type Invite, inviteKey, newInvite, signInvite } from "../../crypto/invite.ts";
import { generateSigningKeyPair, type SigningKeyPair } from "../../crypto/keys.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import { credentials, freshNonce, makeProof, registered, tokenOf } from "./dpop.ts";
import { type TestService } from "./service.ts";
import { ORIGIN, type TestAccount } from "./service_core.ts";

/** What the service said: its status, its JSON or null, and the headers that are not of this moment. */
export interface Said {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
  readonly headers: readonly string[];
}

/** An account that asks. */
export interface RoomUser {
  readonly account: TestAccount;
  /** One request with a fresh proof. */
  ask(method: string, path: string, body?: unknown): Promise<Said>;
}

/** Registers somebody. */
export async function roomUser(service: TestService, name: string): Promise<RoomUser> {
  const account = await registered(service, name);
  const token = await tokenOf(service, account);
  return {
    account,
    async ask(method, path, body) {
      const headers = await credentials(service, account, token, method, path);
      return await send(service, method, path, headers, body);
    },
  };
}

/** A guest: a key that nobody knows. */
export function newGuest(): Promise<SigningKeyPair> {
  return generateSigningKeyPair();
}

/** A guest's request: a proof, and no token. */
export async function askAsGuest(
  service: TestService,
  guest: SigningKeyPair,
  path: string,
  body: unknown,
): Promise<Said> {
  return await send(service, "POST", path, await guestHeaders(service, guest, path), body);
}

/** The headers of such a request. */
export async function guestHeaders(
  service: TestService,
  guest: SigningKeyPair,
  path: string,
): Promise<Record<string, string>> {
  const proof = await makeProof(guest, {
    method: "POST",
    url: service.url + path,
    nonce: await freshNonce(service),
    nowMs: service.now(),
  });
  return { dpop: proof };
}

/** One request. */
export async function send(
  service: TestService,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Said> {
  const response = await fetch(service.url + path, {
    method,
    headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
    ...body === undefined ? {} : { body: JSON.stringify(body) },
  });
  const text = await response.text();
  const ofThisMoment = ["date", "dpop-nonce"];
  return {
    status: response.status,
    body: text === "" ? null : JSON.parse(text),
    headers: [...response.headers].filter(([name]) => !ofThisMoment.includes(name))
      .map(([name, value]) => `${name}: ${value}`),
  };
}

/** A fresh invite of a room, made by somebody who may. */
export async function invited(
  service: TestService,
  host: RoomUser,
  room: string,
  terms: Readonly<Record<string, unknown>> = {},
  from: Invite = newInvite(fromBase64Url(room)!),
): Promise<Invite> {
  const { publicKey } = await inviteKey(from);
  const said = await host.ask("POST", `/v1/rooms/${room}/invites`, {
    key: toBase64Url(publicKey),
    role: "member",
    uses: 5,
    expires_ms: service.now() + 3_600_000,
    ...terms,
  });
  if (said.status !== 201) throw new Error(`not invited: ${JSON.stringify(said.body)}`);
  return from;
}

/** An invite's word for a key, as the body of a request. */
export async function wordFor(
  service: TestService,
  invite: Invite,
  key: SigningKeyPair,
  change: { readonly room?: Bytes; readonly origin?: string; readonly tsMs?: number } = {},
): Promise<{ invite: { key: string; ts_ms: number; signature: string } }> {
  const signing = await inviteKey(invite);
  const tsMs = change.tsMs ?? service.now();
  const signature = await signInvite(signing, {
    origin: change.origin ?? ORIGIN,
    room: change.room ?? invite.room,
    thumbprint: fromBase64Url(thumbprintOf(key.publicKey))!,
    tsMs,
  });
  return {
    invite: {
      key: toBase64Url(signing.publicKey),
      ts_ms: tsMs,
      signature: toBase64Url(signature),
    },
  };
}

/** A guest with an invite asks for a room token. */
export async function askWith(
  service: TestService,
  room: string,
  invite: Invite,
  guest: SigningKeyPair,
): Promise<Said> {
  const body = await wordFor(service, invite, guest);
  return await askAsGuest(service, guest, `/v1/rooms/${room}/tokens`, body);
}
