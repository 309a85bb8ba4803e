import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { type VerifyingKey } from "../../crypto/keys.ts";
import { sha256 } from "../../crypto/primitives.ts";
import {
  type BoundDevice,
  nextRecord,
  type RecordSigner,
  signRecord,
  verifyNext,
} from "../../crypto/record.ts";
import {
  type AuthMethod,
  formatRecordAuth,
  oidcNonce,
  subjectHash,
} from "../../crypto/record_auth.ts";
import { type OpenContext } from "../../core/context.ts";
import { ServiceError } from "../../core/error.ts";
import { grantedNames, type NamePolicy, oidcNames } from "../../core/name_policy.ts";
import { register, resetName } from "../../core/registration.ts";
import { newDevice, type OwnDevice, self } from "../support/records.ts";
import { openCore, ORIGIN } from "../support/service_core.ts";

const ISSUER = "https://app.example";
const CLIENT = "client-1";

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

/** An issuer with its keys on a port of the loopback interface. */
interface Issuer extends AsyncDisposable {
  readonly url: URL;
  /** How often its keys were fetched. */
  readonly fetches: () => number;
  /** What it answers instead of its keys, or null. */
  broken: Response | null;
  /** A token of it. @param alg of one of its keys */
  sign(claims: JWTPayload, alg?: string, keys?: KeyPair): Promise<string>;
}

async function startIssuer(): Promise<Issuer> {
  const pairs = new Map<string, KeyPair>();
  for (const alg of ["EdDSA", "ES256", "RS256"]) pairs.set(alg, await generateKeyPair(alg));
  const keys = await Promise.all([...pairs].map(async ([alg, { publicKey }]) => {
    return { ...await exportJWK(publicKey), alg, kid: alg, use: "sig" };
  }));
  let count = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    count++;
    return issuer.broken?.clone() ?? Response.json({ keys });
  });
  const issuer: Issuer = {
    url: new URL(`http://127.0.0.1:${server.addr.port}/jwks.json`),
    fetches: () => count,
    broken: null,
    sign: (claims, alg = "EdDSA", pair = pairs.get(alg)!) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid: alg }).sign(pair.privateKey),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return issuer;
}

/** A core under a policy, with a clock to turn. */
interface World {
  readonly ctx: OpenContext;
  readonly issuer: Issuer;
  now: number;
}

async function withPolicy(
  policyOf: (issuer: Issuer) => NamePolicy,
  test: (world: World) => Promise<void>,
): Promise<void> {
  using kv = await Deno.openKv(":memory:");
  await using issuer = await startIssuer();
  const clock = { now: Date.now() };
  await using ctx = await openCore(kv, { now: () => clock.now, names: policyOf(issuer) });
  await test(Object.assign(clock, { ctx, issuer }));
}

const granted = ({ url }: Issuer): NamePolicy => grantedNames({ issuer: ISSUER, keys: url });
const identified = (claim = "email") => ({ url }: Issuer): NamePolicy =>
  oidcNames({ issuer: ISSUER, keys: url, audience: CLIENT, claim });

/** A first record of these devices. */
function genesisOf(
  name: string,
  devices: readonly BoundDevice[],
  signer: RecordSigner,
  auth: Bytes,
  issuedMs: number,
): Promise<Bytes> {
  const account = { origin: ORIGIN, label: parseAccountLabel(name) };
  return signRecord(account, {
    kind: "genesis",
    version: 0,
    issuedMs,
    prev: new Uint8Array(32),
    devices,
    recovery: new Uint8Array(32),
    auth,
    ext: new Uint8Array(0),
  }, [signer]);
}

function authOf(method: AuthMethod, subject: string, issuer = ISSUER): Bytes {
  return formatRecordAuth({ method, issuer, subjectHash: subjectHash(issuer, subject) });
}

function without(claims: JWTPayload, name: string): JWTPayload {
  return Object.fromEntries(Object.entries(claims).filter(([claim]) => claim !== name));
}

