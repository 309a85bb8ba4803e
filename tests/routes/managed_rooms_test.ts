import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { anotherInvite, inviteKey, inviteLink, newInvite, roomKeys } from "../../crypto/invite.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { thumbprintOf } from "../../crypto/thumbprint.ts";
import {
  MAX_INVITE_TTL_MS,
  MAX_ROOM_INVITES,
  MAX_ROOMS_PER_CREATOR,
  ROOM_TTL_MS,
} from "../../wire/limits.ts";
import { isManaged, managedRoomId, openRoomId } from "../../wire/room_id.ts";
import { grep } from "../support/grep.ts";
import {
  askAsGuest,
  askWith,
  guestHeaders,
  invited,
  newGuest,
  type RoomUser,
  roomUser,
  send,
  wordFor,
} from "../support/rooms.ts";
import { startService } from "../support/service.ts";

const META = toBase64Url(randomBytes(540));

async function newRoom(host: RoomUser, meta: string | null = META): Promise<string> {
  const { status, body } = await host.ask("POST", "/v1/rooms", { meta });
  equal(status, 201);
  return body.room;
}

Deno.test("a room is made, listed, locked, named anew and ended by its host", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  const room = await newRoom(alice);
  ok(isManaged(room));
  const state = (await alice.ask("GET", `/v1/rooms/${room}`)).body;
  deepEqual({ ...state, expires_ms: 0 }, {
    room,
    epoch: 1,
    locked: false,
    ended: false,
    meta: META,
    role: "host",
    people: 1,
    expires_ms: 0,
  });
  ok(Math.abs(state.expires_ms - service.now() - ROOM_TTL_MS) < 60_000);
  deepEqual((await alice.ask("GET", "/v1/rooms")).body, { rooms: [state] });
  const locked = await alice.ask("PATCH", `/v1/rooms/${room}`, { locked: true });
  deepEqual(locked.body, { ...state, locked: true, epoch: 2 });
  const again = await alice.ask("PATCH", `/v1/rooms/${room}`, { locked: true, meta: null });
  deepEqual(again.body, { ...state, locked: true, epoch: 2, meta: null });
  equal((await alice.ask("PATCH", `/v1/rooms/${room}`, { locked: false })).body.epoch, 2);
  equal((await alice.ask("PATCH", `/v1/rooms/${room}`, { lock: true })).body.code, "malformed");
  equal((await alice.ask("DELETE", `/v1/rooms/${room}`)).status, 204);
  equal((await alice.ask("GET", `/v1/rooms/${room}`)).body.code, "room_ended");
  equal((await alice.ask("DELETE", `/v1/rooms/${room}`)).body.code, "room_ended");
  deepEqual((await alice.ask("GET", "/v1/rooms")).body, { rooms: [] });
  deepEqual(service.faults, []);
});

Deno.test("nobody has a 21st open room, however many are asked for at once", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  const asked = Array.from({ length: MAX_ROOMS_PER_CREATOR + 5 }, () => {
    return alice.ask("POST", "/v1/rooms", {});
  });
  const said = await Promise.all(asked);
  equal(said.filter(({ status }) => status === 201).length, MAX_ROOMS_PER_CREATOR);
  deepEqual([...new Set(said.map(({ body }) => body.code))].sort(), ["too_many_open", undefined]);
  const { rooms } = (await alice.ask("GET", "/v1/rooms")).body;
  equal(rooms.length, MAX_ROOMS_PER_CREATOR);
  await alice.ask("DELETE", `/v1/rooms/${rooms[0].room}`);
  equal((await alice.ask("POST", "/v1/rooms", {})).status, 201);
  equal((await alice.ask("POST", "/v1/rooms", {})).body.code, "too_many_open");
});

