/**
 * The symmetric chain inside an epoch: one key per message, each erased with its use.
 *
 *     MK  = HMAC(CK, 0x01)          CK' = HMAC(CK, 0x02)
 *     Box = 0x30 || u32 epoch || u32 n || AES-256-GCM(MK, nonce = 0, AD = th || those 9 bytes)
 *
 * A message key is used once, so its nonce is constant. State moves on only after a tag verified,
 * and before the plaintext is released. A receiver skips at most 256 messages, and a chain has 2^20.
 *
 * @module
 */

import { type Bytes, concat } from "./bytes.ts";
import { Reader, Writer } from "./codec.ts";
import { CryptoError } from "./error.ts";
import { pad, unpad } from "./padding.ts";
import { aesOpen, aesSeal, hmacSha256, NONCE_BYTES } from "./primitives.ts";
import { Secret } from "./secret.ts";

/** Most messages that a receiver skips, and most skipped keys it keeps. */
export const MAX_SKIPPED = 256;
/** Most messages of a chain. */
export const MAX_MESSAGES = 2 ** 20;
/** Bytes of a box before its ciphertext. */
export const BOX_HEADER_BYTES = 9;

/** First byte of a box. */
export const BOX = 0x30;
const MESSAGE_KEY = Uint8Array.of(1);
const CHAIN_KEY = Uint8Array.of(2);
const NONCE = new Uint8Array(NONCE_BYTES);

/** The sending half of an epoch. */
export class SendChain {
  readonly #epoch: number;
  readonly #th: Bytes;
  #chain: Secret;
  #next = 0;

  /** Takes ownership of the chain key. */
  constructor(epoch: number, th: Bytes, chain: Secret) {
    this.#epoch = epoch;
    this.#th = th;
    this.#chain = chain;
  }

  /** How many messages were sealed so far. */
  get sealed(): number {
    return this.#next;
  }

  /** Pads and seals a payload. @throws CryptoError `malformed` when it is too long, `spent` */
  async seal(payload: Uint8Array): Promise<Bytes> {
    const padded = pad(payload);
    if (this.#next >= MAX_MESSAGES) {
      throw new CryptoError("spent", "This chain has no more messages");
    }
    const header = new Writer().u8(BOX).u32(this.#epoch).u32(this.#next++).bytes();
    const { messageKey, next } = advance(this.#chain);
    this.#chain.wipe();
    this.#chain = next;
    const sealed = await seal(messageKey, concat(this.#th, header), padded);
    return concat(header, sealed);
  }

  /** Erases the chain. */
  wipe(): void {
    this.#chain.wipe();
  }
}

/** The receiving half of an epoch; opens one box at a time, in any order within its bounds. */
export class ReceiveChain {
  /** The epoch that its boxes name. */
  readonly epoch: number;
  readonly #th: Bytes;
  readonly #skipped = new Map<number, Secret>();
  #chain: Secret;
  #next = 0;
  #wiped = false;
  #queue: Promise<unknown> = Promise.resolve();

  /** Takes ownership of the chain key. */
  constructor(epoch: number, th: Bytes, chain: Secret) {
    this.epoch = epoch;
    this.#th = th;
    this.#chain = chain;
  }

  /**
   * Opens a box once.
   *
   * @throws CryptoError `bad_message`, whatever was wrong with it; `spent` when the chain was wiped
   */
  open(box: Bytes): Promise<Bytes> {
    const opened = this.#queue.then(() => this.#open(box));
    this.#queue = opened.catch(() => {});
    return opened;
  }

  /** Erases the chain and every skipped key; a box that is being opened does not open any more. */
  wipe(): void {
    this.#wiped = true;
    this.#chain.wipe();
    for (const key of this.#skipped.values()) key.wipe();
    this.#skipped.clear();
  }

  async #open(box: Bytes): Promise<Bytes> {
    const { n, header, sealed } = readBox(box, this.epoch);
    const ad = concat(this.#th, header);
    const kept = this.#skipped.get(n);
    if (kept !== undefined) {
      const padded = await aesOpenWith(kept, ad, sealed);
      this.#requireAlive();
      this.#skipped.delete(n);
      kept.wipe();
      return unpadded(padded);
    }
    if (n < this.#next || n > this.#next + MAX_SKIPPED || n >= MAX_MESSAGES) throw refused();
    // Derive on the side: the chain moves only when the tag verified.
    const passed: [number, Secret][] = [];
    let chain = this.#chain;
    for (let i = this.#next; i < n; i++) {
      const step = advance(chain);
      passed.push([i, step.messageKey]);
      if (chain !== this.#chain) chain.wipe();
      chain = step.next;
    }
    const { messageKey, next } = advance(chain);
    if (chain !== this.#chain) chain.wipe();
    let padded: Bytes;
    try {
      padded = await aesOpenWith(messageKey, ad, sealed);
      this.#requireAlive();
    } catch (error) {
      for (const [, key] of passed) key.wipe();
      next.wipe();
      throw error;
    } finally {
      messageKey.wipe();
    }
    this.#chain.wipe();
    this.#chain = next;
    this.#next = n + 1;
    for (const [i, key] of passed) this.#keep(i, key);
    return unpadded(padded);
  }

  /** The chain may have been wiped during an await, and must then not come back to life. */
  #requireAlive(): void {
    if (this.#wiped) throw new CryptoError("spent", "This chain was already wiped");
  }

  #keep(n: number, key: Secret): void {
    this.#skipped.set(n, key);
    if (this.#skipped.size <= MAX_SKIPPED) return;
    const [oldest, dropped] = this.#skipped.entries().next().value!;
    this.#skipped.delete(oldest);
    dropped.wipe();
  }
}

/** The epoch that a box names, which nothing proves yet; null where it is no box. */
export function epochOfBox(box: Bytes): number | null {
  if (box[0] !== BOX || box.length < BOX_HEADER_BYTES) return null;
  return new DataView(box.buffer, box.byteOffset).getUint32(1);
}

function readBox(box: Bytes, epoch: number): { n: number; header: Bytes; sealed: Bytes } {
  try {
    const reader = new Reader(box, "a sealed message");
    reader.expect(reader.u8(), BOX, "type");
    reader.expect(reader.u32(), epoch, "epoch");
    return { n: reader.u32(), header: box.slice(0, BOX_HEADER_BYTES), sealed: reader.rest() };
  } catch {
    throw refused();
  }
}

function advance(chain: Secret): { messageKey: Secret; next: Secret } {
  return {
    messageKey: new Secret(hmacSha256(chain.expose(), MESSAGE_KEY)),
    next: new Secret(hmacSha256(chain.expose(), CHAIN_KEY)),
  };
}

async function seal(key: Secret, ad: Bytes, plaintext: Bytes): Promise<Bytes> {
  try {
    return await aesSeal(key.expose(), NONCE, ad, plaintext);
  } finally {
    key.wipe();
  }
}

async function aesOpenWith(key: Secret, ad: Bytes, sealed: Bytes): Promise<Bytes> {
  const plaintext = await aesOpen(key.expose(), NONCE, ad, sealed);
  if (plaintext === null) throw refused();
  return plaintext;
}

/** What was inside an authentic box; an authentic box without padding is refused like any other. */
function unpadded(padded: Bytes): Bytes {
  try {
    return unpad(padded);
  } catch {
    throw refused();
  }
}

function refused(): CryptoError {
  return new CryptoError("bad_message", "A sealed message was refused");
}
