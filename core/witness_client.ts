/**
 * The witnesses of a log, asked all at once, each within its own time.
 *
 * A witness that fails is counted and reported, in one sentence whenever it fails in a new way. What
 * can't be brushed aside is a witness that knows *more* than we do, or another tree of the size that
 * we sent, or that refuses ours and shows a head of its own: this is a finding, and the publisher's to
 * judge. Those that share a URL are one service with several keys, and are asked once.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { type NoteSignature } from "../crypto/note.ts";
import { type Verifier } from "../crypto/note_key.ts";
import { type PolicyWitness } from "../crypto/policy.ts";
import { HttpAnswerError } from "./http_answer.ts";
import {
  type CosignRequest,
  type Dissent,
  type ShownHead,
  type SiteParts,
  type WitnessSite,
  witnessSite,
} from "./witness_site.ts";
import { type Report } from "./report.ts";

/** What witnesses are asked to cosign, and when they have. */
export interface GatherRequest extends CosignRequest {
  /** Whether these cosignatures are enough, so that the others need not be waited for. */
  readonly isEnough: (cosignatures: readonly NoteSignature[]) => boolean;
  /** Whether the others are waited for all the same, each its whole time: what they know matters. */
  readonly isPatient: boolean;
}

/** A witness that knows something which this log does not. */
export interface Finding {
  /** How it said so. */
  readonly kind: Dissent;
  /** The witness's name in the policy. */
  readonly id: string;
  /** The size that it says it has. */
  readonly size: number;
  /** The newest head under the log's own key that it shows, which may prove it or not; or null. */
  readonly shown: ShownHead | null;
}

/** What the witnesses answered. */
export interface Gathering {
  /** Verified cosignatures, one for each key. */
  readonly cosignatures: readonly NoteSignature[];
  /** What must be looked at. */
  readonly findings: readonly Finding[];
}

/** How often a witness did what it was asked. */
export interface WitnessCount {
  /** The witness's name in the policy. */
  readonly id: string;
  /** Requests that it cosigned. */
  readonly cosigned: number;
  /** Requests that it refused, did not answer in time, or answered with something else. */
  readonly failed: number;
}

/** The witnesses of a log. */
export interface WitnessClient {
  /** Asks all of them, until all answered or enough did and a moment passed. Never throws. */
  gather(request: GatherRequest): Promise<Gathering>;
  /** What each of them did since the start. */
  counts(): readonly WitnessCount[];
  /** Gives up what is under way. */
  close(): void;
}

/** What a client works with. */
export interface WitnessClientParts {
  /** The log's origin. */
  readonly origin: string;
  /** The log's own keys, for the heads that witnesses show. */
  readonly logVerifiers: readonly Verifier[];
  /** Those of the policy; one without a URL is not asked. */
  readonly witnesses: readonly PolicyWitness[];
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Is given a sentence when a witness fails in a new way, and when it works again. */
  readonly report: Report;
  /** How long one witness may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** How long the others are waited for once there is enough, in milliseconds. */
  readonly graceMs?: number;
  /** Another way to the network, for tests. */
  readonly fetch?: typeof fetch;
}

/** How long one witness may take, in milliseconds; an auditor replays what is new first. */
const TIMEOUT_MS = 8_000;
const GRACE_MS = 500;

/** A site with what became of its requests. */
interface Asked {
  readonly site: WitnessSite;
  /** How it failed last, or null where it did not. */
  trouble: string | null;
  cosigned: number;
  failed: number;
}

/** The witnesses of a log, none of them asked yet. */
export function openWitnesses(parts: WitnessClientParts): WitnessClient {
  const { origin, logVerifiers, now, report } = parts;
  const { timeoutMs = TIMEOUT_MS, graceMs = GRACE_MS, fetch: send = fetch } = parts;
  const all = sitesOf(parts.witnesses, { origin, logVerifiers, now, send })
    .map((site): Asked => ({ site, trouble: null, cosigned: 0, failed: 0 }));
  const closing = new AbortController();

  /** Its cosignatures, or what it knows instead, or nothing. */
  async function settle(
    asked: Asked,
    request: GatherRequest,
    ending: AbortSignal,
  ): Promise<readonly NoteSignature[] | Finding> {
    const { site } = asked;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    const signal = AbortSignal.any([ending, late.signal]);
    try {
      const answer = await site.cosign(request, signal);
      if (answer.kind !== "cosigned") {
        const { kind, size } = answer;
        const shown = await site.shown(signal);
        // Anybody may dislike a head: what it shows says whether it knows another history.
        if (kind === "refuses") failed(asked, "it answered with status 422");
        return kind === "refuses" && shown === null ? [] : { kind, id: site.id, size, shown };
      }
      asked.cosigned++;
      if (asked.trouble !== null) {
        const facts = { level: "info", event: "witness_back", witness: site.id } as const;
        report(`Witness ${site.id} cosigns again`, facts);
      }
      asked.trouble = null;
      return answer.cosignatures;
    } catch (error) {
      // Nobody waits for it any more, which says nothing about it.
      if (ending.aborted) return [];
      failed(asked, late.signal.aborted ? "it did not answer in time" : troubleOf(error));
      return [];
    } finally {
      clearTimeout(timer);
    }
  }

  function failed(asked: Asked, trouble: string): void {
    asked.failed++;
    if (trouble !== asked.trouble) {
      const facts = { level: "warn", event: "witness_failed", witness: asked.site.id } as const;
      report(`Witness ${asked.site.id} does not cosign: ${trouble}`, facts);
    }
    asked.trouble = trouble;
  }

  async function gather(request: GatherRequest): Promise<Gathering> {
    const cosignatures: NoteSignature[] = [];
    const findings: Finding[] = [];
    const grace = new AbortController();
    const ending = AbortSignal.any([grace.signal, closing.signal]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.all(all.map(async (asked) => {
      const settled = await settle(asked, request, ending);
      if ("kind" in settled) findings.push(settled);
      else cosignatures.push(...settled);
      if (timer === undefined && !request.isPatient && request.isEnough(cosignatures)) {
        timer = setTimeout(() => grace.abort(), graceMs);
      }
    }));
    clearTimeout(timer);
    return { cosignatures, findings };
  }

  return {
    gather,
    counts: () => all.map(({ site: { id }, cosigned, failed }) => ({ id, cosigned, failed })),
    close: () => closing.abort(),
  };
}

function sitesOf(witnesses: readonly PolicyWitness[], parts: SiteParts): WitnessSite[] {
  const byUrl = new Map<string, PolicyWitness[]>();
  for (const witness of witnesses) {
    if (witness.url === null) continue;
    const url = witness.url.replace(/\/+$/, "");
    byUrl.set(url, [...byUrl.get(url) ?? [], witness]);
  }
  return [...byUrl].map(([url, same]) => witnessSite(url, same, parts));
}

/** What went wrong, without a word of the witness's own. */
function troubleOf(error: unknown): string {
  if (error instanceof HttpAnswerError) return error.message;
  if (error instanceof CryptoError) return "its answer is not of signature lines";
  return "it can't be reached";
}
