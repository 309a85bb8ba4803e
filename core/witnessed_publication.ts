/**
 * How a committed head becomes the published one with witnesses.
 *
 *     sign -> the `signed` row -> witnesses -> `published`, once the policy is met
 *
 * A signature leaves the process before the head is published. So the row comes first: whatever dies
 * in between, the next process continues what was signed. The row's time also says when the next head
 * may be signed, and by its compare-and-set one instance alone signs it.
 *
 * Before anything new is signed the witnesses are asked about the newest head that was, or about the
 * empty tree's where none was: as many have to cosign it as a head needs, and all have their whole
 * time. So silence is no answer, and the empty tree's head is of every history. Whoever is ahead of
 * what was signed, has another tree of its size, or refuses it and shows a head that is not in it,
 * shows that this store was rolled back or that somebody else signs with its key. That can't be
 * mended here: the log freezes.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import { parseCheckpoint } from "../crypto/checkpoint.ts";
import { CryptoError } from "../crypto/error.ts";
import { formatNote, type NoteSignature, parseNote } from "../crypto/note.ts";
import { checkPolicy, freshnessOf, type LogPolicy } from "../crypto/policy.ts";
import { emptyRoot } from "../crypto/tree.ts";
import { type Row } from "../kv/log_key.ts";
import { movePublished, type Published, readPublished } from "../kv/published.ts";
import { moveSigned, readSigned, type SignedHead } from "../kv/signed_head.ts";
import { StoreError } from "../kv/store_error.ts";
import { type Heads } from "./head_watch.ts";
import { proveConsistency, rootAt } from "./log_proof.ts";
import { MAX_TRIES, type Publication, type PublicationParts } from "./publication.ts";
import { signHead, withoutCosignatures } from "./signing.ts";
import { type Gathering, type WitnessClient } from "./witness_client.ts";
import { type ShownHead } from "./witness_site.ts";

/** Whom a log asks to cosign, and how often. */
export interface WitnessPlan {
  /** When a head is published; its logs are this log's own keys. */
  readonly policy: LogPolicy;
  /** Those of its witnesses that are auditors, by their names in it. */
  readonly auditors: readonly string[];
  /** Least time from one signed head to the next, in milliseconds. */
  readonly intervalMs: number;
  /** After what time an unchanged head is cosigned again, in milliseconds. */
  readonly heartbeatMs: number;
}

/** A head with its note. */
type SignedNote = Omit<SignedHead, "atMs">;

/** How often an instance looks whether another one published what is awaited, at least. */
const LONGEST_POLL_MS = 1_000;
/** After what time a head that too few witnesses cosigned is shown to them again, at the latest. */
const RETRY_MS = 2_000;
const SHORTEST_POLL_MS = 10;

