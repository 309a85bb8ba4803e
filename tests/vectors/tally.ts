/**
 * What a check of vectors found: how many values were equal, and which were not.
 *
 * It throws at nothing, so that one difference does not hide the others, and needs no runtime's
 * assertions.
 *
 * @module
 */

import { toHex } from "../../crypto/bytes.ts";

/** The sum of a check. A type and not an interface, so that it is JSON to the compiler too. */
export type Found = {
  /** Steps that were gone through. */
  readonly checks: number;
  /** Values of ours that are the vector's. */
  readonly equal: number;
  /** Refusals that the vectors ask for. */
  readonly refused: number;
  /** What differs; empty where all holds. */
  readonly differences: readonly string[];
};

/** Counts while vectors are checked. */
export class Tally {
  #checks = 0;
  #equal = 0;
  #refused = 0;
  readonly #differences: string[] = [];

  /** Goes through one step; what throws on the way is a difference. */
  async check(name: string, work: (at: string) => Promise<void>): Promise<void> {
    this.#checks++;
    try {
      await work(name);
    } catch (error) {
      this.#differences.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** Compares a value of ours with the vector's; bytes with hexadecimal. */
  same(
    what: string,
    ours: Uint8Array | string | number | boolean | null,
    theirs: string | number | boolean | null,
  ): void {
    const value = ours instanceof Uint8Array ? toHex(ours) : ours;
    if (value === theirs) this.#equal++;
    else this.#differences.push(`${what}: ${shortened(value)} is not ${shortened(theirs)}`);
  }

  /** Waits for a refusal with this code. */
  async refuses(what: string, code: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if ((error as { code?: unknown }).code !== code) throw error;
      this.#refused++;
      return;
    }
    this.#differences.push(`${what}: taken, and not refused as ${code}`);
  }

  /** The counts so far. */
  found(): Found {
    return {
      checks: this.#checks,
      equal: this.#equal,
      refused: this.#refused,
      differences: [...this.#differences],
    };
  }
}

function shortened(value: unknown): string {
  const text = String(value);
  return text.length <= 70 ? text : `${text.slice(0, 64)}… (${text.length} characters)`;
}
