/**
 * One witness as a log sees it (C2SP tlog-witness): what it is asked, and what of its answer counts.
 *
 *     POST <url>/add-checkpoint    "old " size LF *63(base64(hash) LF) LF signed checkpoint
 *     200   1*64 signature lines   409  decimal(size) LF, text/x.tlog.size   422  it is not continued
 *     GET <url>/<hex SHA-256(origin)>/checkpoint    the newest note that the witness cosigned
 *
 * Nothing that a witness answers is believed. A signature counts once it verified under the key that
 * the policy has for this witness, over the very text that was sent, with a time that is neither
 * ahead of ours nor long before it was asked; one that does not verify spoils the whole answer. A size
 * that is behind ours is only where the proof begins. No word of an answer gets into a sentence.
 *
 * @module
 */

import { toBase64 } from "../crypto/base64.ts";
import { type Bytes, toHex, utf8 } from "../crypto/bytes.ts";
import { openCheckpoint, parseDecimal } from "../crypto/checkpoint.ts";
import { cosignedAtMs } from "../crypto/cosignature.ts";
import { formatNote, type NoteSignature, parseSignatureLines } from "../crypto/note.ts";
import { noteVerifier, type Verifier } from "../crypto/note_key.ts";
import { type PolicyWitness } from "../crypto/policy.ts";
import { sha256 } from "../crypto/primitives.ts";
import { HttpAnswerError, readAnswer } from "./http_answer.ts";

/** What a witness is asked to cosign. */
export interface CosignRequest {
  /** The text of the checkpoint. */
  readonly text: string;
  /** The text with the log's signatures: a note. */
  readonly note: string;
  /** Its size. */
  readonly size: number;
  /** Where a witness that was never asked is likely to be. */
  readonly guess: number;
  /** Proves that the tree of `size` extends the tree of `from`. */
  readonly prove: (from: number) => Promise<readonly Bytes[]>;
}

/** How a witness says that it knows something else than what was sent. */
export type Dissent =
  /** It has a larger head. */
  | "ahead"
  /** It has a head of this size with another root. */
  | "contradicts"
  /** It does not take this for a continuation of what it has, or has something else against it. */
  | "refuses";

/** What a witness did: cosign, or say that it knows something else. */
export type SiteAnswer =
  | { readonly kind: "cosigned"; readonly cosignatures: readonly NoteSignature[] }
  | { readonly kind: Dissent; /** The size that it says it has. */ readonly size: number };

/** A head that the log's own key signed, as a witness shows it. */
export interface ShownHead {
  /** Its size. */
  readonly size: number;
  /** Its note. */
  readonly note: string;
}

/** One service that cosigns, under one key or several. */
export interface WitnessSite {
  /** Its name in the policy, or its names. */
  readonly id: string;
  /**
   * Asks it to cosign a head.
   *
   * @throws HttpAnswerError, CryptoError where its answer is none; what `prove` and `fetch` throw
   */
  cosign(request: CosignRequest, signal: AbortSignal): Promise<SiteAnswer>;
  /** The newest head that it shows under the log's own key, or null. Never throws. */
  shown(signal: AbortSignal): Promise<ShownHead | null>;
}

/** What a site is asked for. */
export interface SiteParts {
  /** The log's origin. */
  readonly origin: string;
  /** The log's own keys, for the heads that witnesses show. */
  readonly logVerifiers: readonly Verifier[];
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** The way to the network. */
  readonly send: typeof fetch;
}

/** How far a cosignature's time may be ahead of ours, or before the request, in milliseconds. */
const MAX_SKEW_MS = 300_000;
/** Longest answer, in bytes: a few lines, of which one of ML-DSA-44 has 3.3 kB. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Longest answer with a size, in bytes. */
const MAX_SIZE_BYTES = 32;

