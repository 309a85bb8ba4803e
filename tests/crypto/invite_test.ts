import assert from "node:assert/strict";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import {
  anotherInvite,
  inviteKey,
  inviteLink,
  type InviteWord,
  isInvited,
  newInvite,
  openMeta,
  parseInvite,
  roomKeys,
  sealMeta,
  signInvite,
} from "../../crypto/invite.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { MAX_META_BYTES } from "../../wire/limits.ts";

const PAGE = "https://app.example/meet";
const room = randomBytes(16);

Deno.test("a link gives back what it was made of, with a service or without", () => {
  for (const service of [null, "https://calls.example", "http://127.0.0.1:8787"]) {
    const invite = newInvite(room, service);
    const link = inviteLink(`${PAGE}#old`, invite);
    assert.ok(link.startsWith(`${PAGE}#`));
    // All of it stands behind the `#`, which no browser sends.
    assert.equal(new URL(link).pathname + new URL(link).search, "/meet");
    for (const text of [link, ` ${link}\n`, link.split("#")[1]!]) {
      const parsed = parseInvite(text);
      assert.deepEqual(parsed.room, room);
      assert.deepEqual(parsed.secret.expose(), invite.secret.expose());
      assert.deepEqual(parsed.seed.expose(), invite.seed.expose());
      assert.equal(parsed.service, service);
    }
  }
});

Deno.test("what is no link, or names no plain service, is no invite", () => {
  const good = fromBase64Url(inviteLink(PAGE, newInvite(room)).split("#")[1]!)!;
  const withService = (text: string) =>
    concat(good.slice(0, -1), Uint8Array.of(utf8(text).length), utf8(text));
  const bad = [
    good.slice(0, -1),
    concat(good, Uint8Array.of(0)),
    concat(Uint8Array.of(2), good.slice(1)),
    new Uint8Array(0),
    withService("https://calls.example/"),
    withService("https://calls.example/path"),
    withService("https://me@calls.example"),
    withService("javascript:alert(1)"),
    withService("calls.example"),
    concat(good.slice(0, -1), Uint8Array.of(1, 0xff)),
  ];
  for (const bytes of bad) {
    assert.throws(() => parseInvite(toBase64Url(bytes)), { code: "malformed" }, toHex(bytes));
  }
  assert.doesNotThrow(() => parseInvite(toBase64Url(withService("https://calls.example"))));
  for (const text of ["", "#", PAGE, `${PAGE}#=`, `${inviteLink(PAGE, newInvite(room))}A`]) {
    assert.throws(() => parseInvite(text), { code: "malformed" }, text);
  }
});

Deno.test("the invites of a room share its keys, and each has a signing key of its own", async () => {
  const first = newInvite(room);
  const second = anotherInvite(first);
  assert.deepEqual(roomKeys(first).psk.expose(), roomKeys(second).psk.expose());
  assert.deepEqual(roomKeys(first).meta.expose(), roomKeys(second).meta.expose());
  const texts = [
    roomKeys(first).psk.expose(),
    roomKeys(first).meta.expose(),
    (await inviteKey(first)).publicKey,
    (await inviteKey(second)).publicKey,
    // The same secret in another room is another secret.
    roomKeys({ ...first, room: randomBytes(16) }).psk.expose(),
    (await inviteKey({ ...first, room: randomBytes(16) })).publicKey,
  ].map(toHex);
  assert.equal(new Set(texts).size, texts.length);
  assert.deepEqual((await inviteKey(first)).publicKey, (await inviteKey(first)).publicKey);
});

Deno.test("an invite's word is for one key, one room, one service and one time", async () => {
  const key = await inviteKey(newInvite(room));
  const word: InviteWord = { origin: "a/kt/1", room, thumbprint: randomBytes(32), tsMs: 5 };
  const signature = await signInvite(key, word);
  assert.equal(await isInvited(key.publicKey, word, signature), true);
  const others: Partial<InviteWord>[] = [
    { origin: "b/kt/1" },
    { room: randomBytes(16) },
    { thumbprint: randomBytes(32) },
    { tsMs: 6 },
  ];
  for (const other of others) {
    assert.equal(await isInvited(key.publicKey, { ...word, ...other }, signature), false);
  }
  const stranger = await inviteKey(newInvite(room));
  assert.equal(await isInvited(stranger.publicKey, word, signature), false);
});

Deno.test("metadata opens for members alone, as what it was sealed, and tells no length", async () => {
  const keys = roomKeys(newInvite(room));
  const sealed = await sealMeta(keys, "room", utf8("a name"));
  assert.deepEqual(await openMeta(keys, "room", sealed), utf8("a name"));
  const long = await sealMeta(keys, "room", randomBytes(511));
  assert.equal(long.length, sealed.length);
  assert.ok(long.length <= MAX_META_BYTES);
  await assert.rejects(sealMeta(keys, "room", randomBytes(512)), { code: "malformed" });
  const bad = { code: "bad_message" };
  await assert.rejects(openMeta(keys, "member", sealed), bad);
  await assert.rejects(openMeta(roomKeys(newInvite(room)), "room", sealed), bad);
  await assert.rejects(openMeta({ ...keys, room: randomBytes(16) }, "room", sealed), bad);
  await assert.rejects(openMeta(keys, "room", new Uint8Array(5)), bad);
  sealed[20]! ^= 1;
  await assert.rejects(openMeta(keys, "room", sealed), bad);
});
