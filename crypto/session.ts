/**
 * A confirmed session between two devices: sealed messages both ways, an exporter, and rekeys.
 *
 *     Content = 0x00 || payload | RekeyOffer | RekeyAnswer | RekeyDone = 0x22     sealed in a Box
 *
 *     offerer                                            answerer
 *     RekeyOffer in e       ->
 *                           <-   RekeyAnswer in e        has e+1, and goes on in e
 *     RekeyDone in e+1      ->                           the first that opens in e+1: goes on in e+1
 *                           <-   RekeyDone in e+1        e is over on both sides
 *
 * Make before break: nobody seals in an epoch that the other side may not have. When both offer at
 * once, the call's caller's offer survives. What is lost is said again (`retry`), in a new box with
 * the same bytes. One session per call and device pair; it lives in memory only and ends with `wipe`.
 *
 * @module
 */

import { type Bytes, concat, equal } from "./bytes.ts";
import { CryptoError } from "./error.ts";
import { epochOfBox, MAX_MESSAGES, type ReceiveChain } from "./ratchet.ts";
import {
  answerRekey,
  finishRekey,
  type Identities,
  type OfferedRekey,
  offerRekey,
  REKEY_ANSWER,
  REKEY_OFFER,
  rekeyNumber,
} from "./rekey.ts";
import { wipeEpoch } from "./epoch.ts";
import { CallSchedule } from "./call_schedule.ts";
import { type CallKeys, type Exporter } from "./schedule.ts";
import { SessionEpoch } from "./session_epoch.ts";

const PAYLOAD = Uint8Array.of(0x00);
const REKEY_DONE = Uint8Array.of(0x22);
/** Messages of an epoch after which a rekey is due. */
const DUE_AFTER_MESSAGES = MAX_MESSAGES / 2;
/** Messages that an epoch keeps for rekeys. */
const KEPT_MESSAGES = 1_024;

/** What came out of a box. */
export interface Received {
  /** An application's message, or null where the session itself was spoken to. */
  readonly payload: Bytes | null;
  /** A box to send back, or null. */
  readonly reply: Bytes | null;
}

/** What a handshake hands over. */
export interface SessionParts {
  /** 16 bytes. */
  readonly callId: Bytes;
  /** Epoch 1. */
  readonly epoch: SessionEpoch;
  /** The long-term keys of both devices. */
  readonly identities: Identities;
}

/** A rekey that this side answered. */
interface Answered {
  readonly offer: Bytes;
  readonly message: Bytes;
  readonly next: SessionEpoch;
}

/** A confirmed session. */
export class Session {
  /** The call's id: 16 bytes. */
  readonly callId: Bytes;
  readonly #self: 0 | 1;
  readonly #identities: Identities;
  readonly #schedule: CallSchedule;
  #epoch: SessionEpoch;
  #previous: ReceiveChain | null = null;
  /** The rekey that this side offered. */
  #offered: OfferedRekey | null = null;
  /** The rekey that this side answered, until the other side speaks in it. */
  #answered: Answered | null = null;
  /** Whether the other side has spoken in the present epoch. */
  #isHeard = true;
  #isWiped = false;
  #queue: Promise<unknown> = Promise.resolve();

  /** Takes ownership of its parts. @param self 0 for the caller, 1 for the callee */
  constructor({ callId, epoch, identities }: SessionParts, self: 0 | 1) {
    this.callId = callId;
    this.#self = self;
    this.#identities = identities;
    this.#epoch = epoch;
    this.#schedule = new CallSchedule(self, this.exporter);
    this.#schedule.install(epoch.number, epoch.exporter);
    this.#schedule.use(epoch.number);
  }

  /** The keys of the call's media, which go along with the session's epochs. */
  get keys(): CallKeys {
    return this.#schedule.keys;
  }

  /** The number of the epoch that this side seals in; 1 after the handshake. */
  get epoch(): number {
    return this.#epoch.number;
  }

  /** The newest epoch that the other side was heard in: it sends no media under older ones. */
  get heardEpoch(): number {
    return this.#isHeard ? this.epoch : this.epoch - 1;
  }

  /** Whether so many messages were sealed that a rekey should be offered. */
  get isDue(): boolean {
    return this.#epoch.send.sealed >= DUE_AFTER_MESSAGES;
  }

  /** Derives keys of the present epoch. @throws CryptoError `spent` */
  readonly exporter: Exporter = (label, context, length) =>
    this.#epoch.exporter(label, context, length);

  /** Seals a message. @throws CryptoError `malformed` when it is too long, `spent` */
  async seal(payload: Uint8Array): Promise<Bytes> {
    if (this.#epoch.send.sealed >= MAX_MESSAGES - KEPT_MESSAGES) {
      throw new CryptoError("spent", "The epoch has sealed all its messages");
    }
    return await this.#seal(concat(PAYLOAD, payload));
  }

