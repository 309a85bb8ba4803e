/**
 * The secrets along a group call's commits, as one member comes to hold them.
 *
 * A step is taken at once. An epoch needs its R, which may come before its commit or after it; until
 * then the commits that follow wait in line. What is left behind is wiped by the commit, not by what
 * takes its place.
 *
 * @module
 */

import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Commit, type SignedCommit } from "./commit.ts";
import { Generation } from "./generation.ts";
import { Secret } from "./secret.ts";

/** Most R of one sender that wait for their commit: whoever sends more puts out its own alone. */
const MAX_OFFERS = 8;

/** Who sent which R. */
interface Offer {
  readonly from: Bytes;
  readonly random: Secret;
}

/** A generation that came to be known, and the commit that it belongs to. */
export interface Reached {
  readonly commit: SignedCommit;
  /** The receiver's own: whoever takes what it needs of it wipes it. */
  readonly generation: Generation;
  /** HKDF-Expand of ES, likewise. */
  readonly auth: Secret;
}

/** One member's secrets of a call. */
export class KeyChain {
  #current: Generation | null = null;
  /** Commits without keys yet: the first begins an epoch. */
  #line: SignedCommit[] = [];
  readonly #offers = new Map<string, Offer>();

  /** The keys of the last commit, or null while they are missing. */
  get current(): Generation | null {
    return this.#line.length === 0 ? this.#current : null;
  }

  /** Goes on to a commit that was taken. */
  follow(commit: SignedCommit): readonly Reached[] {
    if (commit.step === 0) {
      this.#current?.wipe();
      this.#current = null;
      this.#line = [commit];
    } else this.#line.push(commit);
    return this.#walk();
  }

  /** Takes ownership of an epoch's R. @param from the device whose session it came over */
  offer(hash: Bytes, from: Bytes, random: Secret): readonly Reached[] {
    const name = toHex(hash);
    // The first of a sender stays: a second one contradicts it, and a stranger's is not in its way.
    if (this.#offers.has(`${name} ${toHex(from)}`)) {
      random.wipe();
      return [];
    }
    const theirs = [...this.#offers].filter(([, offer]) => equal(offer.from, from));
    if (theirs.length >= MAX_OFFERS) this.#drop(theirs[0]![0]);
    this.#offers.set(`${name} ${toHex(from)}`, { from, random });
    return this.#walk();
  }

  /** Forgets the R of a commit that will never be. */
  withdraw(commit: Commit, hash: Bytes): void {
    this.#drop(`${toHex(hash)} ${toHex(commit.signer)}`);
  }

  /** Begins with a secret that another member gave. Takes ownership of it. */
  adopt(commit: SignedCommit, es: Secret): readonly Reached[] {
    this.#current?.wipe();
    this.#line = [];
    this.#current = new Generation(commit, es);
    return [this.#reached(commit)];
  }

  /** Erases everything. */
  wipe(): void {
    this.#current?.wipe();
    this.#current = null;
    this.#line = [];
    for (const name of [...this.#offers.keys()]) this.#drop(name);
  }

  #walk(): readonly Reached[] {
    const reached: Reached[] = [];
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (next.step === 0) {
        const name = `${toHex(next.hash)} ${toHex(next.signer)}`;
        const offer = this.#offers.get(name);
        if (offer === undefined || !equal(offer.from, next.signer)) break;
        this.#offers.delete(name);
        this.#current = Generation.first(next, offer.random);
      } else if (this.#current === null) break;
      else this.#current = this.#current.next(next);
      this.#line.shift();
      reached.push(this.#reached(next));
    }
    return reached;
  }

  #reached(commit: SignedCommit): Reached {
    return { commit, generation: this.#current!.copy(), auth: this.#current!.auth() };
  }

  #drop(name: string): void {
    this.#offers.get(name)?.random.wipe();
    this.#offers.delete(name);
  }
}
