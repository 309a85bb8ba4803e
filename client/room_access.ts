/**
 * What gets a client into a managed room: the room's secret, invites, and room tokens.
 *
 * Of a link the service sees what its key signs, and nothing else. The secret is kept on this device, so
 * that a room can be opened again by its id.
 *
 * @module
 */

import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type Invite, inviteKey, parseInvite, signInvite } from "../crypto/invite.ts";
import { type SigningKeyPair } from "../crypto/keys.ts";
import { Secret } from "../crypto/secret.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { ROOM_ID_BYTES } from "../wire/limits.ts";
import { roomTokensPath } from "../wire/paths.ts";
import { roomTokenFromWire } from "../wire/room.ts";
import { type Cell, cell, change, forget, keep, readCell } from "./cell.ts";
import { ClientError, toClientError } from "./error.ts";
import { type Http, type Signer } from "./http.ts";
import { reading } from "./reading.ts";
import { type Store } from "./store.ts";

/** How early a room token is renewed, in milliseconds. */
const RENEW_EARLY_MS = 60_000;

/** A room whose messages can be read here; `seed` is null where no invite is known. */
export type KnownRoom = Omit<Invite, "seed" | "service"> & { readonly seed: Secret | null };

/** What is kept of a room on this device. */
type Kept = { readonly secret: Bytes; readonly seed: Bytes | null };

/** Who asks for a room. */
export interface Asker {
  readonly http: Http;
  readonly now: () => number;
  /** The key that a room token is bound to. */
  readonly signing: SigningKeyPair;
  /** The account's device, or null for a guest. */
  readonly signer: Signer | null;
  /** The log's origin, which an invite's word is for. */
  readonly origin: string;
}

/** Reads a link, or what stands behind its `#`. @throws ClientError `invite_invalid` */
export function roomOfLink(link: string): KnownRoom & Pick<Invite, "service"> {
  try {
    return parseInvite(link);
  } catch (error) {
    throw toClientError(error, "invite_invalid");
  }
}

/** The room tokens of one client for one room. */
export class Entry {
  readonly #asker: Asker;
  readonly #room: KnownRoom;
  #held: { readonly value: string; readonly expiresMs: number } | null = null;

  /** None yet. */
  constructor(asker: Asker, room: KnownRoom) {
    this.#asker = asker;
    this.#room = room;
  }

  /** A token that is good for a minute at least. @throws ClientError `invite_invalid`, `room_…` */
  async token(): Promise<{ readonly value: string; readonly expiresMs: number }> {
    const { now } = this.#asker;
    if (this.#held !== null && this.#held.expiresMs - RENEW_EARLY_MS > now()) return this.#held;
    const { token, expires_in } = reading(roomTokenFromWire, await this.#ask());
    return this.#held = { value: token, expiresMs: now() + expires_in * 1000 };
  }

  /** What `join` shows: whom the room knows, it lets in without. */
  async forJoin(isRefused: boolean): Promise<string | null> {
    if (isRefused) this.forget();
    const isKnown = this.#room.seed === null && this.#asker.signer !== null;
    return isKnown ? null : (await this.token()).value;
  }

  /** The next one is a fresh one. */
  forget(): void {
    this.#held = null;
  }

  async #ask(): Promise<unknown> {
    const { http, signing, signer } = this.#asker;
    const path = roomTokensPath(toBase64Url(this.#room.room));
    const body = this.#room.seed === null ? {} : { invite: await this.#word(this.#room.seed) };
    return signer === null
      ? await http.asKey(signing, "POST", path, body)
      : await http.signed(signer, "POST", path, body);
  }

  async #word(seed: Secret): Promise<unknown> {
    const { origin, now, signing } = this.#asker;
    const { room, secret } = this.#room;
    const key = await inviteKey({ room, secret, seed });
    const tsMs = now();
    const thumbprint = fromBase64Url(thumbprintOf(signing.publicKey))!;
    const signature = await signInvite(key, { origin, room, thumbprint, tsMs });
    return {
      key: toBase64Url(key.publicKey),
      ts_ms: tsMs,
      signature: toBase64Url(signature),
    };
  }
}

/** Keeps a room's secret on this device. @throws ClientError `store_failed` */
export async function keepRoom(store: Store, { room, secret, seed }: KnownRoom): Promise<void> {
  const place = placeOf(toBase64Url(room));
  const value: Kept = {
    secret: secret.expose().slice(),
    seed: seed === null ? null : seed.expose().slice(),
  };
  await change(store, [place], () => ({ changes: keep(place, value), result: undefined }));
}

/** A room that this device knows, by its id. @throws ClientError `room_not_found`, `store_failed` */
export async function keptRoom(store: Store, id: string): Promise<KnownRoom> {
  const room = fromBase64Url(id);
  const kept = room?.length === ROOM_ID_BYTES ? await readCell(store, placeOf(id)) : null;
  if (room === null || kept === null) {
    throw new ClientError("room_not_found", "This device knows no such room: use its invite");
  }
  const seed = kept.seed === null ? null : new Secret(kept.seed);
  return { room, secret: new Secret(kept.secret), seed };
}

/** Forgets a room that has ended. @throws ClientError `store_failed` */
export async function forgetRoom(store: Store, id: string): Promise<void> {
  await change(store, [placeOf(id)], () => ({ changes: forget(placeOf(id)), result: undefined }));
}

function placeOf(id: string): Cell<Kept> {
  return cell(`room/${id}`);
}
