import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { type OpenContext } from "../../core/context.ts";
import { openManagedRooms } from "../../core/managed_rooms.ts";
import { type RoomChange, type RoomState } from "../../core/room_rules.ts";
import { invitesOf } from "../../core/invites.ts";
import { issueRoomToken } from "../../core/room_tokens.ts";
import {
  ENDED_ROOM_TTL_MS,
  MAX_INVITE_USES,
  MAX_ROOM_BANS,
  MAX_ROOM_PEOPLE,
  MAX_ROOMS_PER_CREATOR,
  ROOM_GUEST_TTL_MS,
  ROOM_TOKEN_TTL_MS,
  ROOM_TTL_MS,
} from "../../wire/limits.ts";
import { managedRoomId, openRoomId } from "../../wire/room_id.ts";
import { listMisfits } from "../../kv/row_shape.ts";
import { type Role } from "../../wire/frames.ts";
import { faultyKv } from "../support/faulty_kv.ts";
import { account, comeBy, guest, inviteOf } from "../support/parties.ts";
import { openCore } from "../support/service_core.ts";

const NOT_FOUND = { code: "room_not_found" };
const BAD_TOKEN = { code: "invalid_room_token" };
const LABEL = `a${"x".repeat(127)}`;

type Guest = Awaited<ReturnType<typeof guest>>;

interface World {
  readonly ctx: OpenContext;
  readonly kv: Deno.Kv;
  readonly clock: { nowMs: number };
  readonly room: string;
}

/** A room of alice's. @param wrap puts faults between the rules and the store */
async function withRoom(
  test: (world: World) => Promise<void>,
  wrap: (kv: Deno.Kv) => Deno.Kv = (kv) => kv,
): Promise<void> {
  using plain = await Deno.openKv(":memory:");
  const kv = wrap(plain);
  const clock = { nowMs: 1_790_000_000_000 };
  await using ctx = await openCore(kv, { now: () => clock.nowMs });
  const { room } = await ctx.rooms.create("alice", null);
  await test({ ctx, kv: plain, clock, room });
}

Deno.test("a room's host gets in without a token, and others get in with theirs alone", async () => {
  await withRoom(async ({ ctx, room }) => {
    const [alice, bob] = [await account("alice"), await account("bob")];
    const { rooms } = ctx;
    const state = { room, epoch: 1, isLocked: false, hasEnded: false, meta: null };
    assert.deepEqual(await rooms.enter(room, alice.party, null), { role: "host", state });
    await assert.rejects(rooms.enter(room, bob.party, null), NOT_FOUND);
    const stranger = await guest(room);
    await assert.rejects(rooms.enter(room, stranger.party, null), NOT_FOUND);
    const invite = await inviteOf(ctx, room, "alice");
    const { token } = await comeBy(ctx, room, invite, stranger);
    assert.equal((await rooms.enter(room, stranger.party, token)).role, "member");
    // Known from the exchange on.
    assert.equal((await rooms.enter(room, stranger.party, null)).role, "member");
  });
});

Deno.test("a room token serves its key, in its room, for an hour, and nobody else", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const { rooms } = ctx;
    const { room: other } = await rooms.create("alice", null);
    const [owner, thief] = [await guest(room), await guest(room)];
    const invite = await inviteOf(ctx, room, "alice", "knocker");
    const { token } = await comeBy(ctx, room, invite, owner);
    assert.equal((await rooms.enter(room, owner.party, token)).role, "knocker");
    await assert.rejects(rooms.enter(room, thief.party, token), BAD_TOKEN);
    // The same key under another name, and the same name with another key.
    const twin = { ...owner.party, signing: thief.party.signing };
    await assert.rejects(rooms.enter(room, twin, token), BAD_TOKEN);
    await assert.rejects(
      rooms.enter(room, { ...owner.party, identity: "~other" }, token),
      BAD_TOKEN,
    );
    await assert.rejects(
      rooms.enter(other, { ...owner.party, room: other } as never, token),
      BAD_TOKEN,
    );
    // A guest of one room is let into no other on that connection, even one that knows it.
    await comeBy(ctx, other, await inviteOf(ctx, other, "alice"), owner);
    await assert.rejects(rooms.enter(other, owner.party, null), NOT_FOUND);
    for (const text of ["", "a.b.c", `${token}A`, token.slice(0, -2), "x".repeat(5_000)]) {
      await assert.rejects(rooms.enter(room, owner.party, text), BAD_TOKEN);
      // And of no room the same is said.
      const nowhere = { ...owner.party, room: managedRoomId() } as typeof owner.party & {
        room: string;
      };
      await assert.rejects(rooms.enter(nowhere.room, nowhere, text), BAD_TOKEN);
    }
    clock.nowMs += ROOM_TOKEN_TTL_MS + 1_000;
    await assert.rejects(rooms.enter(room, owner.party, token), BAD_TOKEN);
  });
});

