/**
 * `countersign verify`: judges a file offline, under the key of the log alone.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { judgeEvidence, type Judgement } from "../crypto/evidence.ts";
import { EVIDENCE_HEADER, parseEvidence } from "../crypto/evidence_text.ts";
import { parseLookupFile, verifyLookupFile } from "../crypto/lookup_file.ts";
import { type LogPolicy } from "../crypto/policy.ts";
import { type Command, readOptions } from "./command.ts";
import { describeLookup } from "./person.ts";
import { readPolicy, readText } from "./policy.ts";
import { shown } from "./shown.ts";

/** What a judgement means. */
const MEANINGS: Readonly<Record<Judgement, string>> = {
  forked: "the log signed two histories",
  falsified: "the log signed an epoch that breaks its own rules",
  consistent: "no fault: one history has all of it",
  unexplained: "the log signed it, and what came with it neither explains nor convicts",
};

/** Judges a file: a lookup, or evidence. */
export const verifyCommand: Command = {
  summary: "check a lookup's file, or judge evidence, offline",
  usage: `countersign verify <file> (--key <verifier key> | --policy <file>)

  Checks the file of a lookup ("countersign lookup --out") in every step, or judges what a client
  kept as evidence. Nothing is fetched. Exits with 0 where the file proves what it claims: the
  lookup verifies, or the evidence convicts; and with 1 where it does not.`,
  async run(args) {
    const { values, positionals } = readOptions(args, { key: "text", policy: "text" }, 1);
    const policy = await readPolicy(values);
    const text = await readText(positionals[0]!);
    try {
      return text.startsWith(EVIDENCE_HEADER)
        ? await judge(policy, text)
        : await check(policy, text);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      console.log(shown(`✗ ${error.code}: ${error.message}`));
      return 1;
    }
  },
};

async function judge(policy: LogPolicy, text: string): Promise<number> {
  const log = { origin: policy.logs[0]!.name, policy };
  const judgement = await judgeEvidence(log, parseEvidence(text));
  const convicts = judgement === "forked" || judgement === "falsified";
  console.log(`${convicts ? "✓" : "✗"} ${judgement}: ${MEANINGS[judgement]}`);
  return convicts ? 0 : 1;
}

async function check(policy: LogPolicy, text: string): Promise<number> {
  const file = parseLookupFile(text);
  const result = await verifyLookupFile(policy.logs[0]!.name, policy, file);
  for (const line of describeLookup(file.label, result, policy)) console.log(shown(line));
  return 0;
}
