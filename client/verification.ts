/**
 * What a user finds out about the people they know, outside a call: by a safety number that they read to each
 * other, or by its code, which one device shows and the other scans.
 *
 * A code is compared with the newest records that the log proves, and nothing of it is believed.
 *
 * @module
 */

import { canonicalAccountLabel } from "../crypto/account_label.ts";
import { type VerifiedRecord } from "../crypto/record.ts";
import { judgeSafetyCode, safetyCode, type SafetyVerdict } from "../crypto/safety_code.ts";
import { safetyNumber } from "../crypto/safety_number.ts";
import { readCell } from "./cell.ts";
import { CONTACTS, pinOf, type Standing, standingOf, type Verdict } from "./contact.ts";
import { lookUp } from "./directory.ts";
import { ClientError, toClientError } from "./error.ts";
import { type OwnAccount } from "./own_account.ts";
import { noteVerdict } from "./verdict.ts";

/** Somebody whom this client knows, as of the last look. */
export interface KnownPerson {
  /** Their label. */
  readonly label: string;
  /** When this client first saw them, Unix milliseconds. */
  readonly firstSeenMs: number;
  /** How far they are believed; `changed` also where a new identity of them waits to be believed. */
  readonly standing: Standing;
}

/** Checking who people are. */
export interface Verification {
  /** Whom this client knows, in the order in which it met them. @throws ClientError `store_failed` */
  people(): Promise<readonly KnownPerson[]>;
  /**
   * The safety number with a person as a code: show it as a QR code to their camera, for `scan`.
   *
   * @throws ClientError those of `lookup`
   */
  code(name: string): Promise<string>;
  /**
   * Takes the code that a person's own device shows: where it is the same, they are `verified`.
   *
   * @throws ClientError `code_mismatch` where it shows other keys, and then they are marked as `mismatch`, or
   * where it is of other people; `record_conflict` where one of the devices knows an older record;
   * `bad_option` where it is no such code; `store_failed`, and those of `lookup`
   */
  scan(name: string, code: string): Promise<void>;
  /**
   * Notes that the user compared the safety number with a person by voice: `verified` or `mismatch`.
   *
   * @param safetyNumber the digits that were compared
   * @throws ClientError `record_conflict` where they are others by now, `store_failed`, those of `lookup`
   */
  judge(name: string, safetyNumber: string, verdict: "same" | "different"): Promise<void>;
}

/** Somebody's newest record, one's own, and where to note what was found out. */
interface Look {
  readonly own: VerifiedRecord;
  readonly peer: VerifiedRecord;
  readonly note: (standing: Verdict["standing"]) => Promise<void>;
}

/** The checks of one client. */
export function verification(account: OwnAccount): Verification {
  const look = (name: string): Promise<Look> =>
    account.ask(async (world) => {
      const { record: peer } = await lookUp(world, labelOf(name));
      const note = (standing: Verdict["standing"]) => noteVerdict(world, peer, standing);
      return { own: world.account.record, peer, note };
    });
  return {
    people: () => knownPeople(account),
    async code(name) {
      const { own, peer } = await look(name);
      return safetyCode(own, peer);
    },
    async scan(name, code) {
      const { own, peer, note } = await look(name);
      const verdict = checked("bad_option", () => judgeSafetyCode(own, peer, code));
      if (verdict === "same") return await note("verified");
      if (verdict === "different") await note("mismatch");
      throw refusalOf(verdict);
    },
    async judge(name, digits, verdict) {
      const { own, peer, note } = await look(name);
      if (safetyNumber(own, peer) !== digits) {
        throw new ClientError("record_conflict", "The safety number is another one by now");
      }
      await note(verdict === "same" ? "verified" : "mismatch");
    },
  };
}

async function knownPeople(account: OwnAccount): Promise<readonly KnownPerson[]> {
  const { store } = account.registry();
  const labels = await readCell(store, CONTACTS) ?? [];
  const people = await Promise.all(labels.map(async (label) => {
    const pin = await readCell(store, pinOf(label));
    if (pin === null || label === account.label) return [];
    const standing = pin.contested === null ? standingOf(pin) : "changed" as const;
    return [{ label, firstSeenMs: pin.firstSeenMs, standing }];
  }));
  return people.flat();
}

const REFUSALS: Readonly<
  Record<Exclude<SafetyVerdict, "same">, readonly ["code_mismatch" | "record_conflict", string]>
> = {
  different: ["code_mismatch", "The code shows other keys than the log has"],
  others: ["code_mismatch", "That is the code of somebody else, or for somebody else"],
  older: ["record_conflict", "One of the two devices knows an older record: look again on both"],
};

function refusalOf(verdict: Exclude<SafetyVerdict, "same">): ClientError {
  return new ClientError(...REFUSALS[verdict]);
}

function labelOf(name: string): ReturnType<typeof canonicalAccountLabel> {
  return checked("bad_label", () => canonicalAccountLabel(name));
}

function checked<T>(code: "bad_option" | "bad_label", read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw toClientError(error, code);
  }
}
