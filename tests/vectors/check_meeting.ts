/**
 * What two people compare and what two devices show: `safety_number.json`, `sas.json` and `link.json`.
 *
 * @module
 */

import { parseAccountLabel } from "../../crypto/account_label.ts";
import { exporterOf } from "../../crypto/epoch.ts";
import { openReveal, replyToLink, revealLink, startLink } from "../../crypto/link.ts";
import { linkSlot, newLinkCode, parseLinkCode } from "../../crypto/link_code.ts";
import { type VerifiedRecord } from "../../crypto/record.ts";
import { judgeSafetyCode, safetyCode } from "../../crypto/safety_code.ts";
import { safetyNumber } from "../../crypto/safety_number.ts";
import { sasBase } from "../../crypto/sas.ts";
import { SasExchange } from "../../crypto/sas_exchange.ts";
import { SAS_TABLE, shortCode } from "../../crypto/sas_table.ts";
import { Secret } from "../../crypto/secret.ts";
import { fromHex } from "../support/hex.ts";
import { type People } from "./check_devices.ts";
import { withFixed } from "./fixed_randomness.ts";
import { type Tally } from "./tally.ts";

/** `safety_number.json`. */
export interface SafetyNumberVectors {
  readonly numbers: readonly {
    readonly accounts: readonly (readonly string[])[];
    readonly number: string;
    readonly code: string;
  }[];
}

/** `sas.json`. */
export interface SasVectors {
  readonly comparisons: readonly {
    readonly name: string;
    readonly origin: string;
    readonly call_id: string;
    readonly epoch: number;
    readonly exp: string;
    readonly roster: readonly {
      readonly label: string;
      readonly record_hash: string;
      readonly fingerprints: readonly string[];
      readonly head: string;
    }[];
    readonly initiator: number;
    readonly nonce_I: string;
    readonly nonce_R: string;
    readonly context: string;
    readonly S: string;
    readonly Commit: string;
    readonly code: string;
    readonly pictures: readonly number[];
    readonly digits: string;
  }[];
}

/** `link.json`. */
export interface LinkVectors {
  readonly meetings: readonly LinkVector[];
}

interface LinkVector {
  readonly name: "scanned" | "typed";
  readonly origin: string;
  readonly code: string;
  readonly secret: string;
  readonly slot: string;
  readonly EN_private: string;
  readonly nonce_N: string;
  readonly EO_private: string;
  readonly nonce_O: string;
  readonly commit: string;
  readonly reply: string;
  readonly digits: string;
  readonly reveal_payload: string;
  readonly reveal: string;
  readonly from_old: { readonly payload: string; readonly box: string };
  readonly from_new: { readonly payload: string; readonly box: string };
}

/** Checks safety numbers, whichever side comes first. */
export async function checkSafetyNumbers(
  people: People,
  vectors: SafetyNumberVectors,
  tally: Tally,
): Promise<void> {
  for (const { accounts, number, code } of vectors.numbers) {
    await tally.check(`safety number of ${accounts.join(" and ")}`, async (at) => {
      const [ours, theirs] = accounts.map((names) => recordListing(people, names));
      tally.same(at, safetyNumber(ours!, theirs!), number);
      tally.same(`${at}, turned`, safetyNumber(theirs!, ours!), number);
      tally.same(`${at}: code`, safetyCode(ours!, theirs!), code);
      tally.same(`${at}: code, scanned`, judgeSafetyCode(theirs!, ours!, code), "same");
      await Promise.resolve();
    });
  }
}

