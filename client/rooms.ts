/**
 * The managed rooms of an account.
 *
 * @module
 */

import { parseAccountLabel } from "../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { newInvite, roomKeys, sealMeta } from "../crypto/invite.ts";
import { type RemovalReason } from "../wire/frames.ts";
import { roomPath, ROOMS } from "../wire/paths.ts";
import { roomFromWire, roomsFromWire } from "../wire/room.ts";
import { isManaged } from "../wire/room_id.ts";
import { lookUp } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { ManagedRoom, type Participant } from "./managed_room.ts";
import { type Meeting, type RoomInfo } from "./meeting.ts";
import { reading } from "./reading.ts";
import { peerOf } from "./peer.ts";
import {
  Entry,
  forgetRoom,
  keepRoom,
  keptRoom,
  type KnownRoom,
  roomOfLink,
} from "./room_access.ts";
import { signerOf, type World } from "./world.ts";

/** Makes a room and joins it, as its host. @throws ClientError */
export async function createRoom(
  world: World,
  meta: Bytes | null,
  signal?: AbortSignal,
): Promise<Meeting> {
  // First: whoever is not online must not leave a room behind.
  world.connection();
  const { room: id } = reading(roomFromWire, await asked(world, "POST", ROOMS, {}));
  if (!isManaged(id)) throw new ClientError("bad_answer", "The service made no room");
  const { room, secret } = newInvite(fromBase64Url(id)!);
  const known: KnownRoom = { room, secret, seed: null };
  await keepRoom(world.store, known);
  if (meta !== null) await show(world, known, meta);
  return await enter(world, known, signal);
}

/** The rooms that the account made, and that have not ended. @throws ClientError */
export async function roomsOf(world: World): Promise<readonly RoomInfo[]> {
  const rooms = reading(roomsFromWire, await asked(world, "GET", ROOMS));
  return rooms.map(({ room, locked, people, expires_ms }) => {
    return { id: room, locked, people, expiresMs: expires_ms };
  });
}

/**
 * Joins a room by its link, or by its id where this device was in it before.
 *
 * @throws ClientError
 */
export async function joinRoom(
  world: World,
  target: string,
  signal?: AbortSignal,
): Promise<Meeting> {
  const isId = /^[A-Za-z0-9_-]{22}$/.test(target);
  const known = isId ? await keptRoom(world.store, target) : roomOfLink(`${target}`);
  const meeting = await enter(world, known, signal);
  if (!isId) await keepRoom(world.store, known);
  return meeting;
}

async function show(world: World, known: KnownRoom, meta: Bytes): Promise<void> {
  const sealed = await sealMeta(roomKeys(known), "room", meta);
  await asked(world, "PATCH", roomPath(toBase64Url(known.room)), { meta: toBase64Url(sealed) });
}

function asked(
  world: World,
  method: "GET" | "POST" | "PATCH",
  path: string,
  body?: unknown,
): Promise<unknown> {
  return world.http.signed(signerOf(world), method, path, body);
}

async function enter(world: World, known: KnownRoom, signal?: AbortSignal): Promise<Meeting> {
  const { http, now, account, trust, refused } = world;
  const signer = signerOf(world);
  const { label, self } = account;
  const who: Participant = {
    http,
    now,
    signer,
    signing: signer.signing,
    origin: trust.origin,
    self: { account: label, device: self.entry.deviceId, guest: null },
    connection: world.connection,
    find: (name) => lookUp(world, parseAccountLabel(name), "stranger"),
    peerOf: (contact) => peerOf(contact, world.account.record),
    refused,
    onOver: (reason) => void forgetEnded(world, toBase64Url(known.room), reason),
  };
  return await ManagedRoom.join(known, who, new Entry(who, known), signal);
}

async function forgetEnded(world: World, id: string, reason: RemovalReason | null): Promise<void> {
  if (reason !== "ended") return;
  try {
    await forgetRoom(world.store, id);
  } catch (error) {
    world.refused(toClientError(error, "store_failed"));
  }
}