Deno.test("an access token, and a room token of another service, are no room tokens here", async () => {
  await withRoom(async ({ ctx, room }) => {
    const eve = await guest(room);
    using kv = await Deno.openKv(":memory:");
    const { now } = ctx;
    await using foreign = await openCore(kv, { now, secret: 8 });
    const claims = {
      identity: eve.party.identity,
      room,
      role: "host",
      epoch: 1,
      thumbprint: eve.jkt,
    } as const;
    const { token } = await issueRoomToken(foreign, claims);
    await assert.rejects(ctx.rooms.enter(room, eve.party, token), BAD_TOKEN);
    const ours = await issueRoomToken(ctx, claims);
    assert.equal((await ctx.rooms.enter(room, eve.party, ours.token)).role, "host");
    const mallory = await guest(room);
    const seconds = Math.floor(now() / 1000);
    const signAs = (typ: string) =>
      new SignJWT({ room, role: "host", epoch: 1, cnf: { jkt: mallory.jkt } })
        .setProtectedHeader({ typ, alg: "EdDSA" }).setSubject(mallory.party.identity)
        .setIssuer(ctx.origin).setAudience(ctx.origin)
        .setIssuedAt(seconds).setExpirationTime(seconds + 60).sign(ctx.keys.tokens.privateKey);
    await assert.rejects(ctx.rooms.enter(room, mallory.party, await signAs("at+jwt")), BAD_TOKEN);
    assert.equal(
      (await ctx.rooms.enter(room, mallory.party, await signAs("room+jwt"))).role,
      "host",
    );
    const [, body, tail] = ours.token.split(".");
    for (const header of [{ alg: "EdDSA", typ: "at+jwt" }, { alg: "none", typ: "room+jwt" }]) {
      const head = btoa(JSON.stringify(header)).replace(/=+$/, "");
      for (const end of [tail, ""]) {
        const forged = `${head}.${body}.${end}`;
        await assert.rejects(ctx.rooms.enter(room, (await guest(room)).party, forged), BAD_TOKEN);
      }
    }
  });
});

Deno.test("a token of before a kick is worth nothing, and an invite lets the kicked one in again", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    const [kicked, waiting] = [await guest(room), await guest(room)];
    const invite = await inviteOf(ctx, room, "alice");
    const lobby = await inviteOf(ctx, room, "alice", "knocker");
    const { token } = await comeBy(ctx, room, invite, kicked);
    const knocks = await comeBy(ctx, room, lobby, waiting);
    const who = kicked.party.identity;
    const state = await rooms.change(room, "alice", { kind: "remove", who, isBan: false });
    assert.equal(state.epoch, 2);
    await assert.rejects(rooms.enter(room, kicked.party, token), BAD_TOKEN);
    await assert.rejects(rooms.enter(room, kicked.party, null), NOT_FOUND);
    await assert.rejects(rooms.enter(room, waiting.party, knocks.token), BAD_TOKEN);
    const again = await comeBy(ctx, room, invite, kicked);
    assert.deepEqual([again.epoch, again.role], [2, "member"]);
    await rooms.enter(room, kicked.party, again.token);
    const [{ row }] = (await invitesOf(ctx, room, "alice")).filter(({ row }) =>
      row.role === "member"
    ) as [Awaited<ReturnType<typeof invitesOf>>[number]];
    assert.equal(row.used.length / 16, 1, "and it counts once");
  });
});

