import assert from "node:assert/strict";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { toBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { type OpenContext } from "../../core/context.ts";
import { authenticateGuest } from "../../core/guest.ts";
import { issueNonce } from "../../core/proof_nonce.ts";
import { readEmbedder, type RoomSettings } from "../../core/room_settings.ts";
import { issueRoomToken } from "../../core/room_tokens.ts";
import { MAX_ROOMS_PER_CREATOR, ROOM_TOKEN_TTL_MS } from "../../wire/limits.ts";
import { managedRoomId, openRoomId } from "../../wire/room_id.ts";
import { makeProof, type ProofOptions } from "../support/dpop.ts";
import { account, guest, type Someone } from "../support/parties.ts";
import { openCore, ORIGIN } from "../support/service_core.ts";

const ISSUER = "https://app.example";
const URL_ = "http://127.0.0.1:9/v1/ws";
const BAD_TOKEN = { code: "invalid_room_token" };

const pairs = new Map(
  await Promise.all(
    ["EdDSA", "ES256", "RS256", "PS256"].map(async (alg) =>
      [alg, await generateKeyPair(alg, { extractable: true })] as const
    ),
  ),
);
const keys = {
  keys: await Promise.all([...pairs].map(async ([alg, { publicKey }]) => {
    return { ...await exportJWK(publicKey), alg, kid: alg, use: "sig" };
  })),
};

interface World {
  readonly ctx: OpenContext;
  readonly clock: { nowMs: number };
  readonly room: string;
}

async function withEmbedder(test: (world: World) => Promise<void>): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  const clock = { nowMs: 1_790_000_000_000 };
  const embedder = { issuer: ISSUER, keys };
  await using ctx = await openCore(kv, { now: () => clock.nowMs, embedder });
  const { room } = await ctx.rooms.create("alice", null);
  await test({ ctx, clock, room });
}

/** The claims of a backend that lets a key in. */
function claimsFor(
  { clock, room }: Pick<World, "clock" | "room">,
  jkt: string,
  sub: string,
  grants: Readonly<Record<string, unknown>> = {},
): JWTPayload {
  const iat = Math.floor(clock.nowMs / 1000);
  const all = { room, roomJoin: true, ...grants };
  return { iss: ISSUER, aud: ORIGIN, sub, iat, exp: iat + 600, cnf: { jkt }, grants: all };
}

function sign(claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const all = { alg: "EdDSA", kid: "EdDSA", typ: "room+jwt", ...header };
  return new SignJWT(claims).setProtectedHeader(all).sign(pairs.get(all.alg)!.privateKey);
}

Deno.test("an embedder's token lets its user in as what the grants say", async () => {
  await withEmbedder(async (world) => {
    const { ctx: { rooms }, room } = world;
    const cases = [
      [{}, "member"],
      [{ roomAdmin: true }, "host"],
      [{ canPublish: false, canSubscribe: true }, "listener"],
      [{ roomAdmin: false, canPublish: true }, "member"],
    ] as const;
    for (const [i, [grants, role]] of cases.entries()) {
      const user = await guest(room, `user-${i}`);
      const token = await sign(claimsFor(world, user.jkt, `user-${i}`, grants));
      assert.equal((await rooms.enter(room, user.party, token)).role, role);
    }
    for (const alg of ["ES256", "RS256"]) {
      const user = await guest(room, alg);
      const token = await sign(claimsFor(world, user.jkt, alg), { alg, kid: alg });
      assert.equal((await rooms.enter(room, user.party, token)).role, "member");
    }
    // An account may be let in by its key; it goes by its own name.
    const bob = await account("bob");
    const token = await sign(claimsFor(world, bob.jkt, "user-7"));
    assert.equal((await rooms.enter(room, bob.party, token)).role, "member");
    assert.equal((await rooms.enter(room, bob.party, null)).role, "member");
  });
});

