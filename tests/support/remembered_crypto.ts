/**
 * The platform's cryptography, remembered: the same question gets the answer that it got before.
 *
 * An exploration runs the same steps many thousand times. Everything is computed by the platform once;
 * after that, only code of this project runs. Fresh keys and encapsulations are the same ones again for
 * the same side and the same count, so that a path that is walked again is the same path.
 *
 * @module
 */

import { portable } from "./portable.ts";

type Subtle = Record<string, (...args: never[]) => Promise<unknown>>;

/** Remembers until it is disposed of. */
export class RememberedCrypto {
  /** Whose turn it is: each side has fresh keys of its own. */
  side = "";
  readonly #answers = new Map<string, Promise<unknown>>();
  readonly #ids = new WeakMap<object, number>();
  readonly #counts = new Map<string, number>();
  readonly #replaced: string[] = [];
  /** WebCrypto alone can be asked in between. */
  readonly #without = portable();
  #nextId = 0;

  constructor() {
    const subtle = crypto.subtle as unknown as Subtle;
    for (const name of ["generateKey", "encapsulateBits"]) this.#replace(subtle, name, true);
    const pure = ["importKey", "exportKey", "deriveBits", "decapsulateBits", "encrypt", "decrypt"];
    for (const name of pure) this.#replace(subtle, name, false);
    this.#replaceRandomness();
  }

  /** Begins a path: fresh keys are counted from the first again. */
  begin(): void {
    this.#counts.clear();
  }

  [Symbol.dispose](): void {
    this.#without[Symbol.dispose]();
    const subtle = crypto.subtle as unknown as Record<string, unknown>;
    for (const name of this.#replaced) delete subtle[name];
    delete (crypto as { getRandomValues?: unknown }).getRandomValues;
  }

  #replaceRandomness(): void {
    const inner = crypto.getRandomValues.bind(crypto);
    const random = new Map<string, Uint8Array>();
    const value = (into: Uint8Array<ArrayBuffer>) => {
      const question = `${this.side}|${into.length}|${this.#count(`random${this.side}`)}`;
      const drawn = random.get(question) ?? inner(new Uint8Array(into.length));
      random.set(question, drawn);
      into.set(drawn);
      return into;
    };
    Object.defineProperty(crypto, "getRandomValues", { value, configurable: true });
  }

  #replace(subtle: Subtle, name: string, isFresh: boolean): void {
    const inner = subtle[name]!;
    this.#replaced.push(name);
    const remembered = (...args: never[]) => {
      let question = `${name}|${args.map((arg) => this.#text(arg)).join("|")}`;
      if (isFresh) question += `|${this.side}${this.#count(`${name}${this.side}`)}`;
      let answer = this.#answers.get(question);
      if (answer === undefined) {
        answer = inner.apply(subtle, args);
        answer.catch(() => {});
        this.#answers.set(question, answer);
      }
      // A copy: whoever gets a secret wipes it.
      return answer.then((value) =>
        name.endsWith("Key") && !(value instanceof ArrayBuffer) ? value : structuredClone(value)
      );
    };
    Object.defineProperty(subtle, name, { value: remembered, configurable: true });
  }

  #count(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  #text(value: unknown): string {
    if (value instanceof Uint8Array) return String.fromCharCode(...value);
    if (value instanceof CryptoKey) {
      const known = this.#ids.get(value);
      if (known !== undefined) return `#${known}`;
      this.#ids.set(value, ++this.#nextId);
      return `#${this.#nextId}`;
    }
    if (Array.isArray(value)) return value.map((each) => this.#text(each)).join(",");
    if (typeof value === "object" && value !== null) {
      return Object.entries(value).map(([key, each]) => `${key}=${this.#text(each)}`).join(";");
    }
    return String(value);
  }
}