Deno.test("who is banned hears what the uninvited hear, and takes their invite with them", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    const [banned, fresh, friend] = [await guest(room), await guest(room), await guest(room)];
    const invite = await inviteOf(ctx, room, "alice");
    const theirs = await inviteOf(ctx, room, "alice");
    const { token } = await comeBy(ctx, room, invite, banned);
    await comeBy(ctx, room, invite, friend);
    const who = banned.party.identity;
    await rooms.change(room, "alice", { kind: "remove", who, isBan: true });
    const refusalOf = (work: Promise<unknown>) =>
      work.then(() => null, ({ code, message }) => ({ code, message }));
    const uninvited = await refusalOf(rooms.enter(room, fresh.party, null));
    assert.equal(uninvited?.code, "room_not_found");
    assert.deepEqual(await refusalOf(rooms.enter(room, banned.party, token)), uninvited);
    assert.deepEqual(await refusalOf(rooms.enter(room, banned.party, null)), uninvited);
    // The same key, by whatever invite; and a new key by the link that it knows.
    const invalid = { code: "invalid_invite" };
    await assert.rejects(comeBy(ctx, room, theirs, banned), invalid);
    await assert.rejects(comeBy(ctx, room, invite, fresh), invalid);
    assert.equal((await rooms.enter(room, friend.party, null)).role, "member");
    assert.equal((await comeBy(ctx, room, theirs, fresh)).role, "member");
    const admit = { kind: "admit", who, role: "member" } as const;
    await assert.rejects(rooms.change(room, "alice", admit), { code: "no_such_member" });
    // A cohost's own invites go with it.
    await rooms.change(room, "alice", { kind: "admit", who: "carol", role: "cohost" });
    const carols = await inviteOf(ctx, room, "carol");
    await rooms.change(room, "alice", { kind: "remove", who: "carol", isBan: true });
    await assert.rejects(comeBy(ctx, room, carols, await guest(room)), invalid);
  });
});

Deno.test("nobody but a host acts on a host, and a room keeps one", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    await rooms.change(room, "alice", { kind: "admit", who: "carol", role: "cohost" });
    const forbidden = { code: "forbidden" };
    for (const isBan of [false, true]) {
      const what = { kind: "remove", who: "alice", isBan } as const;
      await assert.rejects(rooms.change(room, "carol", what), forbidden);
      await assert.rejects(rooms.change(room, "alice", what), forbidden);
    }
    const down = { kind: "role", who: "alice", role: "member" } as const;
    await assert.rejects(rooms.change(room, "carol", down), forbidden);
    await assert.rejects(rooms.change(room, "alice", down), forbidden);
    // Nor where another host is left.
    await rooms.change(room, "alice", { kind: "admit", who: "bob", role: "host" });
    await assert.rejects(rooms.change(room, "carol", down), forbidden);
    await rooms.change(room, "alice", { kind: "remove", who: "bob", isBan: false });
    await rooms.change(room, "alice", { kind: "role", who: "carol", role: "host" });
    await rooms.change(room, "carol", { ...down });
    assert.equal((await rooms.enter(room, (await account("alice")).party, null)).role, "member");
  });
});