Deno.test("whoever is not invited can't tell a room from none", async () => {
  await using service = await startService();
  const [alice, mallory] = [await roomUser(service, "alice"), await roomUser(service, "mallory")];
  const room = await newRoom(alice);
  const ended = await newRoom(alice);
  await invited(service, alice, room);
  await alice.ask("DELETE", `/v1/rooms/${ended}`);
  const key = toBase64Url(randomBytes(32));
  const terms = { role: "member", uses: 1, expires_ms: service.now() + 1_000 };
  const inviteBody = { ...terms, key: toBase64Url((await newGuest()).publicKey) };
  const requests = [
    ["GET", "", undefined],
    ["PATCH", "", { locked: true }],
    ["DELETE", "", undefined],
    ["GET", "/invites", undefined],
    ["POST", "/invites", inviteBody],
    ["DELETE", `/invites/${key}`, undefined],
    ["POST", "/tokens", {}],
  ] as const;
  for (const [method, below, body] of requests) {
    const said = [];
    for (const id of [room, ended, managedRoomId(), openRoomId()]) {
      said.push(await mallory.ask(method, `/v1/rooms/${id}${below}`, body));
    }
    equal(said[0]!.status, 404, `${method} ${below}`);
    equal(said[0]!.body.code, "room_not_found");
    for (const other of said) deepEqual(other, said[0], `${method} ${below}`);
  }
  // With an invite that is none of the room's, the same for all of them.
  const guest = await newGuest();
  const said = [];
  for (const id of [room, ended, managedRoomId(), openRoomId()]) {
    const forged = newInvite(new Uint8Array(16));
    said.push(await askWith(service, id, forged, guest));
  }
  equal(said[0]!.body.code, "invalid_invite");
  for (const other of said) deepEqual(other, said[0]);
  // A guest without an invite, and somebody without credentials.
  const bare = await askAsGuest(service, guest, `/v1/rooms/${room}/tokens`, {});
  deepEqual(bare, await askAsGuest(service, guest, `/v1/rooms/${managedRoomId()}/tokens`, {}));
  equal(bare.body.code, "room_not_found");
  deepEqual(
    await send(service, "GET", `/v1/rooms/${room}`, {}),
    await send(service, "GET", `/v1/rooms/${managedRoomId()}`, {}),
  );
});

Deno.test("an invite gives a token for its key alone, and renewing needs no invite", async () => {
  await using service = await startService();
  const [alice, bob] = [await roomUser(service, "alice"), await roomUser(service, "bob")];
  const room = await newRoom(alice);
  const invite = await invited(service, alice, room, { uses: 2 });
  const guest = await newGuest();
  const first = await askWith(service, room, invite, guest);
  equal(first.status, 200);
  const { token, ...rest } = first.body;
  const identity = `~${thumbprintOf(guest.publicKey)}`;
  deepEqual(rest, { identity, role: "member", epoch: 1, expires_in: 3_600, meta: META });
  const [header, claims] = token.split(".").slice(0, 2).map((part: string) =>
    JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")))
  );
  equal(header.typ, "room+jwt");
  equal(claims.exp - claims.iat, 3_600);
  deepEqual([claims.sub, claims.room, claims.role, claims.epoch], [identity, room, "member", 1]);
  deepEqual(claims.cnf, { jkt: thumbprintOf(guest.publicKey) });
  const path = `/v1/rooms/${room}/tokens`;
  equal((await askAsGuest(service, guest, path, {})).body.role, "member");
  equal((await askAsGuest(service, await newGuest(), path, {})).body.code, "room_not_found");
  // An account's device comes by the same invite, under its name.
  const word = await wordFor(service, invite, bob.account.keys.signing);
  equal((await bob.ask("POST", path, word)).body.identity, "bob");
  equal((await bob.ask("POST", path, {})).body.identity, "bob");
  equal((await bob.ask("GET", `/v1/rooms/${room}`)).body.code, "forbidden");
  // Two uses, two people; the same again counted nothing.
  equal((await askWith(service, room, invite, guest)).status, 200);
  equal((await askWith(service, room, invite, await newGuest())).body.code, "invalid_invite");
  const { invites } = (await alice.ask("GET", `/v1/rooms/${room}/invites`)).body;
  deepEqual([invites.length, invites[0].used, invites[0].uses], [1, 2, 2]);
});

Deno.test("of 64 who use an invite at once exactly as many get in as it lets in", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  for (const role of ["member", "knocker"]) {
    const room = await newRoom(alice);
    const invite = await invited(service, alice, room, { uses: 7, role });
    const guests = await Promise.all(Array.from({ length: 64 }, newGuest));
    const said = await Promise.all(guests.map((guest) => askWith(service, room, invite, guest)));
    equal(said.filter(({ status }) => status === 200).length, 7, role);
    equal(said.filter(({ body }) => body.code === "invalid_invite").length, 57);
    const people = (await alice.ask("GET", `/v1/rooms/${room}`)).body.people;
    equal(people, role === "member" ? 8 : 1);
  }
  deepEqual(service.faults, []);
});

