/**
 * A witness of other people's logs (C2SP tlog-witness, the serving side of `add-checkpoint`).
 *
 *     "old" size, consistency proof, signed checkpoint  ->  cosignature lines
 *
 * It cosigns a head only where a key that it was given for this log signed it, where the head
 * continues the largest that it ever cosigned, and where `examine` has nothing against it; and only
 * after it has written down that it will. Of two heads that do not agree it cosigns the first. What it
 * answers is for the log; that it refused a head which the log signed is kept for everybody. That it
 * knows nothing of a log it says by cosigning the empty tree, with nothing to write down.
 *
 * An auditor is a witness with an `examine` that replays the log (`auditor.ts`).
 *
 * @module
 */

import { type Bytes, equal, utf8 } from "../crypto/bytes.ts";
import { type Checkpoint, parseCheckpoint } from "../crypto/checkpoint.ts";
import { type Cosigner } from "../crypto/cosignature.ts";
import { CryptoError } from "../crypto/error.ts";
import {
  formatNote,
  formatSignatureLine,
  type OpenNote,
  openNote,
  parseNote,
} from "../crypto/note.ts";
import { noteVerifier, type Verifier, type VerifierKey } from "../crypto/note_key.ts";
import { sha256 } from "../crypto/primitives.ts";
import { checkConsistency, consistencyRoots, emptyRoot } from "../crypto/tree.ts";
import { type LogStore } from "../kv/log_key.ts";
import { type Decision, transact } from "../kv/transact.ts";
import {
  checkWitnessHead,
  keepRefusal,
  listRefusals,
  readWitnessHead,
  type Refusal,
  writeWitnessHead,
} from "../kv/witness_state.ts";
import { parseAddCheckpoint } from "./witness_request.ts";
import { type Report } from "./report.ts";

/** Why a head is not cosigned. */
export type RefusalKind =
  /** The request is none. */
  | "malformed"
  /** No log of this origin is known. */
  | "unknown_log"
  /** No key that is known for the log signed the head, or one did wrongly. */
  | "untrusted"
  /** The head does not continue what was cosigned, or breaks the log's rules. */
  | "inconsistent"
  /** The log could not be examined now. */
  | "unavailable";

/** What a log is answered. */
export type WitnessAnswer =
  | { readonly kind: "cosigned"; /** One signature line for each key. */ readonly lines: string }
  | { readonly kind: "conflict"; /** The size that was cosigned last. */ readonly size: number }
  | { readonly kind: RefusalKind; /** One sentence. */ readonly reason: string };

/** A reason against a head, from whoever examined it. */
export class ExamineError extends Error {
  /** Whether the log is to blame, or could only not be examined now. */
  readonly kind: "inconsistent" | "unavailable";

  /** @param kind whose fault it is @param reason one sentence, without a word of the log's own */
  constructor(kind: "inconsistent" | "unavailable", reason: string) {
    super(reason);
    this.name = "ExamineError";
    this.kind = kind;
  }
}

/** What a witness works with. */
export interface WitnessRoleParts {
  /** A store of its own. */
  readonly kv: Deno.Kv;
  /** The keys of the logs, whose names are their origins; a log may have several. */
  readonly logKeys: readonly VerifierKey[];
  /** What it cosigns with, one line each. */
  readonly cosigners: readonly Cosigner[];
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given a sentence when a head is refused that its log signed. */
  readonly report: Report;
  /** Looks closer at a head that the log signed and that continues the last. @throws ExamineError */
  readonly examine?: (head: Checkpoint) => Promise<void>;
}

/** How far a time that was cosigned may be ahead before a clock was wrong, in seconds. */
const MAX_AHEAD_S = 300;

/** A witness. */
export interface WitnessRole {
  /** The origins of the logs that it knows. */
  readonly origins: readonly string[];
  /** Answers `add-checkpoint`. @throws StoreError */
  addCheckpoint(body: string): Promise<WitnessAnswer>;
  /** The newest head of a log that was cosigned, with the cosignatures, or null. @throws StoreError */
  latest(origin: string): Promise<string | null>;
  /** Heads of a log that were refused though the log signed them. @throws StoreError */
  refusals(origin: string): Promise<readonly Refusal[]>;
}

