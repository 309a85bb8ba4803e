/**
 * One side of a call whose session rekeys as often as it is told to: the test carries what both say.
 *
 * @module
 */

import { Rekeying } from "../../../client/rekeying.ts";
import { toHex } from "../../../crypto/bytes.ts";
import {
  type AgreementKeyPair,
  generateAgreementKeyPair,
  parseAgreementKey,
} from "../../../crypto/keys.ts";
import { Secret } from "../../../crypto/secret.ts";
import { Session } from "../../../crypto/session.ts";
import { SessionEpoch } from "../../../crypto/session_epoch.ts";
import { fromHex } from "../../support/hex.ts";
import { type Party, party, type Side, sideOf } from "./party.ts";

/** What a browser counted of what it received, and of the wishes of the other side. */
export interface Disturbance {
  /** Requests for key frames that this side sent, of both kinds. */
  readonly pliSent: number;
  readonly firSent: number;
  /** Those that it was sent. */
  readonly pliReceived: number;
  readonly firReceived: number;
  readonly freezes: number;
  readonly framesDecoded: number;
  readonly audioEnergy: number;
  /** How often the browser wanted a new negotiation since the gate opened. */
  readonly negotiations: number;
}

/** How one side goes. */
export interface RotatingSide extends Side {
  readonly epoch: number;
  readonly disturbance: Disturbance;
}

/** What the page can be asked for, in this order. */
export interface RotatingParty {
  /** Makes the side and its long-term key, and gives the public one. */
  begin(): Promise<string>;
  offer(): Promise<string>;
  answer(offer: string): Promise<string>;
  accept(answer: string): Promise<void>;
  /** Waits for DTLS and opens the gate under a session of these secrets. */
  start(self: 0 | 1, secrets: readonly string[], peer: string): Promise<void>;
  /** Lets this side offer a rekey so often, or no more. */
  rotate(everyMs: number): void;
  /** Takes what the other side said, and gives what there is to say. */
  exchange(boxes: readonly string[]): Promise<readonly string[]>;
  look(): Promise<RotatingSide>;
  end(): void;
}

/** Old keys stay as long as in any call; what is due is looked for more often. */
const PACE = { jitterMs: 0, tickMs: 50, keptMs: 1_000, graceMs: 5_000 };

let side: Party | null = null;
let identity: AgreementKeyPair | null = null;
let session: Session | null = null;
let rekeying: Rekeying | null = null;
let said: string[] = [];
let negotiations = 0;

const rotating: RotatingParty = {
  async begin() {
    side = await party({ codecs: ["opus", "vp8"] });
    identity = await generateAgreementKeyPair();
    return toHex(identity.publicKey);
  },
  offer: () => side!.adapter.createOffer(),
  answer: (offer) => side!.adapter.createAnswer(offer),
  accept: (answer) => side!.adapter.acceptAnswer(answer),
  async start(self, secrets, peer) {
    const [th, ...rest] = secrets.map(fromHex);
    const [root, ckA, ckB, kc, exp] = rest.map((bytes) => new Secret(bytes));
    const own = { th: th!, root: root!, ckA: ckA!, ckB: ckB!, kc: kc!, exp: exp! };
    session = new Session({
      callId: th!.slice(0, 16),
      epoch: new SessionEpoch(1, own, self),
      identities: { self: identity!.privateKey, peer: parseAgreementKey(fromHex(peer)) },
    }, self);
    await side!.adapter.connected();
    await side!.adapter.start(session.keys);
    side!.connection.onnegotiationneeded = () => negotiations++;
  },
  rotate(everyMs) {
    rekeying?.stop();
    rekeying = new Rekeying(session!, (box) => {
      said.push(toHex(box));
      return Promise.resolve();
    }, { ...PACE, everyMs });
    rekeying.start();
  },
  async exchange(boxes) {
    for (const box of boxes) {
      // As a call does it.
      const { reply } = await session!.receive(fromHex(box));
      rekeying?.received();
      if (reply === null) continue;
      await rekeying?.keysStand();
      said.push(toHex(reply));
    }
    const saying = said;
    said = [];
    return saying;
  },
  async look() {
    const disturbance = await disturbanceOf(side!.connection);
    return { ...await sideOf(side!), epoch: session!.epoch, disturbance };
  },
  end() {
    rekeying?.stop();
    side!.adapter.close();
    session!.wipe();
  },
};

async function disturbanceOf(connection: RTCPeerConnection): Promise<Disturbance> {
  const seen = {
    pliSent: 0,
    firSent: 0,
    pliReceived: 0,
    firReceived: 0,
    freezes: 0,
    framesDecoded: 0,
    audioEnergy: 0,
  };
  (await connection.getStats()).forEach((report) => {
    if (report.kind === "audio") return void (seen.audioEnergy += report.totalAudioEnergy ?? 0);
    if (report.type === "inbound-rtp") {
      seen.pliSent += report.pliCount ?? 0;
      seen.firSent += report.firCount ?? 0;
      seen.freezes += report.freezeCount ?? 0;
      seen.framesDecoded += report.framesDecoded;
    } else if (report.type === "outbound-rtp") {
      seen.pliReceived += report.pliCount ?? 0;
      seen.firReceived += report.firCount ?? 0;
    }
  });
  return { ...seen, negotiations };
}

Object.assign(globalThis, rotating);
