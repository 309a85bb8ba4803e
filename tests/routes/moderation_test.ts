/**
 * Managed rooms over sockets: guests, the lobby, moderation, and the service's word for a message.
 *
 * @module
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { fromBase64Url } from "../../crypto/base64.ts";
import { parseVerifyingKey, type SigningKeyPair } from "../../crypto/keys.ts";
import { type ReceivedMessage, verifyReceipt } from "../../crypto/receipt.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import { CLOSE } from "../../wire/close.ts";
import { keyFromWire } from "../../wire/key_set.ts";
import { CONTACT_BURST_PER_PAIR } from "../../wire/limits.ts";
import { JWKS, SOCKET } from "../../wire/paths.ts";
import { messagesPath } from "../support/mail.ts";
import { makeProof } from "../support/dpop.ts";
import { askWith, invited, newGuest, type RoomUser, roomUser, wordFor } from "../support/rooms.ts";
import { startService, type TestService } from "../support/service.ts";
import { connect, online, type TestSocket } from "../support/socket.ts";

/** A room with its host in it. */
async function hosted(
  service: TestService,
): Promise<{ host: RoomUser; room: string; socket: TestSocket }> {
  const host = await roomUser(service, "host");
  const { body } = await host.ask("POST", "/v1/rooms", { meta: null });
  const socket = await online(service, host.account);
  socket.send({ t: "join", id: "j", room: body.room });
  const { role, members, locked } = await socket.next("joined");
  deepEqual([role, members, locked], ["host", [], false]);
  return { host, room: body.room, socket };
}

/** A guest's room token, by an invite of the host's. */
async function roomToken(
  service: TestService,
  host: RoomUser,
  room: string,
  guest: SigningKeyPair,
  role = "member",
): Promise<string> {
  const said = await askWith(service, room, await invited(service, host, room, { role }), guest);
  equal(said.status, 200, JSON.stringify(said.body));
  return said.body.token;
}

/** Signs a guest in on a socket. */
async function guestOnline(
  service: TestService,
  guest: SigningKeyPair,
  token: string,
): Promise<TestSocket> {
  const socket = connect(service);
  const { nonce } = await socket.next("hello");
  const url = service.url + SOCKET;
  const proof = await makeProof(guest, { method: "GET", url, nonce, token, nowMs: service.now() });
  socket.send({ t: "auth", token, proof });
  await socket.next("welcome");
  return socket;
}

Deno.test("a guest with an invite knocks, is let in, speaks, and is thrown out for good", async () => {
  await using service = await startService();
  const { host, room, socket } = await hosted(service);
  const guest = await newGuest();
  const token = await roomToken(service, host, room, guest, "knocker");
  const visitor = await guestOnline(service, guest, token);
  visitor.send({ t: "join", id: "j", room, token });
  const { mid } = await visitor.next("lobby");
  visitor.send({ t: "signal", id: "s0", room, to: "*", ct: "AAAA" });
  equal((await visitor.next("error")).code, "forbidden");
  visitor.send({ t: "knock", id: "k", room, ct: "aGVsbG8" });
  equal((await visitor.next("ack")).status, "relayed");
  const knocking = await socket.next("knocking");
  const name = `~${thumbprintOf(guest.publicKey)}`;
  deepEqual([knocking.event, knocking.member.guest, knocking.ct], ["knock", name, "aGVsbG8"]);
  socket.send({ t: "admit", id: "a", room, mid });
  const joined = await visitor.next("joined");
  deepEqual([joined.id, joined.mid, joined.role, joined.members.length], [null, mid, "member", 1]);
  equal((await socket.next("presence")).event, "join");
  equal((await socket.next("knocking")).event, "gone");
  equal((await socket.next("ack")).id, "a");
  visitor.send({ t: "signal", id: "s1", room, to: "*", ct: "AAAA" });
  equal((await visitor.next("ack")).status, "relayed");
  equal((await socket.next("signal")).from, mid);
  visitor.send({ t: "mod", id: "m", room, act: "end" });
  equal((await visitor.next("error")).code, "forbidden");
  // That room only, and nobody is called.
  visitor.send({ t: "join", id: "j2", room: "AAAAAAAAAAAAAAAAAAAAAA" });
  equal((await visitor.next("error")).code, "room_not_found");
  const offers = [{ device: 1, offer: "AAAA" }];
  visitor.send({ t: "ring", id: "r", to: "host", common: "AAAA", devices: [1], offers });
  equal((await visitor.next("error")).code, "forbidden");
  socket.send({ t: "mod", id: "b", room, act: "ban", mid });
  equal((await visitor.next("removed")).reason, "banned");
  equal(await visitor.ended, CLOSE.banned);
  equal((await socket.next("presence")).event, "leave");
  equal((await socket.next("ack")).id, "b");
  // The token from before signs in, and opens no door.
  const again = await guestOnline(service, guest, token);
  again.send({ t: "join", id: "j", room, token });
  equal((await again.next("error")).code, "room_not_found");
  deepEqual(service.faults, []);
});

