import { deepEqual, equal } from "node:assert/strict";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type VerifiedRecord, verifyNext } from "../../crypto/record.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { type NamePolicy } from "../../core/name_policy.ts";
import { ServiceError } from "../../core/error.ts";
import { SOCKET_TIMING } from "../../routes/sockets.ts";
import { CLOSE } from "../../wire/close.ts";
import { PROBLEM_STATUS, type ProblemCode } from "../../wire/problem.ts";
import { credentials, registered, sendJson, tokenOf } from "../support/dpop.ts";
import {
  follow,
  newDevice,
  type OwnDevice,
  previous,
  self,
  verifyGenesis,
} from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, ORIGIN, type TestAccount, testSecret } from "../support/service_core.ts";
import { online } from "../support/socket.ts";

/** Believes whoever says the word, and tells the three refusals apart. */
const WORD: NamePolicy = {
  kind: "grant",
  authorize: ({ authorization }) => said(authorization),
  recognize: ({ authorization }) => said(authorization),
};

function said(authorization: string | null): Promise<void> {
  if (authorization === "word") return Promise.resolve();
  const code = authorization === null ? "authorization_required" : "forbidden";
  return Promise.reject(new ServiceError(code, "Say the word"));
}

async function codeOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return "ok";
  const { code, status } = JSON.parse(text);
  deepEqual([status, response.status], [PROBLEM_STATUS[code as ProblemCode], status]);
  return code;
}

async function put(
  service: TestService,
  { account }: Pick<VerifiedRecord, "account">,
  record: Bytes,
  more: Record<string, unknown> = {},
): Promise<string> {
  const body = { record: toBase64Url(record), ...more };
  return await codeOf(await sendJson(service, "PUT", `/v1/directory/${account.label}`, body));
}

async function askReset(
  service: TestService,
  label: string,
  record: Bytes,
  more: Record<string, unknown> = {},
): Promise<string> {
  const body = { record: toBase64Url(record), ...more };
  return await codeOf(await sendJson(service, "POST", `/v1/directory/${label}/reset`, body));
}

/** A person's record as the log has it, and the device that stands in it. */
async function standing(who: TestAccount): Promise<{ record: VerifiedRecord; device: OwnDevice }> {
  const record = await verifyGenesis(who.id, who.record);
  return { record, device: { ...record.devices[0]!, keys: who.keys } };
}

/** The person's phone, device 2, as somebody who signs in. */
async function phoneOf(who: TestAccount): Promise<{ device: OwnDevice; person: TestAccount }> {
  const device = await newDevice(who.id, 2);
  return { device, person: { ...who, keys: device.keys } };
}

Deno.test("an update is taken without sign-in, once, and in its place", async () => {
  await using service = await startService();
  const alice = await registered(service, "alice");
  const { record, device } = await standing(alice);
  const phone = await phoneOf(alice);
  const both = [self(device), previous(device)];
  const devices = [device, phone.device];
  const update = await follow(record, "update", devices, both, { issuedMs: service.now() });
  equal(await put(service, record, update), "ok");
  equal(await put(service, record, update), "ok");
  const fork = await follow(record, "update", [device], both, { issuedMs: service.now() });
  equal(await put(service, record, fork), "record_conflict");
  const genesis = (await newAccount("alice", { issuedMs: service.now() })).record;
  equal(await put(service, record, genesis), "name_taken");
  await tokenOf(service, phone.person);
});

Deno.test("a removed device rings nobody, signs nothing, and its socket is ended", async () => {
  const timing = { ...SOCKET_TIMING, tickMs: 10, deviceCheckMs: 3_600_000 };
  await using service = await startService({ timing });
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  using callee = await online(service, bob);
  using socket = await online(service, alice);
  const token = await tokenOf(service, alice);
  const { record, device } = await standing(alice);
  const phone = await phoneOf(alice);
  const signers = [self(phone.device), previous(device)];
  const offers = [{ device: 1, offer: "AAAA" }];
  const ring = (id: string) =>
    ({ t: "ring", id, to: "bob", common: "AAAA", devices: [1], offers }) as const;
  socket.send(ring("before"));
  equal((await callee.next("ring")).from, "alice");
  await socket.next("ack");
  const moved = await follow(record, "update", [phone.device], signers, {
    issuedMs: service.now(),
  });
  equal(await put(service, record, moved), "ok");
  socket.send(ring("after"));
  equal((await socket.next("error")).code, "unknown_device");
  deepEqual(callee.waiting, []);
  const path = "/v1/directory/bob/proof";
  const headers = await credentials(service, alice, token, "GET", path);
  equal(await codeOf(await fetch(service.url + path, { headers })), "unknown_device");
  using other = await online(service, phone.person);
  other.send(ring("phone"));
  equal((await callee.next("ring")).device, 2);
});

