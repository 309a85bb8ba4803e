/**
 * One side of a call at a time, whose other side is somewhere else: the test carries what they say.
 *
 * @module
 */

import { type Codec } from "../../../client/adapters/browser.ts";
import { toHex } from "../../../crypto/bytes.ts";
import { type SeenFrame } from "./codec_page.ts";
import { keysOf } from "../../support/call_keys.ts";
import { type Party, party, type Side, sideOf } from "./party.ts";
import { type TappedFrame } from "./tap_worker.ts";

/** What the page can be asked for, in this order. */
export interface RemoteParty {
  /** Makes the side. */
  begin(codecs: readonly Codec[]): Promise<void>;
  /** Its offer. */
  offer(): Promise<string>;
  /** Its answer. */
  answer(offer: string): Promise<string>;
  accept(answer: string): Promise<void>;
  /** Waits for DTLS and opens the gate. */
  start(self: 0 | 1): Promise<void>;
  /** What became of it so far. */
  look(): Promise<Side>;
  /** Ends it, and gives all frames that its transforms saw. */
  end(): Promise<readonly SeenFrame[]>;
}

let side: Party | null = null;
let frames: SeenFrame[] = [];
const channel = new BroadcastChannel("frames");
channel.onmessage = ({ data: { bytes, ...frame } }: MessageEvent<TappedFrame>) => {
  frames.push({ ...frame, hex: toHex(bytes) });
};

const remote: RemoteParty = {
  async begin(codecs) {
    frames = [];
    side = await party({ codecs, worker: "/tap_worker.js" });
  },
  offer: () => own().adapter.createOffer(),
  answer: (offer) => own().adapter.createAnswer(offer),
  accept: (answer) => own().adapter.acceptAnswer(answer),
  async start(self) {
    await own().adapter.connected();
    await own().adapter.start(keysOf("s", self));
  },
  look: () => sideOf(own()),
  end() {
    own().adapter.close();
    return Promise.resolve(frames);
  },
};

function own(): Party {
  if (side === null) throw new Error("bug: nothing has begun");
  return side;
}

Object.assign(globalThis, remote);