Deno.test("an embedder's token that lacks anything, or is forged in the usual ways, lets nobody in", async () => {
  await withEmbedder(async (world) => {
    const { ctx, room, clock } = world;
    const user = await guest(room, "user");
    const good = claimsFor(world, user.jkt, "user");
    const nowS = Math.floor(clock.nowMs / 1000);
    const enter = (token: string) => ctx.rooms.enter(room, user.party, token);
    const without = (name: string) =>
      Object.fromEntries(Object.entries(good).filter(([claim]) => claim !== name));
    const grants = (change: Record<string, unknown>) => ({
      ...good,
      grants: { room, roomJoin: true, ...change },
    });
    const claims: Record<string, JWTPayload> = {
      ...Object.fromEntries(
        ["iss", "aud", "sub", "iat", "exp", "cnf", "grants"].map((name) => [name, without(name)]),
      ),
      "another issuer": { ...good, iss: "https://evil.example" },
      "our own name": { ...good, iss: ORIGIN },
      "another audience": { ...good, aud: "other.invalid/kt/1" },
      "another user": { ...good, sub: "somebody" },
      "a user's name that is long": { ...good, sub: "u".repeat(128) },
      "a user's name of two lines": { ...good, sub: "a\nb" },
      "a user's name as a number": { ...good, sub: 7 as never },
      "another key": { ...good, cnf: { jkt: (await guest(room)).jkt } },
      "two keys": { ...good, cnf: { jkt: user.jkt, kid: "1" } },
      "two hours": { ...good, exp: nowS + 7_200 },
      "over": { ...good, iat: nowS - 700, exp: nowS - 60 },
      "of the future": { ...good, iat: nowS + 120, exp: nowS + 180 },
      "not yet": { ...good, nbf: nowS + 120 },
      "another room": grants({ room: managedRoomId() }),
      "an open room": grants({ room: openRoomId() }),
      "no room": grants({ room: undefined }),
      "no right to join": grants({ roomJoin: undefined }),
      "almost a right to join": grants({ roomJoin: "true" }),
      "a list of grants": { ...good, grants: [room] },
      "an epoch to come": { ...good, epoch: 2 },
      "an epoch as a text": { ...good, epoch: "1" },
    };
    for (const [what, changed] of Object.entries(claims)) {
      await assert.rejects(enter(await sign(changed)), BAD_TOKEN, what);
    }
    for (
      const header of [
        { typ: "JWT" },
        { typ: "at+jwt" },
        { typ: undefined },
        { alg: "PS256", kid: "PS256" },
        // Another of its keys, and a key that it does not have.
        { kid: "ES256" },
        { kid: "none" },
      ]
    ) {
      await assert.rejects(enter(await sign(good, header)), BAD_TOKEN, JSON.stringify(header));
    }
    const part = (value: unknown) => toBase64Url(utf8(JSON.stringify(value)));
    for (const typ of ["room+jwt", "JWT"]) {
      await assert.rejects(enter(`${part({ alg: "none", typ })}.${part(good)}.`), BAD_TOKEN);
    }
    // The public key as an HMAC's, in every form that somebody may take it in.
    const rsa = pairs.get("RS256")!.publicKey;
    for (const secret of [utf8(await exportSPKI(rsa)), utf8(JSON.stringify(keys.keys[0]))]) {
      for (const kid of ["EdDSA", "RS256"]) {
        const forged = await new SignJWT(good)
          .setProtectedHeader({ alg: "HS256", kid, typ: "room+jwt" }).sign(secret);
        await assert.rejects(enter(forged), BAD_TOKEN);
      }
    }
    const stranger = await generateKeyPair("EdDSA");
    const forged = await new SignJWT(good)
      .setProtectedHeader({ alg: "EdDSA", kid: "EdDSA", typ: "room+jwt" }).sign(
        stranger.privateKey,
      );
    await assert.rejects(enter(forged), BAD_TOKEN);
    assert.equal((await enter(await sign(good))).role, "member");
  });
});