Deno.test("an invite that is another room's, old, withdrawn, or was said for another is none", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  const [room, other] = [await newRoom(alice), await newRoom(alice)];
  const invite = await invited(service, alice, room);
  const guest = await newGuest();
  const path = `/v1/rooms/${room}/tokens`;
  const ask = async (body: unknown, at = path) =>
    (await askAsGuest(service, guest, at, body)).body.code ?? "ok";
  equal(
    await ask(await wordFor(service, invite, guest), `/v1/rooms/${other}/tokens`),
    "invalid_invite",
  );
  const misplaced = { ...invite, room: newInvite(randomBytes(16)).room };
  equal(await ask(await wordFor(service, misplaced, guest)), "invalid_invite");
  // The other room's id is signed for, and the key is not that room's.
  const crossed = await wordFor(service, invite, guest, {
    room: Uint8Array.from(
      atob(other.replaceAll("-", "+").replaceAll("_", "/")),
      (c) => c.charCodeAt(0),
    ),
  });
  equal(await ask(crossed, `/v1/rooms/${other}/tokens`), "invalid_invite");
  equal(await ask(await wordFor(service, invite, await newGuest())), "invalid_invite");
  equal(
    await ask(await wordFor(service, invite, guest, { origin: "b.test/kt/1" })),
    "invalid_invite",
  );
  for (const off of [-61_000, 61_000]) {
    const late = await wordFor(service, invite, guest, { tsMs: service.now() + off });
    equal(await ask(late), "invalid_invite", `${off}`);
  }
  const second = await invited(service, alice, room, {}, anotherInvite(invite));
  const { publicKey } = await inviteKey(second);
  const place = `/v1/rooms/${room}/invites/${toBase64Url(publicKey)}`;
  equal((await alice.ask("DELETE", place)).status, 204);
  equal((await alice.ask("DELETE", place)).status, 204);
  equal(await ask(await wordFor(service, second, guest)), "invalid_invite");
  // Withdrawing one withdraws no other.
  equal(await ask(await wordFor(service, invite, guest)), "ok");
  const short = await invited(
    service,
    alice,
    room,
    { expires_ms: service.now() + 5_000 },
    anotherInvite(invite),
  );
  service.advance(5_001);
  const late = await newGuest();
  equal((await askWith(service, room, short, late)).body.code, "invalid_invite");
});

Deno.test("an exchange that was overheard serves nobody again, and counts nothing", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  const room = await newRoom(alice);
  const invite = await invited(service, alice, room, { uses: 2, role: "knocker" });
  const [guest, thief] = [await newGuest(), await newGuest()];
  const path = `/v1/rooms/${room}/tokens`;
  const body = await wordFor(service, invite, guest);
  const headers = await guestHeaders(service, guest, path);
  equal((await send(service, "POST", path, headers, body)).status, 200);
  equal((await send(service, "POST", path, headers, body)).body.code, "proof_replayed");
  equal((await askAsGuest(service, thief, path, body)).body.code, "invalid_invite");
  equal((await alice.ask("GET", `/v1/rooms/${room}/invites`)).body.invites[0].used, 1);
});

Deno.test("a locked room lets in whom it knows, and nobody who has an invite", async () => {
  await using service = await startService();
  const alice = await roomUser(service, "alice");
  const room = await newRoom(alice);
  const invite = await invited(service, alice, room);
  const [known, late] = [await newGuest(), await newGuest()];
  equal((await askWith(service, room, invite, known)).status, 200);
  await alice.ask("PATCH", `/v1/rooms/${room}`, { locked: true });
  equal((await askWith(service, room, invite, late)).body.code, "room_locked");
  const path = `/v1/rooms/${room}/tokens`;
  equal((await askAsGuest(service, known, path, {})).body.epoch, 2);
  await alice.ask("DELETE", `/v1/rooms/${room}`);
  equal((await askAsGuest(service, known, path, {})).body.code, "room_ended");
  equal((await askWith(service, room, invite, known)).body.code, "room_ended");
  equal((await askWith(service, room, invite, late)).body.code, "invalid_invite");
});