/** Checks short codes, and that both sides of an exchange come to them. */
export async function checkComparisons({ comparisons }: SasVectors, tally: Tally): Promise<void> {
  for (const vector of comparisons) {
    await tally.check(`comparison, ${vector.name}`, async (at) => {
      const { origin, epoch, initiator } = vector;
      const exp = new Secret(fromHex(vector.exp));
      const base = () =>
        sasBase(exporterOf({ exp }), {
          callId: fromHex(vector.call_id),
          epoch,
          roster: vector.roster.map((party) => ({
            account: { origin, label: parseAccountLabel(party.label) },
            recordHash: fromHex(party.record_hash),
            fingerprints: party.fingerprints.map(fromHex),
            head: party.head,
          })),
        });
      tally.same(`${at}: context`, base().context, vector.context);
      tally.same(`${at}: S`, base().secret, vector.S);
      const open = (nonces: string[], self: number) =>
        withFixed({ bytes: nonces }, () => {
          return Promise.resolve(new SasExchange(base(), self, 1 - self));
        });
      const [begins, agrees] = [
        await open([vector.nonce_I], initiator),
        await open([vector.nonce_R], 1 - initiator),
      ];
      const commitment = begins.begin();
      tally.same(`${at}: Commit`, commitment, vector.Commit);
      agrees.takeCommitment(commitment);
      const nonce = await withFixed({ bytes: [vector.nonce_R] }, () => {
        return Promise.resolve(agrees.agree());
      });
      const { reveal, code } = begins.takeNonce(nonce);
      tally.same(`${at}: code`, code, vector.code);
      tally.same(`${at}: code of the responder`, agrees.takeReveal(reveal), vector.code);
      const { names, digits } = shortCode(code);
      const pictures = vector.pictures.map((number) => SAS_TABLE[number]!.name);
      tally.same(`${at}: pictures`, names.join(), pictures.join());
      tally.same(`${at}: digits`, digits, vector.digits);
    });
  }
}

function recordListing(people: People, names: readonly string[]): VerifiedRecord {
  const records = people.records.get(names[0]!.split("/")[0]!)!;
  return records.find(({ devices }) => devices.length === names.length)!;
}

/** Checks codes and the channel between a new device and an old one. */
export async function checkLinks(vectors: LinkVectors, tally: Tally): Promise<void> {
  for (const vector of vectors.meetings) {
    await tally.check(`link, ${vector.name}`, (at) => checkLink(vector, tally, at));
  }
}

async function checkLink(vector: LinkVector, tally: Tally, at: string): Promise<void> {
  const place = { origin: vector.origin, secret: fromHex(vector.secret) };
  const made = await withFixed(
    { bytes: [vector.secret] },
    () => Promise.resolve(newLinkCode(vector.name)),
  );
  tally.same(`${at}: code`, made.code, vector.code);
  tally.same(`${at}: secret`, parseLinkCode(vector.code), vector.secret);
  tally.same(`${at}: slot`, linkSlot(place.secret), vector.slot);

  const start = await withFixed(
    { x25519: [vector.EN_private], bytes: [vector.nonce_N] },
    () => startLink(),
  );
  tally.same(`${at}: Commit`, start.commit, vector.commit);
  const replied = await withFixed(
    { x25519: [vector.EO_private], bytes: [vector.nonce_O] },
    () => replyToLink(fromHex(vector.commit)),
  );
  tally.same(`${at}: Reply`, replied.reply, vector.reply);

  const payload = fromHex(vector.reveal_payload);
  const revealed = await revealLink(place, start, fromHex(vector.reply), payload);
  tally.same(`${at}: Reveal`, revealed.reveal, vector.reveal);
  tally.same(`${at}: digits of the new`, revealed.channel.digits, vector.digits);
  const opened = await openReveal(place, replied, fromHex(vector.reveal));
  tally.same(`${at}: reveal opens`, opened.payload, vector.reveal_payload);
  tally.same(`${at}: digits of the old`, opened.channel.digits, vector.digits);

  const { from_old, from_new } = vector;
  const [fresh, old] = [revealed.channel, opened.channel];
  tally.same(`${at}: of the old`, await old.send.seal(fromHex(from_old.payload)), from_old.box);
  tally.same(`${at}: opens`, await fresh.receive.open(fromHex(from_old.box)), from_old.payload);
  tally.same(`${at}: of the new`, await fresh.send.seal(fromHex(from_new.payload)), from_new.box);
  tally.same(`${at}: opens`, await old.receive.open(fromHex(from_new.box)), from_new.payload);
}
