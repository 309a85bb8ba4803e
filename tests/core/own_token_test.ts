import { equal } from "node:assert/strict";
import { issueOwnToken, openOwnToken } from "../../core/own_token.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { ed25519Sign } from "../../crypto/primitives.ts";
import { openCore, ORIGIN } from "../support/service_core.ts";

Deno.test("a token of ours has one header, and is for one service and a time", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv, { now: () => 1_000_000 });
  const sign = async (header: object, claims: object) => {
    const text = [header, claims].map((part) => toBase64Url(utf8(JSON.stringify(part)))).join(".");
    return `${text}.${toBase64Url(await ed25519Sign(ctx.keys.tokens.privateKey, utf8(text)))}`;
  };
  const open = async (header: object, claims: object) =>
    (await openOwnToken(ctx, await sign(header, claims), "at+jwt"))?.sub;
  const header = { typ: "at+jwt", alg: "EdDSA" };
  const claims = { iss: ORIGIN, aud: ORIGIN, sub: "alice", exp: 1_001 };
  equal(await open(header, claims), "alice");
  equal(await open({ typ: "other+jwt", alg: "EdDSA" }, claims), undefined);
  equal(await open({ alg: "EdDSA", typ: "at+jwt" }, claims), undefined);
  equal(await open({ ...header, kid: "1" }, claims), undefined);
  equal(await open(header, { ...claims, iss: "other.invalid/kt/1" }), undefined);
  equal(await open(header, { ...claims, aud: "other.invalid/kt/1" }), undefined);
  equal(await open(header, { ...claims, exp: 1_000 }), undefined);
  const token = await sign(header, claims);
  for (
    const text of ["", ".", "..", "...", `${token}.`, `${token}=`, token.slice(0, -1), "é.é.é"]
  ) {
    equal(await openOwnToken(ctx, text, "at+jwt"), null, text);
  }
});

Deno.test("a token that is known here is still for one type, one service, and a time", async () => {
  using kv = await Deno.openKv(":memory:");
  const clock = { ms: 1_000_000 };
  await using ctx = await openCore(kv, { now: () => clock.ms });
  const claims = { sub: "alice", device: 1 };
  const { token, expiresInSeconds } = await issueOwnToken(ctx, "at+jwt", claims, 60_000);
  equal(expiresInSeconds, 60);
  for (let times = 0; times < 2; times++) {
    equal((await openOwnToken(ctx, token, "at+jwt"))?.device, 1);
    equal(await openOwnToken(ctx, token, "room+jwt"), null);
    equal(await openOwnToken({ ...ctx, origin: "other.invalid/kt/1" }, token, "at+jwt"), null);
    const other = token.at(-10) === "A" ? "B" : "A";
    const forged = `${token.slice(0, -10)}${other}${token.slice(-9)}`;
    equal(await openOwnToken(ctx, forged, "at+jwt"), null);
  }
  // Another process of the service has never seen it.
  await using other = await openCore(kv, { now: () => clock.ms });
  equal((await openOwnToken(other, token, "at+jwt"))?.sub, "alice");
  clock.ms += 59_999;
  equal((await openOwnToken(ctx, token, "at+jwt"))?.sub, "alice");
  clock.ms += 1;
  equal(await openOwnToken(ctx, token, "at+jwt"), null);
  equal(await openOwnToken(other, token, "at+jwt"), null);
});