/** The service at a URL. @param same the witnesses of the policy that have it */
export function witnessSite(
  url: string,
  same: readonly PolicyWitness[],
  { origin, logVerifiers, now, send }: SiteParts,
): WitnessSite {
  const keys = same.map(({ key }) => ({ type: key.type, verifier: noteVerifier(key) }));
  /** The size that it had last, or null where it was never heard of. */
  let known: number | null = null;

  async function cosign(request: CosignRequest, signal: AbortSignal): Promise<SiteAnswer> {
    const { size } = request;
    const askedMs = now();
    let old = Math.min(known ?? request.guess, size);
    for (let tries = 0; tries < 2; tries++) {
      const proof = old === 0 || old === size ? [] : await request.prove(old);
      const lines = [`old ${old}`, ...proof.map(toBase64), "", request.note];
      const response = await send(`${url}/add-checkpoint`, {
        method: "POST",
        headers: { "content-type": "text/plain; charset=utf-8" },
        body: lines.join("\n"),
        redirect: "manual",
        signal,
      });
      if (response.status === 200) {
        const text = await readAnswer(response, MAX_ANSWER_BYTES);
        const cosignatures = await verified(request.text, text, askedMs);
        known = size;
        return { kind: "cosigned", cosignatures };
      }
      // Then it compared two roots and nothing else: no proof was sent that it could dislike.
      const isSame = old === size && size > 0;
      if (response.status === 422) {
        await response.body?.cancel();
        return { kind: isSame ? "contradicts" : "refuses", size: old };
      }
      if (response.status !== 409) {
        await response.body?.cancel();
        throw new HttpAnswerError(`it answered with status ${response.status}`);
      }
      const theirs = await sizeOf(response, isSame ? size : null);
      if (theirs === old) {
        if (isSame) return { kind: "contradicts", size };
        throw new HttpAnswerError("it refuses the size that it says it has");
      }
      known = theirs;
      if (theirs > size) return { kind: "ahead", size: theirs };
      old = theirs;
    }
    throw new HttpAnswerError("its size changed while it was asked");
  }

  /** Every line of a key that is the witness's own, verified. @throws HttpAnswerError, CryptoError */
  async function verified(
    text: string,
    answer: string,
    askedMs: number,
  ): Promise<NoteSignature[]> {
    const message = utf8(text);
    const ours = new Map<Verifier, NoteSignature>();
    for (const line of parseSignatureLines(answer)) {
      const key = keys.find(({ verifier: { name, keyId } }) =>
        name === line.name && keyId === line.keyId
      );
      if (key === undefined) continue;
      if (!await key.verifier.verify(message, line.signature)) {
        throw new HttpAnswerError("its cosignature does not verify");
      }
      const atMs = cosignedAtMs(line, key.type);
      if (atMs === null || atMs === 0) throw new HttpAnswerError("its cosignature has no time");
      if (atMs > now() + MAX_SKEW_MS) {
        throw new HttpAnswerError("its cosignature is of the future: one of both clocks is wrong");
      }
      // An old one would make the head that it is published with as old.
      if (atMs < askedMs - MAX_SKEW_MS) {
        throw new HttpAnswerError("its cosignature is of the past: one of both clocks is wrong");
      }
      if (!ours.has(key.verifier)) ours.set(key.verifier, line);
    }
    if (ours.size === 0) throw new HttpAnswerError("no cosignature of it is under its own key");
    return [...ours.values()];
  }

  async function shown(signal: AbortSignal): Promise<ShownHead | null> {
    try {
      const path = toHex(sha256(utf8(origin)));
      const response = await send(`${url}/${path}/checkpoint`, { redirect: "manual", signal });
      if (response.status !== 200) {
        await response.body?.cancel();
        return null;
      }
      const answer = await readAnswer(response, MAX_ANSWER_BYTES);
      const { size, note } = await openCheckpoint(answer, origin, logVerifiers);
      // The log's own signatures alone: what else stands below convicts nobody, and may be long.
      return { size, note: formatNote(note.text, note.signatures) };
    } catch {
      // It is asked for more than it owes us; whatever else it answers shows nothing.
      return null;
    }
  }

  return { id: same.map(({ id }) => id).join(" and "), cosign, shown };
}

/**
 * The size in an answer of status 409.
 *
 * @param otherwise what it stands for without a size: of two roots of one size the protocol asks for
 * the status alone
 * @throws HttpAnswerError
 */
async function sizeOf(response: Response, otherwise: number | null): Promise<number> {
  const type = response.headers.get("content-type")?.split(";")[0]?.trim();
  if (type !== "text/x.tlog.size") {
    await response.body?.cancel();
    if (otherwise !== null) return otherwise;
    throw new HttpAnswerError("it says that our size is wrong, but not which it has");
  }
  const line = /^([0-9]+)\n$/.exec(await readAnswer(response, MAX_SIZE_BYTES));
  const size = line === null ? null : parseDecimal(line[1]!);
  if (size === null) throw new HttpAnswerError("the size that it answers is none");
  return size;
}
