/**
 * A guest: somebody with a key that lives as long as the page, and an invite. The log knows nothing of
 * them, and they can look nobody up.
 *
 * @module
 */

import { generateSigningKeyPair } from "../crypto/keys.ts";
import { thumbprintOf } from "../crypto/thumbprint.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { Connection } from "./connection.ts";
import { ClientError, toClientError } from "./error.ts";
import { type GuestOptions } from "./guest_options.ts";
import { Http } from "./http.ts";
import { ManagedRoom } from "./managed_room.ts";
import { type Meeting } from "./meeting.ts";
import { reading } from "./reading.ts";
import { keepConnected } from "./reconnect.ts";
import { Entry, roomOfLink } from "./room_access.ts";

/** Joins a room as a guest; what it holds is let go when the room is left. @throws ClientError */
export async function joinAsGuest(options: GuestOptions): Promise<Meeting> {
  const { link, now = Date.now, signal, onRefused, onOnline } = options;
  const { service, ...known } = roomOfLink(link);
  const at = options.service ?? service;
  if (at === null) throw new ClientError("bad_option", "The link names no service: say which");
  const http = new Http(at, now);
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  signal?.addEventListener("abort", leave);
  try {
    const { origin } = reading(descriptionFromWire, await http.open("GET", WELL_KNOWN));
    const signing = await generateSigningKeyPair();
    const asker = { http, now, signing, signer: null, origin };
    const entry = new Entry(asker, known);
    const refused = (error: ClientError): void => queueMicrotask(() => onRefused?.(error));
    const connection = new Connection({
      origin: http.origin,
      now,
      credentials: { signing, token: () => entry.token(), forget: () => entry.forget() },
      onRing: () => {},
      onMail: () => {},
      onFault: refused,
    });
    const end = (error: ClientError): void => {
      connection.end(error);
      leaving.abort();
      http.close();
    };
    await firstSocket(connection, leaving.signal, http, onOnline ?? null, end);
    const who = {
      ...asker,
      self: { account: null, device: null, guest: `~${thumbprintOf(signing.publicKey)}` },
      connection: () => connection,
      find: null,
      peerOf: () => {
        throw new Error("bug: a guest knows nobody");
      },
      refused,
      // A turn later: the goodbye of the room goes first.
      onOver: () => void setTimeout(() => end(new ClientError("closed", "The room was left")), 0),
    };
    try {
      return await ManagedRoom.join(known, who, entry, leaving.signal);
    } catch (error) {
      end(toClientError(error, "network"));
      throw error;
    }
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}

/** Connects, and stays connected. @throws ClientError where the first socket can't be had */
async function firstSocket(
  connection: Connection,
  signal: AbortSignal,
  http: Http,
  onOnline: GuestOptions["onOnline"] | null,
  end: (error: ClientError) => void,
): Promise<void> {
  const first = Promise.withResolvers<void>();
  keepConnected(connection, {
    signal,
    probe: () => http.open("GET", WELL_KNOWN),
    onOnline: (isOnline, limited) => {
      if (isOnline) first.resolve();
      queueMicrotask(() => onOnline?.(isOnline, limited));
    },
  }).catch((error) => {
    const failure = signal.aborted
      ? new ClientError("cancelled", "It was given up")
      : toClientError(error, "network");
    first.reject(failure);
    end(failure);
  });
  await first.promise;
}