Deno.test("who was put out or put down meanwhile changes nothing, and nobody is brought back by it", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    const [bob, dave] = [await account("bob"), await account("dave")];
    const give = (who: string, role: Role) =>
      rooms.change(room, "alice", { kind: "role", who, role });
    const kick = (who: string) =>
      rooms.change(room, "alice", { kind: "remove", who, isBan: false });
    const admit = (who: string, role: Role) =>
      rooms.change(room, "alice", { kind: "admit", who, role });
    await admit("carol", "cohost");
    await admit("bob", "member");
    // Both were planned before either was kept.
    const role = { kind: "role", who: "bob", role: "listener" } as const;
    const late = [kick("bob"), rooms.change(room, "carol", role)];
    assert.equal((await late[0]!).epoch, 2);
    await assert.rejects(late[1]!, { code: "no_such_member" });
    await assert.rejects(rooms.enter(room, bob.party, null), NOT_FOUND);
    const letIn = { kind: "admit", who: "dave", role: "member" } as const;
    const down = [give("carol", "member"), rooms.change(room, "carol", letIn)];
    await down[0];
    await assert.rejects(down[1]!, { code: "forbidden" });
    await give("carol", "cohost");
    const acts: readonly RoomChange[] = [
      letIn,
      role,
      { kind: "remove", who: "alice", isBan: false },
      { kind: "lock", isLocked: true },
      { kind: "end" },
    ];
    const out = [kick("carol"), ...acts.map((act) => rooms.change(room, "carol", act))];
    for (const { reason } of (await Promise.allSettled(out)).slice(1) as PromiseRejectedResult[]) {
      assert.equal(reason.code, "forbidden");
    }
    await assert.rejects(rooms.enter(room, dave.party, null), NOT_FOUND);
    assert.equal((await rooms.view(room, "alice")).row.epoch, 3);
  });
});

Deno.test("who is let in at one door and is known by another keeps what they are", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    await rooms.change(room, "alice", { kind: "admit", who: "carol", role: "cohost" });
    const admit = { kind: "admit", who: "alice", role: "member" } as const;
    await assert.rejects(rooms.change(room, "carol", admit), { code: "forbidden" });
    await assert.rejects(rooms.change(room, "alice", admit), { code: "forbidden" });
    assert.equal((await rooms.view(room, "alice")).row.people.get("alice")!.role, "host");
  });
});

Deno.test("a locked room lets in whom it knows; an ended one tells those who were in it", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const { rooms } = ctx;
    const [alice, bob] = [await account("alice"), await account("bob")];
    const waiting = await guest(room);
    const invite = await inviteOf(ctx, room, "alice", "knocker");
    await rooms.change(room, "alice", { kind: "admit", who: "bob", role: "member" });
    const locked = await rooms.change(room, "alice", { kind: "lock", isLocked: true });
    assert.deepEqual([locked.epoch, locked.isLocked], [2, true]);
    const same = await rooms.change(room, "alice", { kind: "lock", isLocked: true });
    assert.equal(same.epoch, 2);
    assert.equal((await rooms.enter(room, bob.party, null)).role, "member");
    const claims = {
      identity: waiting.party.identity,
      room,
      role: "knocker",
      thumbprint: waiting.jkt,
    };
    const { token } = await issueRoomToken(ctx, { ...claims, role: "knocker", epoch: 2 });
    await assert.rejects(rooms.enter(room, waiting.party, token), { code: "room_locked" });
    await assert.rejects(rooms.enter(room, (await account("eve")).party, null), NOT_FOUND);
    const unlocked = await rooms.change(room, "alice", { kind: "lock", isLocked: false });
    assert.deepEqual([unlocked.epoch, unlocked.isLocked], [2, false]);
    assert.equal((await rooms.enter(room, waiting.party, token)).role, "knocker");
    assert.equal((await rooms.change(room, "alice", { kind: "end" })).epoch, 3);
    const ended = { code: "room_ended" };
    await assert.rejects(rooms.enter(room, alice.party, null), ended);
    await assert.rejects(rooms.enter(room, bob.party, null), ended);
    await assert.rejects(rooms.enter(room, waiting.party, null), NOT_FOUND);
    await assert.rejects(rooms.enter(room, waiting.party, token), NOT_FOUND);
    await assert.rejects(comeBy(ctx, room, invite, waiting), { code: "invalid_invite" });
    await assert.rejects(rooms.change(room, "alice", { kind: "lock", isLocked: true }), ended);
    clock.nowMs += ENDED_ROOM_TTL_MS;
    await assert.rejects(rooms.enter(room, alice.party, null), NOT_FOUND);
    await assert.rejects(rooms.change(room, "alice", { kind: "end" }), NOT_FOUND);
  });
});