/** Opens a witness. */
export function openWitnessRole(parts: WitnessRoleParts): WitnessRole {
  const { kv, cosigners, now, report } = parts;
  const verifiers = new Map<string, Verifier[]>();
  // One key that is given twice is one.
  const keys = new Map(parts.logKeys.map((key) => [`${key.name}+${key.keyId}`, key]));
  for (const key of keys.values()) {
    verifiers.set(key.name, [...verifiers.get(key.name) ?? [], noteVerifier(key)]);
  }
  // One head of a log is examined and cosigned at a time; the store's check is for what is left.
  const waiting = new Map<string, Promise<unknown>>();

  function inTurn<T>(origin: string, work: () => Promise<T>): Promise<T> {
    const before = waiting.get(origin) ?? Promise.resolve();
    const done = before.then(work, work);
    waiting.set(origin, done.catch(() => {}));
    return done;
  }

  async function addCheckpoint(body: string): Promise<WitnessAnswer> {
    const request = parseAddCheckpoint(body);
    if (request === null) return refused("malformed", "This is no request to cosign");
    const { old, proof, note } = request;
    let origin: string;
    try {
      origin = originOf(parseNote(note).text);
    } catch (error) {
      return refusedBy(error, "malformed");
    }
    const known = verifiers.get(origin);
    if (known === undefined) return refused("unknown_log", "No log of this origin is known here");
    let opened: OpenNote;
    try {
      opened = await openNote(note, known);
    } catch (error) {
      return refusedBy(error, "untrusted");
    }
    let head: Checkpoint;
    try {
      head = parseCheckpoint(opened.text);
    } catch (error) {
      if (old !== 0 || !isWrongEmptyTree(opened.text)) return refusedBy(error, "malformed");
      return { kind: "conflict", size: (await readWitnessHead({ kv, origin }))?.value.size ?? 0 };
    }
    if (old > head.size) {
      return refused("malformed", "The old size is larger than that of the checkpoint");
    }
    return await inTurn(origin, () => cosign(old, proof, head, opened));
  }

  async function cosign(
    old: number,
    proof: readonly Bytes[],
    head: Checkpoint,
    opened: OpenNote,
  ): Promise<WitnessAnswer> {
    const log: LogStore = { kv, origin: head.origin };
    let lines = "";
    let note: string | null = null;
    return await transact<WitnessAnswer>(kv, async (): Promise<Decision<WitnessAnswer>> => {
      const read = await readWitnessHead(log);
      // A commit whose result was unknown has landed.
      if (note !== null && read?.value.note === note) return { done: { kind: "cosigned", lines } };
      const before = read?.value ?? { size: 0, root: emptyRoot(), cosignedAtS: 0 };
      if (old !== before.size) return { done: { kind: "conflict", size: before.size } };
      try {
        checkConsistency(old, before.root, head.size, head.root, proof);
      } catch (error) {
        const answer = refusedBy(error, "inconsistent");
        if (old === head.size && !equal(before.root, head.root)) {
          await keep(log, opened, "There are two heads of one size", true);
          return { done: { kind: "conflict", size: before.size } };
        }
        // A wrong proof is anybody's mistake; one that leads from this head to another past is the log's.
        const roots = consistencyRoots(old, before.root, head.size, proof);
        if (roots !== null && equal(roots.newer, head.root)) {
          await keep(log, opened, "It is of another history than the last head", true);
        }
        return { done: answer };
      }
      if (head.size === 0) {
        return { done: { kind: "cosigned", lines: (await cosigned(opened, timeAfter(0))).lines } };
      }
      try {
        await parts.examine?.(head);
      } catch (error) {
        if (!(error instanceof ExamineError)) throw error;
        if (error.kind === "unavailable") return { done: refused(error.kind, error.message) };
        await keep(log, opened, error.message, false);
        return { done: refused("inconsistent", error.message) };
      }
      const cosignedAtS = timeAfter(before.cosignedAtS);
      ({ lines, note } = await cosigned(opened, cosignedAtS));
      const { size, root } = head;
      const next = writeWitnessHead(log, { size, root, note, cosignedAtS });
      return {
        checks: [checkWitnessHead(log, read)],
        mutations: [next],
        then: { kind: "cosigned", lines },
      };
    });
  }

  /** Not before the last though the clock goes back; but a leap ahead, which no log believed, ends. */
  function timeAfter(beforeS: number): number {
    const nowS = Math.floor(now() / 1000);
    return beforeS > nowS + MAX_AHEAD_S ? nowS : Math.max(nowS, beforeS);
  }

  async function cosigned(
    { text, signatures }: OpenNote,
    atS: number,
  ): Promise<{ readonly lines: string; readonly note: string }> {
    const made = await Promise.all(cosigners.map((one) => one.sign(text, atS)));
    const lines = made.map(formatSignatureLine).join("");
    return { lines, note: formatNote(text, [...signatures, ...made]) };
  }

  async function keep(
    log: LogStore,
    opened: OpenNote,
    reason: string,
    isFork: boolean,
  ): Promise<void> {
    const note = formatNote(opened.text, opened.signatures);
    await keepRefusal(log, sha256(utf8(opened.text)), { reason, atMs: now(), note, isFork });
    report(`A head of ${log.origin} is not cosigned: ${reason}`, {
      level: "warn",
      event: "head_refused",
      log: log.origin,
    });
  }

  return {
    origins: [...verifiers.keys()],
    addCheckpoint,
    latest: async (origin) => (await readWitnessHead({ kv, origin }))?.value.note ?? null,
    refusals: (origin) => listRefusals({ kv, origin }),
  };
}

function originOf(text: string): string {
  return text.slice(0, text.indexOf("\n"));
}

/** A tree without leaves that has another root than it can have: a lie rather than a slip. */
function isWrongEmptyTree(text: string): boolean {
  return /^[^\n]+\n0\n[A-Za-z0-9+/]{43}=\n$/.test(text);
}

function refused(kind: RefusalKind, reason: string): WitnessAnswer {
  return { kind, reason };
}

function refusedBy(error: unknown, kind: RefusalKind): WitnessAnswer {
  if (!(error instanceof CryptoError)) throw error;
  return refused(kind, error.message);
}
