/**
 * Placing a call: look up, verify, seal an offer, ring, take the answer, confirm.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../crypto/base64.ts";
import { type VerifiedBundle } from "../crypto/bundle.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { MAX_TTL_S } from "../crypto/handshake_message.ts";
import { sha256 } from "../crypto/primitives.ts";
import { confirm, finish } from "../crypto/answer.ts";
import { initiate, openRefusal, type PendingOffer } from "../crypto/x3dh.ts";
import { type BundleRequest, bundlesFromWire } from "../wire/directory.ts";
import { bundlePath } from "../wire/paths.ts";
import { payloadFromBytes, payloadToBytes } from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { asClientError, type Call, LiveCall, peerOf } from "./call.ts";
import { ClientError, ofAnswer } from "./error.ts";
import { checkDescription, describe } from "./fingerprint.ts";
import { newRoomId, Room } from "./room.ts";
import { signerOf, type World } from "./world.ts";
import { type Contact } from "./trust.ts";

const ANSWER = 0x12;
const BOX = 0x30;

/**
 * Calls a person. Resolves when the call rings; how it goes on is in the call's states.
 *
 * @throws ClientError before anything of the call was sent: the log, the identity or the prekeys
 * are not what they must be, or the person can't be reached
 */
export async function placeCall(
  world: World,
  label: AccountLabel,
  adapter: MediaAdapter,
): Promise<Call> {
  try {
    const { contact, bundle } = await reach(world, label);
    return await ring(world, contact, bundle, adapter);
  } catch (error) {
    adapter.close();
    throw error;
  }
}

/** Looks the person up and verifies everything that an offer needs. */
async function reach(
  world: World,
  label: AccountLabel,
): Promise<{ contact: Contact; bundle: VerifiedBundle }> {
  if (label === world.account.label) {
    throw new ClientError("self_call", "Nobody calls themselves");
  }
  const { contact, answer } = await world.trust.learn(label, async (from) => {
    const body: BundleRequest = { from };
    const value = await world.http.signed(signerOf(world), "POST", bundlePath(label), body);
    try {
      return bundlesFromWire(value);
    } catch (error) {
      throw ofAnswer(error);
    }
  });
  const [bundle] = answer.bundles;
  if (contact.record.devices.length !== 1 || answer.bundles.length !== 1 || bundle === undefined) {
    throw new ClientError("several_devices", "This person uses several devices");
  }
  return { contact, bundle: await world.trust.verifyBundle(contact, bundle) };
}

async function ring(
  world: World,
  contact: Contact,
  bundle: VerifiedBundle,
  adapter: MediaAdapter,
): Promise<Call> {
  const call = new LiveCall(peerOf(contact, world.account.record), adapter);
  const roomId = newRoomId();
  const caller = new Caller(world, call, adapter);
  const [room, sdp] = await Promise.all([
    Room.join(world.socket(), roomId, {
      onMessage: (message) => caller.receive(message),
      onLeave: () => {},
    }),
    adapter.createOffer(),
  ]);
  call.attach(room);
  const { common, offer, pending } = await initiate(world.account.self, bundle, {
    room: sha256(fromBase64Url(roomId)!),
    nowMs: world.http.now(),
    ttlS: MAX_TTL_S,
    payload: payloadToBytes({ kind: "offer", room: roomId, ...describe(sdp) }),
  });
  caller.await(pending, room);
  call.note("sent", "offer", common.length + offer.length);
  const device = bundle.entry.deviceId;
  try {
    await world.socket().request({
      t: "ring",
      to: contact.record.account.label,
      common: toBase64Url(common),
      offers: [{ device, offer: toBase64Url(offer) }],
    });
  } catch (error) {
    call.fail(asClientError(error));
    throw error;
  }
  call.move("ringing");
  return call;
}

/** The caller while it waits for an answer, and after. */
class Caller {
  readonly #world: World;
  readonly #call: LiveCall;
  readonly #adapter: MediaAdapter;
  #pending: PendingOffer | null = null;
  #room: Room | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(world: World, call: LiveCall, adapter: MediaAdapter) {
    this.#world = world;
    this.#call = call;
    this.#adapter = adapter;
  }

  await(pending: PendingOffer, room: Room): void {
    this.#pending = pending;
    this.#room = room;
    const unanswered = setTimeout(() => {
      if (this.#pending !== null) {
        this.#call.fail(new ClientError("no_answer", "Nobody answered"));
      }
    }, MAX_TTL_S * 1000);
    void this.#call.ended.then(() => clearTimeout(unanswered));
  }

  /** One message at a time; one that is refused is reported and changes nothing. */
  receive(message: Bytes): void {
    this.#queue = this.#queue.then(async () => {
      if (this.#call.state === "ended") return;
      try {
        await this.#take(message);
      } catch (error) {
        this.#world.refused(asClientError(error));
      }
    });
  }

  async #take(message: Bytes): Promise<void> {
    if (this.#pending === null) return await this.#call.receive(message);
    if (message[0] === BOX) return await this.#takeRefusal(this.#pending, message);
    if (message[0] === ANSWER) return await this.#takeAnswer(this.#pending, message);
    throw new ClientError("handshake_refused", "An unexpected message arrived");
  }

  async #takeRefusal(pending: PendingOffer, box: Bytes): Promise<void> {
    const payload = payloadFromBytes(await openRefusal(pending, box));
    this.#call.note("received", "message", box.length);
    this.#pending = null;
    this.#call.endByPeer(payload.kind === "hangup" ? payload.reason : "failed");
  }

  async #takeAnswer(pending: PendingOffer, message: Bytes): Promise<void> {
    const { payload: bytes, unconfirmed } = await finish(pending, message);
    // From here on the answer is authentic: what is wrong with it ends the call.
    this.#pending = null;
    this.#call.note("received", "answer", message.length);
    this.#call.move("connecting");
    try {
      const payload = payloadFromBytes(bytes);
      if (payload.kind !== "answer") throw new ClientError("bad_answer", "Not an answer");
      checkDescription(payload);
      await this.#adapter.acceptAnswer(payload.sdp);
      const { confirm: confirmed, session } = await confirm(
        unconfirmed,
        payloadToBytes({ kind: "ready" }),
      );
      this.#call.note("sent", "confirm", confirmed.length);
      await this.#room!.send(confirmed);
      // Not awaited: messages of the session, a hangup above all, must be taken meanwhile.
      void this.#call.secure(session, payload);
    } catch (error) {
      this.#call.fail(asClientError(error));
    }
  }
}