Deno.test("whoever waits at a door has no more right to write to those inside than a stranger", async () => {
  await using service = await startService();
  const { host, room, socket: inside } = await hosted(service);
  const mallory = await roomUser(service, "mallory");
  const invite = await invited(service, host, room, { role: "knocker" });
  const word = await wordFor(service, invite, mallory.account.keys.signing);
  const { body: { token } } = await mallory.ask("POST", `/v1/rooms/${room}/tokens`, word);
  const socket = await online(service, mallory.account);
  socket.send({ t: "join", id: "j", room, token });
  const { mid } = await socket.next("lobby");
  const leave = async (id: string) =>
    (await mallory.ask("POST", messagesPath("host"), { id, ct: "AAAA" })).body.code;
  for (let i = 0; i < CONTACT_BURST_PER_PAIR; i++) {
    equal(await leave(`m${i}`), undefined);
    await inside.next("mail");
  }
  equal(await leave("more"), "no_right_to_send");
  socket.send({ t: "knock", id: "k", room, ct: "AAAA" });
  await socket.next("ack");
  await inside.next("knocking");
  inside.send({ t: "admit", id: "a", room, mid });
  await socket.next("joined");
  equal(await leave("more"), undefined);
  deepEqual(service.faults, []);
});

Deno.test("an account that is kicked stays connected, and comes back by a new invite alone", async () => {
  await using service = await startService();
  const { host, room, socket } = await hosted(service);
  const bob = await roomUser(service, "bob");
  const other = await online(service, bob.account);
  other.send({ t: "join", id: "j", room });
  equal((await other.next("error")).code, "room_not_found");
  const token = await roomToken(service, host, room, bob.account.keys.signing);
  other.send({ t: "join", id: "j", room, token });
  equal((await other.next("error")).code, "invalid_room_token", "a guest's token is no account's");
  const invite = await invited(service, host, room);
  const tokenFor = async () => {
    const body = await wordFor(service, invite, bob.account.keys.signing);
    const said = await bob.ask("POST", `/v1/rooms/${room}/tokens`, body);
    equal(said.status, 200, JSON.stringify(said.body));
    return said.body.token;
  };
  const first = await tokenFor();
  other.send({ t: "join", id: "j", room, token: first });
  const { mid } = await other.next("joined");
  equal((await socket.next("presence")).member.account, "bob");
  socket.send({ t: "mod", id: "k", room, act: "kick", mid });
  equal((await other.next("removed")).reason, "kicked");
  equal((await socket.next("presence")).event, "leave");
  await socket.next("ack");
  other.send({ t: "join", id: "j", room, token: first });
  equal((await other.next("error")).code, "invalid_room_token", "of an older epoch");
  other.send({ t: "join", id: "j", room });
  equal((await other.next("error")).code, "room_not_found");
  other.send({ t: "join", id: "j", room, token: await tokenFor() });
  equal((await other.next("joined")).role, "member");
  await socket.next("presence");
  socket.send({ t: "mod", id: "l", room, act: "lock" });
  const locked = await socket.next("presence");
  deepEqual([locked.event, locked.member.account], ["lock", "host"]);
  equal((await other.next("presence")).event, "lock");
  await socket.next("ack");
  equal((await host.ask("PATCH", `/v1/rooms/${room}`, { locked: false })).status, 200);
  equal((await socket.next("presence")).event, "unlock");
  equal((await host.ask("DELETE", `/v1/rooms/${room}`)).status, 204);
  equal((await socket.next("removed")).reason, "ended");
  socket.send({ t: "join", id: "j", room });
  equal((await socket.next("error")).code, "room_ended");
});

Deno.test("a receipt is the service's word for exactly that message, and comes again with a repeat", async () => {
  await using service = await startService();
  const alice = await online(service, (await roomUser(service, "alice")).account);
  const bob = await online(service, (await roomUser(service, "bob")).account);
  const room = "AAAAAAAAAAAAAAAAAAAAAA";
  alice.send({ t: "join", id: "j", room });
  const { mid } = await alice.next("joined");
  bob.send({ t: "join", id: "j", room });
  const to = [(await bob.next("joined")).mid];
  await alice.next("presence");
  const frame = { t: "signal", id: "m1", room, to, ct: "aGVsbG8", receipt: true } as const;
  alice.send(frame);
  const { receipt, status } = await alice.next("ack");
  equal(status, "relayed");
  alice.send(frame);
  deepEqual(await alice.next("ack"), { t: "ack", id: "m1", status: "dup", receipt });
  const keys = await (await fetch(service.url + JWKS)).json();
  const key = parseVerifyingKey(keyFromWire(keys, "receipts"));
  const bytes = (text: string) => fromBase64Url(text)!;
  const message: ReceivedMessage = {
    room: bytes(room),
    from: mid,
    id: "m1",
    to,
    ct: bytes("aGVsbG8"),
    ts: receipt!.ts,
  };
  const holds = (change: Partial<ReceivedMessage>) =>
    verifyReceipt(key, { ...message, ...change }, bytes(receipt!.sig));
  ok(await holds({}));
  for (
    const change of [
      { room: new Uint8Array(16).fill(1) },
      { from: to[0]! },
      { id: "m2" },
      { to: "*" },
      { ct: bytes("aGVsbG8h") },
      { ts: receipt!.ts + 1 },
    ]
  ) equal(await holds(change), false, Object.keys(change)[0]);
  ok(
    !await verifyReceipt(
      parseVerifyingKey(keyFromWire(keys, "tokens")),
      message,
      bytes(receipt!.sig),
    ),
  );
});