/** RFC 7638, by hand. */
function jktOf(key: VerifyingKey): string {
  return toBase64Url(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${toBase64Url(key)}"}`)));
}

function grantFor(now: number, name: string, device: OwnDevice): JWTPayload {
  return {
    iss: ISSUER,
    aud: ORIGIN,
    sub: name,
    exp: Math.floor(now / 1000) + 300,
    jti: crypto.randomUUID(),
    cnf: { jkt: jktOf(device.entry.signing) },
  };
}

function idTokenFor(now: number, email: string, device: OwnDevice): JWTPayload {
  return {
    iss: ISSUER,
    aud: CLIENT,
    sub: "user-42",
    iat: Math.floor(now / 1000),
    exp: Math.floor(now / 1000) + 3_600,
    email,
    email_verified: true,
    nonce: toBase64Url(oidcNonce(device.entry.signing)),
  };
}

function deviceOf(name: string, id = 1): Promise<OwnDevice> {
  return newDevice({ origin: ORIGIN, label: parseAccountLabel(name) }, id);
}

/** Tries to take a name, and says how that went. */
async function take(
  { ctx }: World,
  name: string,
  record: Bytes,
  authorization: string | null,
): Promise<string> {
  try {
    await register(ctx, parseAccountLabel(name), record, null, authorization);
    return "ok";
  } catch (error) {
    assert.ok(error instanceof ServiceError, String(error));
    return error.code;
  }
}

Deno.test("a grant of the application takes the name that it is for, once", async () => {
  await withPolicy(granted, async (world) => {
    for (const [name, alg] of [["alice", "EdDSA"], ["bob", "ES256"]] as const) {
      const device = await deviceOf(name);
      const record = await genesisOf(
        name,
        [device],
        self(device),
        authOf("grant", name),
        world.now,
      );
      const grant = await world.issuer.sign(grantFor(world.now, name, device), alg);
      assert.equal(await take(world, name, record, grant), "ok", alg);
      // The same record again is the same answer, without any authorization.
      assert.equal(await take(world, name, record, null), "ok");
      const other = await genesisOf(
        name,
        [device],
        self(device),
        authOf("grant", name),
        world.now + 1,
      );
      assert.equal(await take(world, name, other, grant), "name_taken");
    }
  });
});

Deno.test("a grant serves once, also where the record that it was for never came to be", async () => {
  await withPolicy(granted, async (world) => {
    const device = await deviceOf("alice");
    const auth = authOf("grant", "alice");
    const record = await genesisOf("alice", [device], self(device), auth, world.now);
    const grant = await world.issuer.sign(grantFor(world.now, "alice", device));
    // What is refused for another reason does not use it up.
    const lie = await genesisOf("alice", [device], self(device), new Uint8Array(0), world.now);
    assert.equal(await take(world, "alice", lie, grant), "bad_record");
    const first = await Promise.all([1, 2].map(() => take(world, "alice", record, grant)));
    assert.ok(first.includes("ok"));
    const jti = JSON.parse(atob(grant.split(".")[1]!)).jti;
    const twin = await deviceOf("bob");
    const again = { ...grantFor(world.now, "bob", twin), jti };
    const bobs = await genesisOf("bob", [twin], self(twin), authOf("grant", "bob"), world.now);
    const reused = await world.issuer.sign(again);
    assert.equal(await take(world, "bob", bobs, reused), "authorization_required");
  });
});

Deno.test("a grant that lacks anything, or is for something else, takes no name", async () => {
  await withPolicy(granted, async (world) => {
    const { issuer } = world;
    const [device, other] = [await deviceOf("alice"), await deviceOf("alice", 2)];
    const good = grantFor(world.now, "alice", device);
    const record = await genesisOf(
      "alice",
      [device],
      self(device),
      authOf("grant", "alice"),
      world.now,
    );
    const seconds = Math.floor(world.now / 1000);
    const required: Record<string, string | null> = {
      "no grant": null,
      "no token at all": "word",
      "no issuer": await issuer.sign(without(good, "iss")),
      "no audience": await issuer.sign(without(good, "aud")),
      "no subject": await issuer.sign(without(good, "sub")),
      "no end": await issuer.sign(without(good, "exp")),
      "no jti": await issuer.sign(without(good, "jti")),
      "an empty jti": await issuer.sign({ ...good, jti: "" }),
      "a jti that is long": await issuer.sign({ ...good, jti: "j".repeat(129) }),
      "another issuer": await issuer.sign({ ...good, iss: "https://evil.example" }),
      "another log": await issuer.sign({ ...good, aud: "other.example/kt/1" }),
      "an end in the past": await issuer.sign({ ...good, exp: seconds - 1 }),
      "a beginning later": await issuer.sign({ ...good, nbf: seconds + 60 }),
      "an end beyond ten minutes": await issuer.sign({ ...good, exp: seconds + 602 }),
      "another key": await issuer.sign(good, "EdDSA", await generateKeyPair("EdDSA")),
      "an algorithm of ID tokens": await issuer.sign(good, "RS256"),
      "a signature of nobody": `${toBase64Url(utf8(`{"alg":"none"}`))}.${
        toBase64Url(utf8(JSON.stringify(good)))
      }.`,
    };
    for (const [what, grant] of Object.entries(required)) {
      assert.equal(await take(world, "alice", record, grant), "authorization_required", what);
    }
    const forbidden: Record<string, JWTPayload> = {
      "another name": { ...good, sub: "bob" },
      "no key": without(good, "cnf"),
      "another device": { ...good, cnf: { jkt: jktOf(other.entry.signing) } },
      "more than a thumbprint": { ...good, cnf: { jkt: jktOf(device.entry.signing), jku: "x" } },
    };
    for (const [what, claims] of Object.entries(forbidden)) {
      const grant = await issuer.sign(claims);
      assert.equal(await take(world, "alice", record, grant), "forbidden", what);
    }
    assert.equal(await take(world, "alice", record, await issuer.sign(good)), "ok");
  });
});

Deno.test("an authorization that was overheard puts nobody else behind the device it is for", async () => {
  await withPolicy(granted, async (world) => {
    const [owner, thief] = [await deviceOf("alice"), await deviceOf("alice", 1)];
    const auth = authOf("grant", "alice");
    const grant = await world.issuer.sign(grantFor(world.now, "alice", owner));
    // The thief copied the owner's entry and binding from somewhere, and signs for itself.
    for (const devices of [[owner, thief], [owner]]) {
      const record = await genesisOf("alice", devices, self(thief), auth, world.now);
      assert.equal(await take(world, "alice", record, grant), "bad_record");
    }
    const alone = await genesisOf("alice", [thief], self(thief), auth, world.now);
    assert.equal(await take(world, "alice", alone, grant), "forbidden");
    const record = await genesisOf("alice", [owner], self(owner), auth, world.now);
    assert.equal(await take(world, "alice", record, grant), "ok");
  });
});

Deno.test("the record says what the grant proves, no more and nothing else", async () => {
  await withPolicy(granted, async (world) => {
    const device = await deviceOf("alice");
    const lies: Record<string, Bytes> = {
      "nothing": new Uint8Array(0),
      "another method": authOf("oidc", "alice"),
      "another subject": authOf("grant", "bob"),
      "another issuer": authOf("grant", "alice", "https://evil.example"),
      "no form": Uint8Array.of(1, 2, 3),
    };
    for (const [what, auth] of Object.entries(lies)) {
      const record = await genesisOf("alice", [device], self(device), auth, world.now);
      const grant = await world.issuer.sign(grantFor(world.now, "alice", device));
      assert.equal(await take(world, "alice", record, grant), "bad_record", what);
    }
  });
});

Deno.test("an ID token takes the name that its claim is, in canonical form", async () => {
  await withPolicy(identified(), async (world) => {
    for (const alg of ["RS256", "ES256", "EdDSA"]) {
      const name = `${alg.toLowerCase()}@mail.example`;
      const device = await deviceOf(name);
      const auth = authOf("oidc", "user-42");
      const record = await genesisOf(name, [device], self(device), auth, world.now);
      const claims = idTokenFor(world.now, `${alg}@Mail.Example`, device);
      const token = await world.issuer.sign(claims, alg);
      assert.equal(await take(world, name, record, token), "ok", alg);
    }
  });
  await withPolicy(identified("preferred_username"), async (world) => {
    const device = await deviceOf("alice");
    const auth = authOf("oidc", "user-42");
    const record = await genesisOf("alice", [device], self(device), auth, world.now);
    const { email: _, email_verified: __, ...rest } = idTokenFor(world.now, "", device);
    const token = await world.issuer.sign({ ...rest, preferred_username: "Alice" });
    assert.equal(await take(world, "alice", record, token), "ok");
  });
});

Deno.test("an ID token that is not verified, not for us, or for another device takes no name", async () => {
  await withPolicy(identified(), async (world) => {
    const { issuer } = world;
    const name = "alice@mail.example";
    const [device, other] = [await deviceOf(name), await deviceOf(name, 2)];
    const good = idTokenFor(world.now, name, device);
    const record = await genesisOf(
      name,
      [device],
      self(device),
      authOf("oidc", "user-42"),
      world.now,
    );
    const required: Record<string, JWTPayload> = {
      "another client": { ...good, aud: "client-2" },
      "another issuer": { ...good, iss: "https://evil.example" },
      "expired": { ...good, exp: Math.floor(world.now / 1000) - 1 },
      "no subject": without(good, "sub"),
      "a long subject": { ...good, sub: "s".repeat(256) },
    };
    for (const [what, claims] of Object.entries(required)) {
      const code = await take(world, name, record, await issuer.sign(claims));
      assert.equal(code, "authorization_required", what);
    }
    const forbidden: Record<string, JWTPayload> = {
      "an address that is not verified": { ...good, email_verified: false },
      "an address that is verified in words": { ...good, email_verified: "true" },
      "an address of which nothing is said": { ...good, email_verified: undefined },
      "another address": { ...good, email: "bob@mail.example" },
      "an address that is no name": { ...good, email: "älice@mail.example" },
      "spaces around it": { ...good, email: `\uFEFF${name}\u00A0` },
      "a space before it": { ...good, email: ` ${name}` },
      "no address": { ...good, email: undefined },
      "another device": { ...good, nonce: toBase64Url(oidcNonce(other.entry.signing)) },
      "no device": { ...good, nonce: undefined },
      "several parties": { ...good, aud: [CLIENT, "client-2"] },
      "another party": { ...good, azp: "client-2" },
    };
    for (const [what, claims] of Object.entries(forbidden)) {
      assert.equal(await take(world, name, record, await issuer.sign(claims)), "forbidden", what);
    }
    const several = await issuer.sign({ ...good, aud: [CLIENT, "client-2"], azp: CLIENT });
    assert.equal(await take(world, name, record, several), "ok");
  });
});

Deno.test("no other person's claim is a name: neither by its letters, nor where it was theirs once", async () => {
  await withPolicy(identified(), async (world) => {
    const { ctx, issuer } = world;
    const name = "kate@mail.example";
    const account = { origin: ORIGIN, label: parseAccountLabel(name) };
    const [device, fresh] = [await deviceOf(name), await deviceOf(name, 2)];
    const auth = authOf("oidc", "user-42");
    const bytes = await genesisOf(name, [device], self(device), auth, world.now);
    // U+212A, KELVIN SIGN, is a "k" in NFC and in lower case; the mailbox is another one.
    const kelvin = { email: "\u212Aate@mail.example", sub: "user-666" };
    const first = idTokenFor(world.now, name, device);
    assert.equal(
      await take(world, name, bytes, await issuer.sign({ ...first, ...kelvin })),
      "forbidden",
    );
    assert.equal(await take(world, name, bytes, await issuer.sign(first)), "ok");
    const record = await verifyNext(account, ctx.keys.operator.publicKey, null, bytes);
    const reset = async (claims: JWTPayload) => {
      const now = authOf("oidc", claims.sub!);
      const change = { kind: "reset", devices: [fresh], issuedMs: world.now, auth: now } as const;
      const half = await signRecord(account, nextRecord(record, change), [self(fresh)]);
      return await resetName(ctx, account.label, half, null, await issuer.sign(claims)).then(
        () => "ok",
        (error: ServiceError) => error.code,
      );
    };
    const good = idTokenFor(world.now, name, fresh);
    assert.equal(await reset({ ...good, ...kelvin }), "forbidden");
    // The address was given up, and somebody else has it now.
    assert.equal(await reset({ ...good, sub: "user-43" }), "forbidden");
    assert.equal(await reset({ ...good, email: "Kate@Mail.example" }), "ok");
  });
});

Deno.test("a reset needs a fresh authorization, of its new device", async () => {
  await withPolicy(granted, async (world) => {
    const { ctx, issuer } = world;
    const label = parseAccountLabel("alice");
    const [device, fresh] = [await deviceOf("alice"), await deviceOf("alice", 2)];
    const auth = authOf("grant", "alice");
    const bytes = await genesisOf("alice", [device], self(device), auth, world.now);
    const first = await issuer.sign(grantFor(world.now, "alice", device));
    assert.equal(await take(world, "alice", bytes, first), "ok");
    const account = { origin: ORIGIN, label };
    const record = await verifyNext(account, ctx.keys.operator.publicKey, null, bytes);
    const change = { kind: "reset", devices: [fresh], issuedMs: world.now } as const;
    const half = await signRecord(account, nextRecord(record, change), [self(fresh)]);
    const reset = async (claims: JWTPayload) =>
      await resetName(ctx, label, half, null, await issuer.sign(claims)).then(
        () => "ok",
        (error: ServiceError) => error.code,
      );
    assert.equal(await reset(grantFor(world.now, "alice", device)), "forbidden");
    const good = grantFor(world.now, "alice", fresh);
    assert.equal(await reset({ ...good, exp: 1 }), "authorization_required");
    assert.equal(await reset(good), "ok");
    assert.deepEqual((await ctx.accounts.record(label))!.auth, auth);
  });
});

Deno.test("the issuer's keys are fetched once for many, and their lack is no verdict", async () => {
  await withPolicy(granted, async (world) => {
    const { issuer } = world;
    const tries = async (name: string) => {
      const device = await deviceOf(name);
      const record = await genesisOf(
        name,
        [device],
        self(device),
        authOf("grant", name),
        world.now,
      );
      return await take(world, name, record, await issuer.sign(grantFor(world.now, name, device)));
    };
    const broken: Record<string, Response> = {
      "an error": new Response("no", { status: 500 }),
      "a redirect": new Response(null, { status: 302, headers: { location: "/jwks.json" } }),
      "no JSON": new Response("{"),
      "a list that is too long": new Response(`{"keys":[],"x":"${"x".repeat(70_000)}"}`),
    };
    for (const [what, response] of Object.entries(broken)) {
      issuer.broken = response;
      assert.equal(await tries("alice"), "unavailable", what);
    }
    issuer.broken = null;
    const before = issuer.fetches();
    assert.deepEqual(await Promise.all(["a1", "a2", "a3"].map(tries)), ["ok", "ok", "ok"]);
    assert.equal(issuer.fetches(), before + 1);
    // A key that nobody knows makes nobody fetch again and again.
    const device = await deviceOf("alice");
    const record = await genesisOf(
      "alice",
      [device],
      self(device),
      authOf("grant", "alice"),
      world.now,
    );
    const strange = await generateKeyPair("EdDSA");
    for (let i = 0; i < 5; i++) {
      const claims = grantFor(world.now, "alice", device);
      const token = await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: `k${i}` })
        .sign(strange.privateKey);
      assert.equal(await take(world, "alice", record, token), "authorization_required");
    }
    assert.equal(issuer.fetches(), before + 1);
  });
});

Deno.test("keys that were given, and not fetched, serve as well", async () => {
  const pair = await generateKeyPair("EdDSA");
  const keys = { keys: [{ ...await exportJWK(pair.publicKey), alg: "EdDSA" }] };
  await withPolicy(() => grantedNames({ issuer: ISSUER, keys }), async (world) => {
    const device = await deviceOf("alice");
    const record = await genesisOf(
      "alice",
      [device],
      self(device),
      authOf("grant", "alice"),
      world.now,
    );
    const claims = grantFor(world.now, "alice", device);
    const grant = await new SignJWT(claims).setProtectedHeader({ alg: "EdDSA" })
      .sign(pair.privateKey);
    assert.equal(await take(world, "alice", record, grant), "ok");
    assert.equal(world.issuer.fetches(), 0);
  });
});