/** Publishes what the witnesses of a policy cosigned. */
export function publishWitnessed(
  parts: PublicationParts,
  plan: WitnessPlan,
  client: WitnessClient,
): Publication {
  const { log, keys, freeze, watch, now, report } = parts;
  const { policy, intervalMs, heartbeatMs } = plan;
  const auditors = policy.witnesses.filter(({ id }) => plan.auditors.includes(id));
  let isChecked = false;
  let isShort = false;
  /** The published note that was seen last, and since when. */
  let fresh = { note: "", sinceMs: 0 };

  async function step(isAwaited: boolean): Promise<number> {
    const heads = await watch.read();
    // An auditor can't read the log of a service that does not listen yet: it will in a moment.
    const isUrgent = isAwaited || heads.published === null || !isChecked;
    const longestMs = isUrgent ? Math.min(intervalMs, LONGEST_POLL_MS) : intervalMs;
    const pollMs = Math.max(SHORTEST_POLL_MS, longestMs);
    if (!isChecked) {
      isChecked = await checkPast(heads);
      return isChecked ? 0 : pollMs;
    }
    const { published, signed, head } = heads;
    if (published !== null && published.value.note !== fresh.note) {
      fresh = { note: published.value.note, sinceMs: now() };
    }
    if (published?.value.size === head.size) {
      const restMs = restOf(fresh.sinceMs, heartbeatMs);
      if (restMs > 0) return Math.min(restMs, pollMs);
    }
    if (signed !== null) {
      const isRetry = signed.value.size === head.size && published?.value.size !== head.size;
      const ms = isRetry ? Math.min(intervalMs, RETRY_MS) : intervalMs;
      const restMs = restOf(signed.value.atMs, ms);
      if (restMs > 0) return Math.min(restMs, pollMs);
    }
    const next = await signNext(signed, head);
    const isMet = next !== null && await collect(next, published?.value.size ?? 0, false);
    return isMet ? 0 : pollMs;
  }

  /** Milliseconds until `ms` after a time; a time of the future counts as now. */
  function restOf(atMs: number, ms: number): number {
    return Math.min(ms, atMs + ms - now());
  }

  /** Asks about the newest head that was signed; whether enough witnesses know no other. */
  async function checkPast({ published, signed }: Heads): Promise<boolean> {
    const newest = [published?.value, signed?.value]
      .filter((head) => head !== undefined)
      .sort((a, b) => b.size - a.size)[0];
    if (newest === undefined) {
      // Signing a first head would be too late to find out, and this one is of every history.
      const empty = { size: 0, root: emptyRoot() };
      const note = await signHead(keys, log.origin, empty, now());
      return await ask({ ...empty, note }, 0, true) !== null;
    }
    const { size, root } = newest;
    const note = withoutCosignatures(newest.note, log.origin);
    return await collect({ size, root, note }, published?.value.size ?? 0, true);
  }

  /** Signs the committed head, and writes that down first; null where another instance did. */
  async function signNext(
    signed: Row<SignedHead> | null,
    { size, root }: Heads["head"],
  ): Promise<SignedHead | null> {
    const atMs = now();
    const note = await signHead(keys, log.origin, { size, root }, atMs);
    const next: SignedHead = { size, root, note, atMs };
    const outcome = await moveSigned(log, signed, next);
    if (outcome === "conflict") return null;
    if (outcome === "unknown" && (await readSigned(log))?.value.note !== note) {
      throw new StoreError("The store does not say whether it took the signed head");
    }
    watch.sawSigned(next);
    return next;
  }

  /** Collects cosignatures of a head and publishes it; whether they met the policy. */
  async function collect(to: SignedNote, guess: number, isCheck: boolean): Promise<boolean> {
    const cosignatures = await ask(to, guess, isCheck);
    if (cosignatures === null) return false;
    const { text, signatures } = parseNote(to.note);
    const note = formatNote(text, [...signatures, ...cosignatures]);
    await publish({ ...to, note }, cosignatures);
    return true;
  }

  /** Asks for cosignatures of a head; null where too few came. @throws ServiceError `log_frozen` */
  async function ask(
    { size, root, note }: SignedNote,
    guess: number,
    isCheck: boolean,
  ): Promise<readonly NoteSignature[] | null> {
    const { text, signatures } = parseNote(note);
    // Each of them is recent, or it would not be here.
    const isEnough = (lines: readonly NoteSignature[]): boolean =>
      freshnessIn(text, [...signatures, ...lines]) !== null;
    const prove = (from: number) => proveConsistency(log, from, { size, root });
    const gathering = await client.gather(
      { text, note, size, guess, prove, isEnough, isPatient: isCheck },
    );
    await judge(gathering, size);
    const { cosignatures } = gathering;
    if (!isEnough(cosignatures)) {
      if (!isShort) {
        report(`Too few witnesses cosigned the head of size ${size}: it is tried again`, {
          level: "warn",
          event: "witnesses_short",
          size,
        });
      }
      isShort = true;
      return null;
    }
    if (isShort) {
      const facts = { level: "info", event: "witnesses_enough", size } as const;
      report(`Enough witnesses cosign again, as of size ${size}`, facts);
    }
    isShort = false;
    return cosignatures;
  }

  /** As of when the quorum cosigned, in Unix milliseconds; null where it did not. */
  function freshnessIn(text: string, lines: readonly NoteSignature[]): number | null {
    const head = { ...parseCheckpoint(text), note: { text, signatures: lines, unknown: [] } };
    try {
      checkPolicy(policy, head, null);
      return freshnessOf(policy, head) ?? 0;
    } catch (error) {
      if (error instanceof CryptoError) return null;
      throw error;
    }
  }

  /** Freezes the log where a witness knows more than it signed, or something else. */
  async function judge({ findings }: Gathering, sent: number): Promise<void> {
    if (findings.length === 0) return;
    // Read again: what another instance signed meanwhile was written before a witness could see it.
    const known = Math.max(sent, (await readSigned(log))?.value.size ?? 0);
    for (const { kind, id, size, shown } of findings) {
      const isProof = shown !== null && !await isOfOurs(shown, known);
      if (!isProof && (kind === "refuses" || kind === "ahead" && size <= known)) continue;
      const theirs = isProof ? shown.size : size;
      const what = theirs > known
        ? `Witness ${id} has size ${theirs}, above ${known} that this store signed`
        : `Witness ${id} has another tree of size ${theirs}`;
      const how = isProof ? "and shows it under this log's key" : "but does not show it";
      throw await freeze.freeze(`${what}, ${how}`, isProof ? shown.note : null);
    }
  }

  /** Whether a head that this log's key signed is a prefix of what this store signed. */
  async function isOfOurs({ size, note }: ShownHead, known: number): Promise<boolean> {
    if (size > known) return false;
    return equal(parseCheckpoint(parseNote(note).text).root, await rootAt(log, size));
  }

  async function publish(
    { size, root, note }: SignedNote,
    cosignatures: readonly NoteSignature[],
  ): Promise<void> {
    const next: Published = { size, root, note, verifierKey: keys.logVerifierKey };
    const isAudited = auditors.some(({ key }) =>
      cosignatures.some(({ name, keyId }) => name === key.name && keyId === key.keyId)
    );
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await readPublished(log);
      // Another instance was further or has it fresher, or this commit landed though nobody said so.
      const isHeld = held !== null &&
        (held.value.size > size || held.value.note === note || isFresher(held.value, note));
      if (isHeld || await movePublished(log, held, next, isAudited)) {
        watch.sawPublished(isHeld ? held.value : next);
        return;
      }
      await freeze.look();
    }
    throw new StoreError("The store does not take the published head");
  }

  /** Whether the quorum cosigned what is published later than a note of the same tree. */
  function isFresher(held: Published, note: string): boolean {
    const [before, after] = [held.note, note].map(parseNote).map(({ text, signatures }) => ({
      text,
      atMs: freshnessIn(text, signatures) ?? 0,
    }));
    return before!.text === after!.text && before!.atMs > after!.atMs;
  }

  return { step, isChecked: () => isChecked };
}