Deno.test("a room to which nobody comes is over, also before the store forgot it", async () => {
  await withRoom(async ({ ctx, kv, clock, room }) => {
    const { rooms } = ctx;
    const alice = await account("alice");
    clock.nowMs += ROOM_TTL_MS - 1;
    await rooms.enter(room, alice.party, null);
    clock.nowMs += ROOM_TTL_MS - 1;
    assert.equal((await rooms.list("alice")).length, 1);
    await rooms.enter(room, alice.party, null);
    clock.nowMs += ROOM_TTL_MS;
    await assert.rejects(rooms.enter(room, alice.party, null), NOT_FOUND);
    await assert.rejects(rooms.view(room, "alice"), NOT_FOUND);
    assert.deepEqual(await rooms.list("alice"), []);
    // Its place is free again.
    for (let i = 0; i < MAX_ROOMS_PER_CREATOR; i++) await rooms.create("alice", null);
    await assert.rejects(rooms.create("alice", null), { code: "too_many_open" });
    await assert.rejects(rooms.enter(openRoomId(), alice.party, null), NOT_FOUND);
    assert.deepEqual(await Array.fromAsync(listMisfits(kv)), []);
  });
});

Deno.test("the largest room there can be is kept, and takes nobody more", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    const name = (i: number) => `${LABEL.slice(0, 120)}${String(i).padStart(8, "0")}`;
    for (let i = 0; i < MAX_ROOM_BANS; i++) {
      await rooms.change(room, "alice", { kind: "remove", who: name(i + 1_000), isBan: true });
    }
    const ban = { kind: "remove", who: "bob", isBan: true } as const;
    await assert.rejects(rooms.change(room, "alice", ban), { code: "too_many_open" });
    const came = Array.from({ length: MAX_ROOM_PEOPLE - 1 }, (_, i) => {
      return rooms.change(room, "alice", { kind: "admit", who: name(i), role: "listener" });
    });
    await Promise.all(came);
    const more = { kind: "admit", who: "bob", role: "member" } as const;
    await assert.rejects(rooms.change(room, "alice", more), { code: "room_full" });
    await rooms.amend(room, "alice", { meta: "A".repeat(1_366) });
    assert.equal((await rooms.view(room, "alice")).row.people.size, MAX_ROOM_PEOPLE);
  });
});

Deno.test("guests who came once fill no room for good, and nobody who is there is forgotten for them", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const { rooms } = ctx;
    const invite = await inviteOf(ctx, room, "alice", "member", MAX_INVITE_USES);
    const comes = (someone: Guest) => comeBy(ctx, room, invite, someone);
    const [first, second, third, ...rest] = await Promise.all(
      Array.from({ length: MAX_ROOM_PEOPLE - 1 }, () => guest(room)),
    ) as [Guest, Guest, Guest, ...Guest[]];
    for (const someone of [first, second, third]) await comes(someone);
    const host = { kind: "role", who: second.party.identity, role: "cohost" } as const;
    await rooms.change(room, "alice", host);
    clock.nowMs++;
    // One key after the other by the same link: the room is full.
    for (const someone of rest) await comes(someone);
    const [late, later] = [await guest(room), await guest(room)];
    await assert.rejects(comes(late), { code: "room_full" });
    const people = async () => (await rooms.view(room, "alice")).row.people;
    assert.equal((await people()).size, MAX_ROOM_PEOPLE);
    // Those who are there ask for a token every hour.
    for (let ms = 0; ms < ROOM_GUEST_TTL_MS; ms += ROOM_TOKEN_TTL_MS - 1_000) {
      await assert.rejects(comes(late), { code: "room_full" });
      clock.nowMs += ROOM_TOKEN_TTL_MS - 1_000;
      await comes(first);
    }
    await comes(late);
    const isKnown = async (someone: Guest) => (await people()).has(someone.party.identity);
    assert.deepEqual(
      [await isKnown(first), await isKnown(second), await isKnown(third), await isKnown(late)],
      [true, true, false, true],
    );
    // Somebody whom a host lets in takes such a place too.
    await rooms.change(room, "alice", { kind: "admit", who: "bob", role: "member" });
    await comes(later);
    assert.equal((await people()).size, MAX_ROOM_PEOPLE);
    for (const one of [first, second, late, later]) assert.ok(await isKnown(one));
    // Who was forgotten comes again by its invite, without another use of it, and not without.
    await assert.rejects(rooms.enter(room, third.party, null), NOT_FOUND);
    const before = (await invitesOf(ctx, room, "alice"))[0]!.row.used.length;
    await comes(third);
    assert.equal((await invitesOf(ctx, room, "alice"))[0]!.row.used.length, before);
    assert.deepEqual(await Array.fromAsync(listMisfits(ctx.kv)), []);
  });
});

