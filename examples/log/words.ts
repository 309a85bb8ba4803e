/**
 * What the page says about heads, proofs and what is wrong with them.
 *
 * @module
 */

import {
  type HeadSight,
  type HeadSignature,
  type LookupView,
  type StepName,
} from "../../client/log_view.ts";

/** What each step is called. */
export const STEP_TITLES: Readonly<Record<StepName, string>> = {
  note: "Signed note",
  policy: "Policy",
  freshness: "Freshness",
  consistency: "Consistency",
  inclusion: "Inclusion",
  vrf: "Hidden indexes",
  ladder: "Ladder",
  prefix: "Prefix tree",
  commitment: "Openings",
  chain: "Records",
};

/** What is wrong where a step fails. */
const FAILURES: Readonly<Record<StepName, string>> = {
  note: "The log did not sign this head.",
  policy: "Too few of the witnesses cosigned this head.",
  freshness: "The witnesses vouched for this head too long ago.",
  consistency: "This head does not continue the one that this device trusts.",
  inclusion: "The newest ROOT is not where the head says.",
  vrf: "An index is not this name’s.",
  ladder: "The versions shown do not say which one is the newest.",
  prefix: "The leaves and hashes do not lead to the ROOT’s prefix tree.",
  commitment: "A record is not what its leaf commits to.",
  chain: "A record is not signed by the one before it.",
};

/** What a step found, in a sentence. */
export function stepText(name: StepName, view: LookupView, nowMs: number): string {
  const failed = view.steps.some((step) => step.name === name && step.verdict === "failed");
  if (failed) return FAILURES[name];
  const { versions } = view;
  const size = view.size ?? 0;
  switch (name) {
    case "note":
      return `The log signed a head of ${counted(size, "entry", "entries")}.`;
    case "policy":
      return "It has every signature that the log’s policy asks for.";
    case "freshness":
      return view.steps.some((step) => step.name === name && step.verdict === "passed")
        ? "Enough witnesses vouched for it within the last hour."
        : "Without witnesses nobody vouches for its time.";
    case "consistency":
      return "It continues the head that this device trusted before.";
    case "inclusion":
      return inclusionText(view, nowMs);
    case "vrf":
      return `${
        counted(versions.length, "index is", "indexes are")
      } this name’s, and nobody else’s.`;
    case "ladder":
      return ladderText(view);
    case "prefix":
      return "The way of each version leads to that ROOT’s prefix tree.";
    case "commitment":
      return view.greatest === null
        ? "Nothing to open: there is no record."
        : "The record shown is the one that its leaf commits to.";
    case "chain":
      return view.greatest === null
        ? "Nothing to follow: there is no record."
        : `${
          counted(view.records, "record", "records")
        } from the first to the newest, each one signed.`;
  }
}

function inclusionText({ size, rootMs, inclusion }: LookupView, nowMs: number): string {
  const hashes = counted(inclusion.length, "hash leads", "hashes lead");
  const last = `Entry ${((size ?? 1) - 1).toLocaleString("en")}, the last one`;
  return rootMs === null
    ? `${last}, is the log’s constitution.`
    : `${last}, is the newest ROOT, made ${ago(nowMs - rootMs)}. ${hashes} from it to the head.`;
}

function ladderText({ versions }: LookupView): string {
  const spelt = (present: boolean) =>
    versions.filter((one) => one.present === present).map(({ version }) => version)
      .sort((a, b) => a - b).join(", ");
  const [there, missing] = [spelt(true), spelt(false)];
  if (there === "") return `Version ${missing} is not there, so there is none.`;
  const isMany = there.includes(",");
  return `Version${isMany ? "s" : ""} ${there} ${isMany ? "are" : "is"} there, ${missing} ` +
    `${missing.includes(",") ? "are" : "is"} not: none is newer.`;
}

/** Headline and sentence over an answer. */
export function answerWords(view: LookupView): { readonly title: string; readonly text: string } {
  const { label, greatest } = view;
  switch (view.outcome) {
    case "present":
      return {
        title: label,
        text: greatest === 0
          ? "The newest record is version 0, the first one. The log has nothing newer."
          : `The newest record is version ${greatest}. The log has nothing newer.`,
      };
    case "absent":
      return { title: label, text: "Nobody has this name: the log proves that it has no version." };
    case "retired":
      return { title: label, text: "This name has ended, and nobody can take it again." };
    case "partial":
      return { title: label, text: "The newest part of a history that is longer than one proof." };
    case "refused":
      return {
        title: "The answer is false",
        text: `What came for ${label} does not verify. Nothing of it is believed.`,
      };
  }
}

/** Who signed: with which kind of key, and when. */
export function signatureText({ by, scheme, signedMs }: HeadSignature, nowMs: number): string {
  const role = by === "log" ? "the log" : "witness";
  return `${role}, ${scheme}${signedMs === null ? "" : `, ${ago(nowMs - signedMs)}`}`;
}

/** What the policy of the log asks for, and what came of it. */
export function policyText({ witnesses, freshMs, unknown }: HeadSight, nowMs: number): string {
  const strangers = unknown === 0
    ? ""
    : ` ${counted(unknown, "signature", "signatures")} of unknown keys count for nothing.`;
  if (witnesses === 0) {
    return `This log names no witnesses: only its own key vouches that all see the same.${strangers}`;
  }
  if (freshMs === null) {
    return `This log names ${
      counted(witnesses, "witness", "witnesses")
    } and needs none.${strangers}`;
  }
  return `Enough of its ${counted(witnesses, "witness", "witnesses")} vouch for this head as of ${
    ago(nowMs - freshMs)
  }.${strangers}`;
}

/** The newest epoch in words. */
export function epochText({ epoch }: HeadSight, nowMs: number): string {
  if (epoch === null) return "none yet";
  return `${ago(nowMs - epoch.timestampMs)}, ${counted(epoch.added, "version", "versions")} added`;
}

/** How the tree is drawn. */
export function treeText({ size, subtrees }: HeadSight): string {
  return `${counted(size, "entry", "entries")} in ${
    counted(subtrees.length, "complete subtree", "complete subtrees")
  }, folded from right to left into the root that was signed. Their hashes come from the log’s own tiles.`;
}

/** A number with its noun. */
export function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** A time that has passed, roughly. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 36 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/** The first and last bytes of a hash. */
export function shortHash(hex: string): string {
  return `${hex.slice(0, 8)}…${hex.slice(-8)}`;
}