Deno.test("a user who was removed comes back by a token of afterwards alone", async () => {
  await withEmbedder(async (world) => {
    const { ctx: { rooms }, room, clock } = world;
    const user = await guest(room, "user");
    const before = await sign(claimsFor(world, user.jkt, "user"));
    await rooms.enter(room, user.party, before);
    const who = user.party.identity;
    const { epoch } = await rooms.change(room, "alice", { kind: "remove", who, isBan: false });
    // Made within the same second: who can say on which side.
    await assert.rejects(rooms.enter(room, user.party, before), BAD_TOKEN);
    const said = await sign({ ...claimsFor(world, user.jkt, "user"), epoch });
    assert.equal((await rooms.enter(room, user.party, said)).role, "member");
    await rooms.change(room, "alice", { kind: "remove", who, isBan: false });
    clock.nowMs += 1_000;
    await assert.rejects(rooms.enter(room, user.party, before), BAD_TOKEN);
    await assert.rejects(rooms.enter(room, user.party, said), BAD_TOKEN);
    const after = await sign(claimsFor(world, user.jkt, "user"));
    assert.equal((await rooms.enter(room, user.party, after)).role, "member");
    await rooms.change(room, "alice", { kind: "remove", who, isBan: true });
    clock.nowMs += 1_000;
    const late = await sign(claimsFor(world, user.jkt, "user"));
    await assert.rejects(rooms.enter(room, user.party, late), { code: "room_not_found" });
  });
});

Deno.test("of a role that moderation gave and one of a token the newer holds", async () => {
  await withEmbedder(async (world) => {
    const { ctx: { rooms }, room, clock } = world;
    const user = await guest(room, "user");
    const token = await sign(claimsFor(world, user.jkt, "user"));
    await rooms.enter(room, user.party, token);
    await rooms.change(room, "alice", { kind: "role", who: "=user", role: "listener" });
    assert.equal((await rooms.enter(room, user.party, token)).role, "listener");
    clock.nowMs += 1_000;
    const newer = await sign(claimsFor(world, user.jkt, "user", { roomAdmin: true }));
    assert.equal((await rooms.enter(room, user.party, newer)).role, "host");
    assert.equal((await rooms.enter(room, user.party, null)).role, "host");
  });
});

Deno.test("an embedder's token makes a room only where it says so, and 20 for one user at most", async () => {
  await withEmbedder(async ({ ctx: { rooms }, clock }) => {
    const enter = async (room: string, sub: string, grants: Record<string, unknown>) => {
      const user = await guest(room, sub);
      const token = await sign(claimsFor({ clock, room }, user.jkt, sub, grants));
      return await rooms.enter(room, user.party, token);
    };
    const room = managedRoomId();
    await assert.rejects(enter(room, "first", {}), { code: "room_not_found" });
    assert.equal((await enter(room, "first", { roomCreate: true, roomAdmin: true })).role, "host");
    assert.equal((await enter(room, "second", { roomCreate: true })).role, "member");
    assert.equal((await rooms.view(room, "=first")).row.creator, "=first");
    for (let i = 1; i < MAX_ROOMS_PER_CREATOR; i++) {
      await enter(managedRoomId(), "first", { roomCreate: true });
    }
    const more = enter(managedRoomId(), "first", { roomCreate: true });
    await assert.rejects(more, { code: "too_many_open" });
    await assert.rejects(enter(openRoomId(), "third", { roomCreate: true }), {
      code: "room_not_found",
    });
  });
});