Deno.test("a guest is known for two hours from its last token on, however soon after another one that was", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const invite = await inviteOf(ctx, room, "alice", "member", MAX_INVITE_USES);
    const someone = await guest(room);
    await comeBy(ctx, room, invite, someone);
    // So soon that the second is not written down.
    clock.nowMs += ROOM_GUEST_TTL_MS / 4 - 1;
    await comeBy(ctx, room, invite, someone);
    const lastMs = clock.nowMs;
    for (let i = 2; i < MAX_ROOM_PEOPLE; i++) await comeBy(ctx, room, invite, await guest(room));
    const late = await guest(room);
    clock.nowMs = lastMs + ROOM_GUEST_TTL_MS;
    await assert.rejects(comeBy(ctx, room, invite, late), { code: "room_full" });
    clock.nowMs += ROOM_GUEST_TTL_MS / 4;
    await comeBy(ctx, room, invite, late);
    await assert.rejects(ctx.rooms.enter(room, someone.party, null), NOT_FOUND);
  });
});

Deno.test("a link that many have pushes out nobody who came by another one", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const regulars: (readonly [Guest, Awaited<ReturnType<typeof inviteOf>>])[] = [];
    for (let i = 0; i < 20; i++) {
      const [invite, someone] = [
        await inviteOf(ctx, room, "alice", "member", 1),
        await guest(room),
      ];
      await comeBy(ctx, room, invite, someone);
      regulars.push([someone, invite]);
    }
    clock.nowMs += 2 * ROOM_GUEST_TTL_MS;
    const many = await inviteOf(ctx, room, "alice", "member", MAX_INVITE_USES);
    const rest = MAX_ROOM_PEOPLE - 1 - regulars.length;
    for (let i = 0; i < rest; i++) await comeBy(ctx, room, many, await guest(room));
    // The regulars are gone for long enough, but no place of theirs is one for this link.
    await assert.rejects(comeBy(ctx, room, many, await guest(room)), { code: "room_full" });
    for (const [someone, invite] of regulars) await comeBy(ctx, room, invite, someone);
    // Somebody by another link takes a place of the one that has the most.
    clock.nowMs += 2 * ROOM_GUEST_TTL_MS;
    const few = await inviteOf(ctx, room, "alice", "member", 5);
    for (let i = 0; i < 5; i++) await comeBy(ctx, room, few, await guest(room));
    const { people } = (await ctx.rooms.view(room, "alice")).row;
    assert.equal(people.size, MAX_ROOM_PEOPLE);
    for (const [someone] of regulars) assert.ok(people.has(someone.party.identity));
  });
});

