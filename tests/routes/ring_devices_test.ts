/**
 * Ringing an account with several devices, frame by frame.
 *
 * @module
 */

import { deepEqual, equal } from "node:assert/strict";
import { RING_RATES } from "../../core/pair_rate.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { RING_BURST_PER_PAIR } from "../../wire/limits.ts";
import { PROBLEM_STATUS } from "../../wire/problem.ts";
import { registered, sendJson } from "../support/dpop.ts";
import {
  asVerified,
  follow,
  newDevice,
  type OwnDevice,
  previous,
  self,
  verifyGenesis,
} from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { type TestAccount } from "../support/service_core.ts";
import { online, type TestSocket } from "../support/socket.ts";

/** Alice with one device, and Bob with a laptop, device 1, and a phone, device 2. */
interface Household {
  readonly alice: TestSocket;
  readonly bob: TestAccount;
  readonly bobsPhone: TestAccount;
  /** The laptop makes these Bob's devices. */
  change(...devices: readonly OwnDevice[]): Promise<void>;
  readonly laptop: OwnDevice;
  readonly phone: OwnDevice;
}

async function aHousehold(service: TestService): Promise<Household> {
  const [alice, bob] = [await registered(service, "alice"), await registered(service, "bob")];
  let record = await verifyGenesis(bob.id, bob.record);
  const laptop = { ...record.devices[0]!, keys: bob.keys };
  const phone = await newDevice(bob.id, 2);
  const change = async (...devices: readonly OwnDevice[]): Promise<void> => {
    const update = await follow(record, "update", devices, [self(laptop), previous(laptop)], {
      issuedMs: service.now(),
    });
    const body = { record: toBase64Url(update) };
    const response = await sendJson(service, "PUT", "/v1/directory/bob", body);
    equal(response.status, 200, await response.text());
    record = asVerified(bob.id, update);
  };
  await change(laptop, phone);
  const bobsPhone = { ...bob, keys: phone.keys };
  return { alice: await online(service, alice), bob, bobsPhone, change, laptop, phone };
}

const CALL = { t: "ring", to: "bob", common: "AAAA" } as const;

function ring(
  socket: TestSocket,
  id: string,
  offered: readonly number[],
  common = "AAAA",
  devices: readonly number[] = [1, 2],
): void {
  const offers = offered.map((device) => ({ device, offer: toBase64Url(Uint8Array.of(device)) }));
  socket.send({ ...CALL, id, common, devices, offers });
}

Deno.test("offers may be for some of the devices that the ring names, each once, and for no others", async () => {
  await using service = await startService();
  const { alice, bob, bobsPhone } = await aHousehold(service);
  const [laptop, phone] = [await online(service, bob), await online(service, bobsPhone)];
  const cases: [readonly number[], string][] = [
    [[1], "relayed"],
    [[2], "relayed"],
    [[2, 1], "relayed"],
    [[3], "extra_devices"],
    [[1, 2, 3], "extra_devices"],
    [[1, 1], "extra_devices"],
  ];
  for (const [i, [devices, outcome]] of cases.entries()) {
    ring(alice, `r${i}`, devices);
    if (outcome === "relayed") equal((await alice.next("ack")).status, outcome);
    else equal((await alice.next("error")).code, outcome);
  }
  const rungs = async (socket: TestSocket, count: number) => {
    const offers: string[] = [];
    for (let i = 0; i < count; i++) offers.push((await socket.next("ring")).offer);
    return offers;
  };
  // Each device hears its own offer, and nobody else's.
  deepEqual(await rungs(laptop, 2), ["AQ", "AQ"]);
  deepEqual(await rungs(phone, 2), ["Ag", "Ag"]);
  for (const socket of [laptop, phone]) {
    socket.send({ t: "ping" });
    await socket.next("pong");
  }
});

Deno.test("a ring names exactly the current devices: a missing, an extra and a stale one are told apart", async () => {
  await using service = await startService();
  const household = await aHousehold(service);
  const { alice, bob } = household;
  const laptop = await online(service, bob);
  const refused: [readonly number[], string][] = [
    [[1], "missing_devices"],
    [[1, 2, 3], "extra_devices"],
    [[0, 1, 2], "extra_devices"],
    [[1, 3], "extra_devices"],
    [[1, 1, 2], "extra_devices"],
    [[1, 2, 2 ** 52], "extra_devices"],
  ];
  let id = 0;
  const codeOf = async (devices: readonly number[], offered: readonly number[]) => {
    ring(alice, `r${id++}`, offered, "AAAA", devices);
    return (await alice.next("error")).code;
  };
  for (const [devices, code] of refused) {
    equal(await codeOf(devices, [1]), code, JSON.stringify(devices));
  }
  const statuses = ["missing_devices", "extra_devices", "stale_devices"] as const;
  deepEqual(statuses.map((code) => PROBLEM_STATUS[code]), [409, 409, 410]);
  // The phone is removed, and a tablet comes: whoever rings by the list of before rings nobody.
  await household.change(household.laptop);
  equal(await codeOf([1, 2], [1]), "stale_devices");
  equal(await codeOf([1, 3], [1]), "stale_devices", "a number that may have been given");
  equal(await codeOf([1, 4], [1]), "extra_devices");
  const tablet = await newDevice(bob.id, 4);
  await household.change(household.laptop, tablet);
  equal(await codeOf([1], [1]), "missing_devices");
  equal(await codeOf([1, 2, 4], [1]), "stale_devices", "what is gone counts before what is new");
  equal(await codeOf([1, 2], [1, 2]), "stale_devices");
  ring(alice, "last", [1], "AAAA", [4, 1]);
  equal((await alice.next("ack")).status, "relayed");
  equal((await laptop.next("ring")).id, "last");
  laptop.send({ t: "ping" });
  await laptop.next("pong");
});

Deno.test("a device that is not connected is told of by its own frame, and the other one rings", async () => {
  await using service = await startService();
  const { alice, bobsPhone } = await aHousehold(service);
  const phone = await online(service, bobsPhone);
  ring(alice, "r1", [1]);
  equal((await alice.next("error")).code, "offline");
  ring(alice, "r2", [2]);
  equal((await alice.next("ack")).status, "relayed");
  ring(alice, "r3", [1, 2], "BBBB");
  equal((await alice.next("ack")).status, "partial");
  equal((await phone.next("ring")).id, "r2");
  equal((await phone.next("ring")).id, "r3");
});

Deno.test("a call that rings device after device is one ring; a device that rings again is another", async () => {
  await using service = await startService({ rings: RING_RATES });
  const { alice, bob, bobsPhone } = await aHousehold(service);
  const [laptop, phone] = [await online(service, bob), await online(service, bobsPhone)];
  let taken = 0;
  // Twice as many frames as there may be rings: every other one goes on with its call.
  for (; taken < RING_BURST_PER_PAIR; taken++) {
    for (const device of [1, 2]) {
      ring(alice, `r${taken}-${device}`, [device], toBase64Url(Uint8Array.of(taken)));
      equal((await alice.next("ack")).status, "relayed");
    }
  }
  // The same call for the same device, another call, and an earlier call once more.
  const last = toBase64Url(Uint8Array.of(taken - 1));
  for (const [id, common] of [["a", last], ["b", "BBBB"], ["c", toBase64Url(Uint8Array.of(0))]]) {
    ring(alice, id!, [2], common);
    equal((await alice.next("error")).code, "rate_limited");
  }
  for (const socket of [laptop, phone]) {
    for (let i = 0; i < RING_BURST_PER_PAIR; i++) await socket.next("ring");
    socket.send({ t: "ping" });
    await socket.next("pong");
  }
});
