/**
 * Chains and padding of `sealed.json`: sealed again, and opened in the order of their delivery.
 *
 * @module
 */

import { toHex } from "../../crypto/bytes.ts";
import { pad, unpad } from "../../crypto/padding.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { ReceiveChain, SendChain } from "../../crypto/ratchet.ts";
import { Secret } from "../../crypto/secret.ts";
import { fromHex } from "../support/hex.ts";
import { type Tally } from "./tally.ts";

/** `sealed.json`. */
export interface SealedVectors {
  readonly chains: readonly ChainVector[];
  readonly padding: readonly {
    readonly payload_length: number;
    readonly payload_byte: number;
    readonly padded_length: number;
    readonly padded_sha256: string;
  }[];
  readonly not_padded: readonly string[];
}

interface ChainVector {
  readonly name: string;
  readonly epoch: number;
  readonly th: string;
  readonly chain_key: string;
  readonly messages: readonly {
    readonly n: number;
    readonly payload: string;
    readonly box: string;
  }[];
  readonly delivered: readonly { readonly n: number; readonly opens: boolean }[];
}

/** Checks chains and padding. */
export async function checkSealed(vectors: SealedVectors, tally: Tally): Promise<void> {
  for (const chain of vectors.chains) {
    await tally.check(`chain, ${chain.name}`, (at) => checkSending(chain, tally, at));
    await tally.check(`chain, ${chain.name}`, (at) => checkReceiving(chain, tally, at));
  }
  for (const { payload_length, payload_byte, padded_length, padded_sha256 } of vectors.padding) {
    await tally.check(`padding of ${payload_length} bytes`, async (at) => {
      const payload = new Uint8Array(payload_length).fill(payload_byte);
      const padded = pad(payload);
      tally.same(`${at}: length`, padded.length, padded_length);
      tally.same(`${at}: hash`, sha256(padded), padded_sha256);
      tally.same(`${at}: taken off`, unpad(padded), toHex(payload));
      await Promise.resolve();
    });
  }
  for (const hex of vectors.not_padded) {
    await tally.check(`${hex.length / 2} bytes without padding`, async (at) => {
      await tally.refuses(at, "malformed", () => Promise.resolve().then(() => unpad(fromHex(hex))));
    });
  }
}

async function checkSending(chain: ChainVector, tally: Tally, at: string): Promise<void> {
  const send = new SendChain(chain.epoch, fromHex(chain.th), new Secret(fromHex(chain.chain_key)));
  let next = 0;
  for (const { n, payload, box } of chain.messages) {
    for (; next < n; next++) await send.seal(new Uint8Array(0));
    next++;
    tally.same(`${at}: box ${n}`, await send.seal(fromHex(payload)), box);
  }
}

async function checkReceiving(chain: ChainVector, tally: Tally, at: string): Promise<void> {
  const key = new Secret(fromHex(chain.chain_key));
  const receive = new ReceiveChain(chain.epoch, fromHex(chain.th), key);
  for (const { n, opens } of chain.delivered) {
    const { box, payload } = chain.messages.find((message) => message.n === n)!;
    const open = () => receive.open(fromHex(box));
    if (opens) tally.same(`${at}: message ${n}`, await open(), payload);
    else await tally.refuses(`${at}: message ${n}`, "bad_message", open);
  }
}