Deno.test("a guest signs in by its token and a proof by the very key, each proof once", async () => {
  await withEmbedder(async (world) => {
    const { ctx, room, clock } = world;
    const tokenFor = async ({ party, jkt }: Someone) => {
      const { identity } = party;
      const claims = { identity, room, role: "member", epoch: 1, thumbprint: jkt } as const;
      return (await issueRoomToken(ctx, claims)).token;
    };
    const [guest1, thief] = [await guest(room), await guest(room)];
    const token = await tokenFor(guest1);
    const proofBy = ({ key }: Someone, change: Partial<ProofOptions> = {}) =>
      makeProof(key, {
        method: "GET",
        url: URL_,
        nonce: issueNonce(ctx.keys.nonces, clock.nowMs),
        nowMs: clock.nowMs,
        token,
        ...change,
      });
    const signIn = (token: string, proof: string | null) =>
      authenticateGuest(ctx, { token, proof, method: "GET", url: URL_ });
    const proof = await proofBy(guest1);
    const { party, expiresMs } = await signIn(token, proof);
    assert.deepEqual(party, guest1.party);
    assert.equal(expiresMs, clock.nowMs + ROOM_TOKEN_TTL_MS);
    await assert.rejects(signIn(token, proof), { code: "proof_replayed" });
    await assert.rejects(signIn(token, await proofBy(thief)), BAD_TOKEN);
    await assert.rejects(signIn(token, null), { code: "invalid_proof" });
    const bare = await makeProof(guest1.key, { method: "GET", url: URL_, nowMs: clock.nowMs });
    await assert.rejects(signIn(token, bare), { code: "invalid_proof" });
    const other = await proofBy(guest1, { url: "http://127.0.0.1:9/v1/rooms" });
    await assert.rejects(signIn(token, other), { code: "invalid_proof" });
    // An account's room token signs nobody in: its device has to be a current one.
    const bob = await account("bob");
    const bobs = await tokenFor(bob);
    await assert.rejects(signIn(bobs, await proofBy(bob, { token: bobs })), BAD_TOKEN);
    const user = await guest(room, "user");
    const theirs = await sign(claimsFor(world, user.jkt, "user"));
    assert.deepEqual(
      (await signIn(theirs, await proofBy(user, { token: theirs }))).party,
      user.party,
    );
    clock.nowMs += ROOM_TOKEN_TTL_MS + 1_000;
    await assert.rejects(signIn(token, await proofBy(guest1)), BAD_TOKEN);
  });
});

Deno.test("where no embedder is named its tokens let nobody in, and keys that can't be had are no verdict", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { nowMs: 1_790_000_000_000 };
  const now = () => clock.nowMs;
  const room = managedRoomId();
  const user = await guest(room, "user");
  const token = await sign(claimsFor({ clock, room }, user.jkt, "user", { roomCreate: true }));
  await using plain = await openCore(kv, { now });
  await assert.rejects(plain.rooms.enter(room, user.party, token), BAD_TOKEN);
  using other = await Deno.openKv(":memory:");
  const embedder = { issuer: ISSUER, keys: new URL("http://127.0.0.1:9/keys") };
  await using far = await openCore(other, { now, embedder });
  await assert.rejects(far.rooms.enter(room, user.party, token), { code: "unavailable" });
});

Deno.test("an embedder's settings are given together, and never name the service itself", async () => {
  const read = (settings: RoomSettings) =>
    readEmbedder(settings, ORIGIN, () => Promise.reject(new Error("no file")));
  const jwks = JSON.stringify(keys);
  assert.equal(await read({}), null);
  assert.equal(await read({ jwks: "", issuer: "" }), null);
  assert.deepEqual(await read({ jwks, issuer: ISSUER }), { issuer: ISSUER, keys });
  const url = "https://app.example/keys";
  assert.deepEqual(await read({ jwks: url, issuer: ISSUER }), {
    issuer: ISSUER,
    keys: new URL(url),
  });
  const bad: [RoomSettings, RegExp][] = [
    [{ jwks }, /needed together/],
    [{ issuer: ISSUER }, /needed together/],
    [{ jwks, issuer: ORIGIN }, /the service itself/],
    [{ jwks, issuer: "i".repeat(256) }, /at most 255 bytes/],
    [
      { jwks: "http://app.example/keys", issuer: ISSUER },
      /COUNTERSIGN_ROOMS_JWKS has to be an https/,
    ],
    [{ jwks: "missing.json", issuer: ISSUER }, /file that can't be read/],
    [{ jwks: `{"keys":1}`, issuer: ISSUER }, /JSON Web Key Set/],
  ];
  for (const [settings, sentence] of bad) await assert.rejects(read(settings), sentence);
});
