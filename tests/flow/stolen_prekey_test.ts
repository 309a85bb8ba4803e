/**
 * A service that holds the prekeys of a device makes it ring in anybody's name, "and that is all".
 *
 * @module
 */

import assert from "node:assert/strict";
import { describe } from "../../client/fingerprint.ts";
import { openRoomId } from "../../wire/room_id.ts";
import { type IncomingCall } from "../../client/ringing.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { remoteDevice } from "../../crypto/bundle.ts";
import { type Bytes, concat, toHex } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { encodeDeviceEntry } from "../../crypto/device_entry.ts";
import { confirmationTag, deriveOfferEpoch } from "../../crypto/epoch.ts";
import { commonHash, encodeCallCommon, encodeOfferHeader } from "../../crypto/handshake_message.ts";
import { generateAgreementKeyPair, generateKemKeyPair } from "../../crypto/keys.ts";
import { labelled } from "../../crypto/labels.ts";
import { decodePrekeySet, prekeySetHash } from "../../crypto/prekey.ts";
import { mlKem768Encapsulate, randomBytes, sha256, x25519 } from "../../crypto/primitives.ts";
import { SendChain } from "../../crypto/ratchet.ts";
import { NO_GOSSIP, payloadToBytes } from "../../wire/payload.ts";
import { openCore } from "../support/service_core.ts";
import { type Stage, stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { eventually } from "../support/werift.ts";

/** An offer to Alice in Bob's name, by whoever has her private prekeys and no key of Bob's. */
async function forge(play: Stage, replaces: string): Promise<{ room: string; frame: object }> {
  await using core = await openCore(play.kv);
  const [record, records] = await Promise.all(
    ["bob", "alice"].map((name) => core.accounts.record(parseAccountLabel(name))),
  );
  const [bob, alice] = [remoteDevice(record!, 1), remoteDevice(records!, 1)];
  const [{ hash }] = await play.storeOf("alice", "prekeys") as unknown as [{ hash: string }];
  const stolen = await play.storeOf("alice", `prekeys/${hash}`) as unknown as {
    readonly set: Bytes;
    readonly spk: CryptoKey;
  };
  const set = decodePrekeySet(stolen.set);
  const [ephemeral, kem] = [await generateAgreementKeyPair(), await generateKemKeyPair()];
  const { ciphertext: ct1, shared } = await mlKem768Encapsulate(set.kpk);
  const room = openRoomId();
  let common: Bytes;
  // The lower call survives: whoever makes one tries until it is low.
  do {
    common = encodeCallCommon({
      callId: randomBytes(16),
      sentMs: Date.now(),
      ttlS: 60,
      room: sha256(fromBase64Url(room)!),
      deviceEntryA: bob.entryHash,
      recordA: bob.recordHash,
      recordB: alice.recordHash,
      kemA: kem.publicKey,
    });
  } while (!toHex(commonHash(common)).startsWith("000"));
  const header = encodeOfferHeader({
    common: commonHash(common),
    deviceB: 1,
    deviceEntryB: alice.entryHash,
    prekeySetB: prekeySetHash(stolen.set),
    opkIndex: null,
    ephemeralA: ephemeral.publicKey,
    ct1,
  });
  const entries = new Writer()
    .v16(encodeDeviceEntry(bob.entry)).v16(encodeDeviceEntry(alice.entry)).bytes();
  const nobody = new Uint8Array(32);
  const th0 = sha256(labelled("offer", common, header, entries, stolen.set, nobody));
  const epoch0 = deriveOfferEpoch(th0, [
    await x25519(stolen.spk, bob.entry.identity),
    await x25519(ephemeral.privateKey, alice.entry.identity),
    await x25519(ephemeral.privateKey, set.spk),
    shared,
  ]);
  const tag = confirmationTag(epoch0, "offer-confirm");
  const sdp = await new TestStack().createOffer();
  const payload = payloadToBytes({ kind: "offer", room, replaces, ...describe(sdp), ...NO_GOSSIP });
  const box = await new SendChain(0, th0, epoch0.ckA).seal(payload);
  const offer = toBase64Url(concat(header, tag, box));
  return {
    room,
    frame: {
      t: "ring",
      id: "forged",
      seq: 9,
      from: "bob",
      device: 1,
      common: toBase64Url(common),
      offer,
    },
  };
}

Deno.test("with stolen prekeys nobody ends a call that rings, nor has one answered unasked", async () => {
  await using play = await stage();
  const rung: IncomingCall[] = [];
  const done = new AbortController();
  void (async () => {
    for await (const incoming of play.alice.incoming(done.signal)) rung.push(incoming);
  })();
  const call = await play.alice.call("bob", new TestStack());
  await play.nextRing();
  const { room, frame } = await forge(play, "");
  // The service says that Bob is in the forger's room.
  const forger = {
    mid: "forger",
    account: "bob",
    device: 1,
    guest: null,
    role: "member",
    away: false,
    meta: null,
  };
  play.liar.frameLie = (direction, each) =>
    direction === "down" && each.t === "joined" && each.room === room
      ? [{ ...each, members: [forger] }]
      : [each];
  play.liar.inject(frame as { t: string });
  await eventually(() => rung.length === 1);
  done.abort();
  // Nothing was confirmed: Alice's own call rings on, and nobody was asked nothing.
  assert.equal(call.state, "ringing");
});