  /**
   * Opens a message of the other side, once; its `reply` has to be sent.
   *
   * @throws CryptoError `bad_message`, whatever was wrong with it; `spent`
   */
  receive(box: Bytes): Promise<Received> {
    return this.#inTurn(async () => {
      try {
        return await this.#take(box);
      } catch (error) {
        if (error instanceof CryptoError && error.code !== "spent") throw refused();
        throw error;
      }
    });
  }

  /** Offers the next epoch: a box to send, or null while a rekey is under way. */
  offerRekey(): Promise<Bytes | null> {
    return this.#inTurn(async () => {
      this.#requireAlive();
      if (this.#offered !== null || this.#answered !== null) return null;
      const offered = await offerRekey(this.#base());
      this.#requireAlive();
      this.#offered = offered;
      return await this.#seal(offered.message);
    });
  }

  /** Says again what a rekey waits for: a box to send, or null where none is under way. */
  async retry(): Promise<Bytes | null> {
    const message = (this.#offered ?? this.#answered)?.message;
    return message === undefined ? null : await this.#seal(message);
  }

  /** Ends the epoch before this one, where the other side has left it too. */
  forgetPrevious(): void {
    if (!this.#isHeard) return;
    this.#previous?.wipe();
    this.#previous = null;
  }

  /** Resolves once the stack holds the media's keys of the epochs so far. */
  keysStand(): Promise<void> {
    return this.#schedule.standing();
  }

  /** Erases the media's keys of the epochs before this one. */
  retireKeys(before: number): void {
    this.#schedule.retire(before);
  }

  /** Erases every secret; nothing can be sealed, opened or exported afterwards. */
  wipe(): void {
    this.#isWiped = true;
    this.#epoch.wipe();
    this.#previous?.wipe();
    this.#answered?.next.wipe();
    this.#schedule.wipe();
    this.#offered = null;
    this.#answered = null;
  }

  async #take(box: Bytes): Promise<Received> {
    this.#requireAlive();
    const number = epochOfBox(box);
    const chains = [this.#epoch.receive, this.#previous, this.#answered?.next.receive];
    const chain = chains.find((each) => each?.epoch === number);
    if (chain === undefined || chain === null) throw refused();
    const content = await chain.open(box);
    this.#requireAlive();
    if (!isContent(content)) throw refused();
    // Whatever it says, the other side has the next epoch now.
    const isFirst = chain === this.#answered?.next.receive;
    if (isFirst) this.#enter(this.#answered!.next);
    if (chain === this.#epoch.receive) this.#isHeard = true;
    const said = await this.#takeContent(content, chain);
    return isFirst && said.reply === null
      ? { payload: said.payload, reply: await this.#seal(REKEY_DONE) }
      : said;
  }

  async #takeContent(content: Bytes, chain: ReceiveChain): Promise<Received> {
    switch (content[0]) {
      case PAYLOAD[0]:
        return { payload: content.slice(1), reply: null };
      case REKEY_OFFER:
        return { payload: null, reply: await this.#takeOffer(content, chain) };
      case REKEY_ANSWER:
        return { payload: null, reply: await this.#takeAnswer(content, chain) };
      default:
        return NOTHING;
    }
  }

  async #takeOffer(offer: Bytes, chain: ReceiveChain): Promise<Bytes | null> {
    // Said again, too late: the epoch that it was for is there, or over.
    if (chain !== this.#epoch.receive) return null;
    if (this.#answered !== null) {
      return equal(this.#answered.offer, offer) ? await this.#seal(this.#answered.message) : null;
    }
    if (this.#offered !== null && this.#self === 0) return null;
    const { message, epoch } = await answerRekey(this.#base(), offer);
    if (this.#isWiped) wipeEpoch(epoch);
    this.#requireAlive();
    this.#offered = null;
    const next = new SessionEpoch(this.#epoch.number + 1, epoch, this.#self);
    this.#answered = { offer, message, next };
    this.#schedule.install(next.number, next.exporter);
    return await this.#seal(message);
  }

  async #takeAnswer(answer: Bytes, chain: ReceiveChain): Promise<Bytes | null> {
    if (chain !== this.#epoch.receive) {
      // Said again: our own `RekeyDone` was lost.
      return rekeyNumber(answer) === this.#epoch.number ? await this.#seal(REKEY_DONE) : null;
    }
    if (this.#offered === null) return null;
    const secrets = await finishRekey(this.#base(), this.#offered, answer);
    if (this.#isWiped) wipeEpoch(secrets);
    this.#requireAlive();
    this.#enter(new SessionEpoch(this.#epoch.number + 1, secrets, this.#self));
    this.#isHeard = false;
    return await this.#seal(REKEY_DONE);
  }

  #enter(next: SessionEpoch): void {
    this.#previous?.wipe();
    this.#previous = this.#epoch.leave();
    this.#epoch = next;
    this.#offered = null;
    this.#answered = null;
    this.#schedule.install(next.number, next.exporter);
    this.#schedule.use(next.number);
  }

  #base() {
    const { number, secrets } = this.#epoch;
    return { side: this.#self, number, epoch: secrets, identities: this.#identities };
  }

  #seal(content: Uint8Array): Promise<Bytes> {
    return this.#epoch.seal(content);
  }

  #requireAlive(): void {
    if (this.#isWiped) throw new CryptoError("spent", "This session was already wiped");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Whether it says anything: a type, and nothing behind a `RekeyDone`. */
function isContent(content: Bytes): boolean {
  const [type] = content;
  if (type === REKEY_DONE[0]) return content.length === 1;
  return type === PAYLOAD[0] || type === REKEY_OFFER || type === REKEY_ANSWER;
}

const NOTHING: Received = { payload: null, reply: null };

function refused(): CryptoError {
  return new CryptoError("bad_message", "A sealed message was refused");
}