Deno.test("a guest that was put down stays so, however long it is gone and however many come", async () => {
  await withRoom(async ({ ctx, clock, room }) => {
    const one = await inviteOf(ctx, room, "alice", "member", 1);
    const many = await inviteOf(ctx, room, "alice", "member", MAX_INVITE_USES);
    const down = await guest(room);
    const { identity: who } = down.party;
    await comeBy(ctx, room, one, down);
    await ctx.rooms.change(room, "alice", { kind: "role", who, role: "listener" });
    const rest = MAX_ROOM_PEOPLE - 2;
    for (let i = 0; i < rest; i++) await comeBy(ctx, room, many, await guest(room));
    clock.nowMs += 2 * ROOM_GUEST_TTL_MS;
    for (let i = 0; i < rest; i++) await comeBy(ctx, room, many, await guest(room));
    await assert.rejects(comeBy(ctx, room, many, await guest(room)), { code: "room_full" });
    assert.equal((await comeBy(ctx, room, one, down)).role, "listener");
    // A token later, too.
    clock.nowMs += 2 * ROOM_GUEST_TTL_MS;
    for (let i = 0; i < rest; i++) await comeBy(ctx, room, many, await guest(room));
    assert.equal((await comeBy(ctx, room, one, down)).role, "listener");
  });
});

Deno.test("what several processes do to one store at once keeps every bound", async () => {
  await withRoom(async ({ ctx, room }) => {
    const others = [1, 2, 3].map(() => ({ ...ctx, rooms: openManagedRooms(ctx) }));
    const made = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) => others[i % 3]!.rooms.create("bob", null)),
    );
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, MAX_ROOMS_PER_CREATOR);
    const invite = await inviteOf(ctx, room, "alice", "member", 5);
    const lobby = await inviteOf(ctx, room, "alice", "knocker", 5);
    for (const one of [invite, lobby]) {
      const guests = await Promise.all(Array.from({ length: 30 }, () => guest(room)));
      const came = await Promise.allSettled(
        guests.map((someone, i) => comeBy(others[i % 3]!, room, one, someone)),
      );
      assert.equal(came.filter(({ status }) => status === "fulfilled").length, 5);
    }
    assert.equal((await ctx.rooms.view(room, "alice")).row.people.size, 6);
  });
});

Deno.test("a change whose result the store did not tell is made once", async () => {
  for (const fault of ["before", "after"] as const) {
    let isBroken = false;
    const wrap = (kv: Deno.Kv) =>
      faultyKv(kv, () => {
        const now = isBroken;
        isBroken = false;
        return now ? fault : null;
      }).kv;
    await withRoom(async ({ ctx, room }) => {
      const { rooms } = ctx;
      const breaking = <T>(work: () => Promise<T>): Promise<T> => {
        isBroken = true;
        return work();
      };
      const invite = await breaking(() => inviteOf(ctx, room, "alice"));
      const someone = await guest(room);
      const who = someone.party.identity;
      await breaking(() => comeBy(ctx, room, invite, someone));
      const kick = { kind: "remove", who, isBan: true } as const;
      assert.equal((await breaking(() => rooms.change(room, "alice", kick))).epoch, 2, fault);
      const { row } = await breaking(() => rooms.amend(room, "alice", { isLocked: true }));
      assert.equal(row.epoch, 3);
      const { room: second } = await breaking(() => rooms.create("alice", null));
      assert.equal((await rooms.list("alice")).length, 2);
      await breaking(() => rooms.end(second, "alice"));
      assert.equal((await rooms.list("alice")).length, 1);
    }, wrap);
  }
});

Deno.test("the relay is told of what somebody changed over REST, and of nothing else", async () => {
  await withRoom(async ({ ctx, room }) => {
    const { rooms } = ctx;
    const told: RoomState[] = [];
    rooms.onChange = (state) => told.push(state);
    await rooms.change(room, "alice", { kind: "lock", isLocked: true });
    await rooms.amend(room, "alice", { isLocked: true });
    await rooms.amend(room, "alice", { isLocked: false, meta: "AAAA" });
    await assert.rejects(rooms.amend(room, "bob", { isLocked: true }), NOT_FOUND);
    await rooms.end(room, "alice");
    assert.deepEqual(told, [
      { room, epoch: 2, isLocked: false, hasEnded: false, meta: "AAAA" },
      { room, epoch: 3, isLocked: false, hasEnded: true, meta: "AAAA" },
    ]);
  });
});