Deno.test("roles say who invites whom, and whose invites are withdrawn", async () => {
  await using service = await startService();
  const [alice, carol, dave] = [
    await roomUser(service, "alice"),
    await roomUser(service, "carol"),
    await roomUser(service, "dave"),
  ];
  const room = await newRoom(alice);
  const path = `/v1/rooms/${room}/tokens`;
  for (const [user, role] of [[carol, "cohost"], [dave, "member"]] as const) {
    const invite = await invited(service, alice, room, { role });
    const word = await wordFor(service, invite, user.account.keys.signing);
    equal((await user.ask("POST", path, word)).body.role, role);
  }
  const make = async (user: RoomUser, role: string, change: Record<string, unknown> = {}) => {
    const { publicKey } = await inviteKey(newInvite(randomBytes(16)));
    const { body } = await user.ask("POST", `/v1/rooms/${room}/invites`, {
      key: toBase64Url(publicKey),
      role,
      uses: 1,
      expires_ms: service.now() + 1_000_000,
      ...change,
    });
    return body.code ?? body.key;
  };
  equal(await make(dave, "listener"), "forbidden");
  equal(await make(carol, "cohost"), "forbidden");
  equal(await make(carol, "host"), "forbidden");
  const hosts = await make(alice, "host");
  equal((await make(carol, "member")).length, 43);
  equal((await carol.ask("DELETE", `/v1/rooms/${room}/invites/${hosts}`)).body.code, "forbidden");
  // Nor does a cohost take a host's invite over under new terms.
  equal(await make(carol, "member", { key: hosts }), "forbidden");
  equal((await carol.ask("DELETE", `/v1/rooms/${room}`)).body.code, "forbidden");
  equal((await dave.ask("PATCH", `/v1/rooms/${room}`, { locked: true })).body.code, "forbidden");
  equal((await carol.ask("PATCH", `/v1/rooms/${room}`, { locked: true })).status, 200);
  for (
    const change of [
      { uses: 0 },
      { uses: 1_001 },
      { uses: 1.5 },
      { role: "owner" },
      { key: toBase64Url(new Uint8Array(32)) },
      { expires_ms: service.now() - 1 },
      { expires_ms: service.now() + MAX_INVITE_TTL_MS + 60_000 },
      { more: 1 },
    ]
  ) equal(await make(alice, "member", change), "malformed", JSON.stringify(change));
  const asked = Array.from({ length: MAX_ROOM_INVITES }, () => make(alice, "member"));
  const codes = (await Promise.all(asked)).filter((said) => said === "too_many_open");
  // Four there were: those of carol and dave, the host's, and carol's own.
  equal(codes.length, 4);
});

Deno.test("a service is never told an invite's secrets, and without them opens nothing", async () => {
  const kv = await Deno.openKv(":memory:");
  const seen: string[] = [];
  await using service = await startService({ kv });
  const realFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    seen.push(String(input), JSON.stringify(init?.headers ?? {}), String(init?.body ?? ""));
    const response = await realFetch(input, init);
    seen.push(await response.clone().text());
    return response;
  };
  try {
    const alice = await roomUser(service, "alice");
    const room = await newRoom(alice);
    const invite = await invited(service, alice, room);
    equal((await askWith(service, room, invite, await newGuest())).status, 200);
    const second = await invited(service, alice, room, {}, anotherInvite(invite));
    equal((await askWith(service, room, second, await newGuest())).status, 200);
    for await (const { key, value } of kv.list({ prefix: [] })) {
      seen.push(
        Deno.inspect([key, value], { depth: 9, iterableLimit: 1e6, strAbbreviateSize: 1e6 }),
      );
      for (const part of [...key, ...Object.values(value as object)]) {
        if (part instanceof Uint8Array) seen.push(toBase64Url(part));
      }
    }
    const { meta, psk } = roomKeys(invite);
    const secrets = [
      { name: "the secret", bytes: invite.secret.expose() },
      { name: "the first seed", bytes: invite.seed.expose() },
      { name: "the second seed", bytes: second.seed.expose() },
      { name: "the metadata's key", bytes: meta.expose() },
      { name: "the psk", bytes: psk.expose() },
      { name: "the link", bytes: new TextEncoder().encode(inviteLink("", invite)) },
    ];
    deepEqual(grep(seen, secrets), []);
    // What is looked for would be found: the public half is everywhere.
    const { publicKey } = await inviteKey(invite);
    deepEqual(grep(seen, [{ name: "the public key", bytes: publicKey }]), ["the public key"]);
    notEqual(seen.length, 0);
  } finally {
    globalThis.fetch = realFetch;
  }
});