Deno.test("the live socket of a removed device is ended for good, and no other", async () => {
  const timing = { ...SOCKET_TIMING, tickMs: 10, deviceCheckMs: 20 };
  await using service = await startService({ timing });
  const alice = await registered(service, "alice");
  const { record, device } = await standing(alice);
  const phone = await phoneOf(alice);
  const both = [self(device), previous(device)];
  const devices = [device, phone.device];
  const added = await follow(record, "update", devices, both, { issuedMs: service.now() });
  equal(await put(service, record, added), "ok");
  using old = await online(service, alice);
  using kept = await online(service, phone.person);
  const keys = await deriveServiceKeys(testSecret(), ORIGIN);
  const before = await verifyNext(alice.id, keys.operator.publicKey, record, added);
  const alone = [self(phone.device), previous(phone.device)];
  const removed = await follow(before, "update", [phone.device], alone, {
    issuedMs: service.now(),
  });
  equal(await put(service, record, removed), "ok");
  equal((await old.next("error")).code, "unknown_device");
  await old.next("bye");
  equal(await old.ended, CLOSE.revoked);
  kept.send({ t: "ping" });
  await kept.next("pong");
});

Deno.test("a name is taken and reset with an authorization in the body, and nowhere else", async () => {
  await using service = await startService({ names: WORD });
  const alice = await newAccount("alice", { issuedMs: service.now() });
  const { record } = await standing(alice);
  const word = { authorization: "word" };
  equal(await put(service, record, alice.record), "authorization_required");
  equal(await put(service, record, alice.record, { authorization: "guess" }), "forbidden");
  for (const authorization of ["", "two words", "a".repeat(8_193), null, 1]) {
    equal(await put(service, record, alice.record, { authorization }), "malformed");
  }
  const body = { record: toBase64Url(alice.record) };
  const inUrl = await sendJson(service, "PUT", "/v1/directory/alice?authorization=word", body);
  equal(await codeOf(inUrl), "malformed");
  equal(await put(service, record, alice.record, word), "ok");
  // What is repeated needs no word; what follows by signatures alone neither.
  equal(await put(service, record, alice.record), "ok");
  const fresh = await newDevice(alice.id, 2);
  const half = await follow(record, "reset", [fresh], [self(fresh)], { issuedMs: service.now() });
  equal(await askReset(service, "alice", half), "authorization_required");
  equal(await askReset(service, "alice", half, { authorization: "guess" }), "forbidden");
  equal(await askReset(service, "alice", alice.record, word), "bad_record");
  equal(await askReset(service, "alice", half.slice(1), word), "bad_record");
  equal(await askReset(service, "bob", half, word), "record_conflict");
  equal(await askReset(service, "alice", half, word), "ok");
  equal(await askReset(service, "alice", half), "ok");
  const person: TestAccount = { ...alice, keys: fresh.keys };
  await tokenOf(service, person);
});

Deno.test("a reset waits 72 hours, is cancelled, and a name ends", async () => {
  await using service = await startService({ names: WORD });
  const keys = await deriveServiceKeys(testSecret(), ORIGIN);
  const alice = await newAccount("alice", { issuedMs: service.now() });
  const { record, device } = await standing(alice);
  const word = { authorization: "word" };
  equal(await put(service, record, alice.record, word), "ok");
  const thief = await newDevice(alice.id, 2);
  const operator = { role: "operator", signing: keys.operator } as const;
  const at = { issuedMs: service.now() };
  const half = await follow(record, "reset", [thief], [self(thief)], at);
  const whole = await follow(record, "reset", [thief], [self(thief), operator], at);
  equal(await askReset(service, "alice", half, word), "ok");
  const reset = await verifyNext(alice.id, keys.operator.publicKey, record, whole);
  const theirs = [self(thief), previous(thief)];
  const buried = await follow(reset, "update", [thief], theirs, at);
  equal(await put(service, record, buried), "reset_pending");
  const cancel = await follow(reset, "cancel", [device], [self(device), previous(device)], at);
  equal(await put(service, record, cancel), "ok");
  await tokenOf(service, alice);
  const back = await verifyNext(alice.id, keys.operator.publicKey, reset, cancel);
  const end = await follow(back, "retire", [], [previous(device)], at);
  equal(await put(service, record, end), "ok");
  equal(await put(service, record, end), "ok");
  const again = (await newAccount("alice", { issuedMs: service.now() })).record;
  equal(await put(service, record, again, word), "name_retired");
  equal(await askReset(service, "alice", half, word), "name_retired");
});

Deno.test("the service says who may take a name, and where names are open none is reset", async () => {
  await using granted = await startService({ names: WORD });
  await using open = await startService();
  for (const [service, policy] of [[granted, "grant"], [open, "open"]] as const) {
    const response = await fetch(`${service.url}/.well-known/countersign`);
    equal((await response.json()).policy, policy);
  }
  const alice = await registered(open, "alice");
  const { record } = await standing(alice);
  const fresh = await newDevice(alice.id, 2);
  const half = await follow(record, "reset", [fresh], [self(fresh)], { issuedMs: open.now() });
  equal(await askReset(open, "alice", half, { authorization: "word" }), "forbidden");
});
