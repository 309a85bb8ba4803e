/**
 * A caller with a genuine account and a client of their own making.
 *
 * @module
 */

import { describe } from "../../client/fingerprint.ts";
import { Http } from "../../client/http.ts";
import { registerAccount } from "../../client/registration.ts";
import { Room } from "../../client/room.ts";
import { openRoomId } from "../../wire/room_id.ts";
import { Connection } from "../../client/connection.ts";
import { ClientError } from "../../client/error.ts";
import { memoryStore } from "../../client/store.ts";
import { Trust } from "../../client/trust.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { fromBase64Url, toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { encodeOfferHeader } from "../../crypto/handshake_message.ts";
import { generateAgreementKeyPair } from "../../crypto/keys.ts";
import { prekeySetHash } from "../../crypto/prekey.ts";
import { randomBytes, sha256 } from "../../crypto/primitives.ts";
import { initiate } from "../../crypto/x3dh.ts";
import { bundlesFromWire } from "../../wire/directory.ts";
import { bundlePath } from "../../wire/paths.ts";
import { NO_GOSSIP, type Payload, payloadToBytes } from "../../wire/payload.ts";
import { type Stage } from "./stage.ts";
import { weriftPeer } from "./werift.ts";

/** What a rogue seals, and which room its offer names in the clear. */
export interface Rogue {
  readonly payload: (room: string, sdp: string) => Payload | Bytes;
  readonly namedRoom?: (room: string) => Bytes;
  readonly ageMs?: number;
  readonly joins?: boolean;
}

/** What an honest client seals. */
export function honest(room: string, sdp: string): Payload {
  return { kind: "offer", room, replaces: "", ...describe(sdp), ...NO_GOSSIP };
}

/** A signed-in client of one's own making. */
export interface RogueCaller extends AsyncDisposable {
  /** Rings Bob; gives the room where it was joined. */
  ring(attempt: Rogue): Promise<Room | null>;
  /** Rings Bob with an offer that names one of his one-time prekeys and holds noise. */
  ringNoise(opkIndex: number): Promise<void>;
}

/** Registers Mallory and connects. */
export async function rogue(play: Stage): Promise<RogueCaller> {
  const http = new Http(play.liar.url, Date.now);
  const store = memoryStore();
  const trust = await Trust.open(http, store, Date.now, null);
  const label = parseAccountLabel("mallory");
  const account = await registerAccount({ store, http, trust, now: Date.now }, label, "", null);
  const signer = { label, signing: account.self.keys.signing };
  const socket = new Connection({
    origin: http.origin,
    now: Date.now,
    credentials: {
      signing: signer.signing,
      token: () => http.token(signer),
      forget: () => http.forgetToken(),
    },
    onRing: () => {},
    onMail: () => {},
    onFault: () => {},
  });
  await socket.connect(new AbortController().signal);
  const stack = weriftPeer().adapter;
  return {
    async ring({ payload, namedRoom, ageMs = 0, joins = true }) {
      const id = openRoomId();
      const quiet = { onMessage: () => {}, onChange: () => {} };
      const room = joins ? await Room.join(socket, id, quiet) : null;
      const bob = parseAccountLabel("bob");
      const { contact, answer } = await trust.people.learn(
        bob,
        "contact",
        {
          ask: async ({ from }) =>
            bundlesFromWire(await http.signed(signer, "POST", bundlePath(bob), { from })),
          more: () => Promise.reject(new Error("Bob has one record")),
        },
      );
      const bundle = await trust.people.verifyBundle(contact, answer.bundles[0]!);
      const sealed = payload(id, await stack.createOffer());
      const { common, offers: [sealedOffer] } = await initiate(account.self, [bundle], {
        room: namedRoom?.(id) ?? sha256(fromBase64Url(id)!),
        nowMs: Date.now() - ageMs,
        ttlS: 60,
        payload: sealed instanceof Uint8Array ? sealed : payloadToBytes(sealed),
      });
      await socket.request({
        t: "ring",
        to: "bob",
        common: toBase64Url(common),
        devices: [1],
        offers: [{ device: 1, offer: toBase64Url(sealedOffer!.offer) }],
      });
      return room;
    },
    async ringNoise(opkIndex) {
      const bob = parseAccountLabel("bob");
      const answer = bundlesFromWire(await http.signed(signer, "POST", bundlePath(bob), {}));
      const header = encodeOfferHeader({
        common: randomBytes(32),
        deviceB: 1,
        deviceEntryB: randomBytes(32),
        prekeySetB: prekeySetHash(answer.bundles[0]!.set),
        opkIndex,
        ephemeralA: (await generateAgreementKeyPair()).publicKey,
        ct1: randomBytes(1088),
      });
      await socket.request({
        t: "ring",
        to: "bob",
        common: toBase64Url(randomBytes(10)),
        devices: [1],
        offers: [{ device: 1, offer: toBase64Url(concat(header, randomBytes(48))) }],
      });
    },
    [Symbol.asyncDispose]() {
      stack.close();
      socket.end(new ClientError("closed", "The story is over"));
      return Promise.resolve();
    },
  };
}
