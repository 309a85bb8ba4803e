/**
 * The text of a trust policy (C2SP tlog-policy), read strictly: unknown words, names used before
 * they are defined, and keys that are there twice are refused, because a policy that means something
 * else than its author thinks is worse than none.
 *
 *     line  = [word *(1*(SP / HTAB) word)] LF          "#" first: a comment
 *
 * A log's URL is read and not kept: what it means is the application's own affair.
 *
 * @module
 */

import { toBase64 } from "./base64.ts";
import { parseDecimal } from "./checkpoint_text.ts";
import { CryptoError } from "./error.ts";
import {
  formatVerifierKey,
  NOTE_KEY_TYPE,
  parseVerifierKey,
  type VerifierKey,
} from "./note_key.ts";
import { type LogPolicy, type PolicyGroup, type PolicyWitness } from "./policy.ts";

/** The longest policy that is read, in UTF-16 units. */
const MAX_POLICY_LENGTH = 256 * 1024;
/** The most logs, witnesses and groups, each; the format asks for 32 at least. */
const MAX_DEFINITIONS = 32;

const LOG_TYPES: readonly number[] = [NOTE_KEY_TYPE.ed25519, NOTE_KEY_TYPE.mlDsa44];
const WITNESS_TYPES: readonly number[] = [NOTE_KEY_TYPE.ed25519Cosignature, NOTE_KEY_TYPE.mlDsa44];

/**
 * Reads a policy.
 *
 * @throws CryptoError `malformed`; `bad_key` for a key that is none, or of a type that a log or a
 * witness does not have
 */
export function parsePolicy(text: string): LogPolicy {
  if (
    text.length > MAX_POLICY_LENGTH || !text.isWellFormed() ||
    /[^\t\n -~\x80-\u{10ffff}]/u.test(text)
  ) {
    throw malformed("it is too long, or not plain text with a line feed at the ends of its lines");
  }
  const logs: VerifierKey[] = [];
  const witnesses: PolicyWitness[] = [];
  const groups: PolicyGroup[] = [];
  const names = new Set<string>();
  const members = new Set<string>();
  const keys = new Set<string>();
  let quorum: string | null | undefined;

  function addName(name: string, list: readonly unknown[]): void {
    if (name === "none" || names.has(name)) throw fault("a name is defined twice");
    if (list.length === MAX_DEFINITIONS) throw fault("it has too many definitions");
    names.add(name);
  }

  function addKey(word: string, types: readonly number[]): VerifierKey {
    const key = parseVerifierKey(word);
    if (!types.includes(key.type)) {
      throw new CryptoError("bad_key", "its key is of a type that does not fit its use");
    }
    // Neither one key twice, whatever its names are, nor two keys that a note cannot tell apart.
    const marks = [toBase64(key.publicKey), `${key.keyId} ${key.name}`];
    if (marks.some((mark) => keys.has(mark))) throw fault("a key is there twice");
    for (const mark of marks) keys.add(mark);
    return key;
  }

  function define(line: string): void {
    const words = line.split(/[\t ]+/).filter((word) => word !== "");
    const [keyword, ...rest] = words;
    if (keyword === undefined || keyword.startsWith("#")) return;
    const count = rest.length;
    if (keyword === "log" && (count === 1 || count === 2)) {
      if (logs.length === MAX_DEFINITIONS) throw fault("it has too many definitions");
      logs.push(addKey(rest[0]!, LOG_TYPES));
    } else if (keyword === "witness" && (count === 2 || count === 3)) {
      const [id, vkey, url = null] = rest as [string, string, string?];
      addName(id, witnesses);
      witnesses.push({ id, key: addKey(vkey, WITNESS_TYPES), url });
    } else if (keyword === "group" && count >= 3) {
      const [id, rule, ...ids] = rest as [string, string, ...string[]];
      for (const member of ids) {
        if (!names.has(member)) throw fault("a group has a member that is not defined");
        if (members.has(member)) throw fault("a name is a member twice");
        members.add(member);
      }
      addName(id, groups);
      groups.push({ id, threshold: thresholdOf(rule, ids.length), members: ids });
    } else if (keyword === "quorum" && count === 1) {
      if (quorum !== undefined) throw fault("it is a second quorum");
      quorum = rest[0] === "none" ? null : rest[0]!;
      if (quorum !== null && !names.has(quorum)) throw fault("its quorum is not defined");
    } else if (["log", "witness", "group", "quorum"].includes(keyword)) {
      throw fault(`it has too few words for a ${keyword}, or too many`);
    } else {
      throw fault("it is neither log, witness, group nor quorum");
    }
  }

  for (const [index, line] of text.split("\n").entries()) {
    try {
      define(line);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      const where = `Cannot read the policy, line ${index + 1}`;
      throw new CryptoError(error.code, `${where}: ${error.message}`);
    }
  }
  if (quorum === undefined) throw malformed("it has no quorum");
  // Else a witness could seem to be the log wherever a name alone is looked at.
  if (witnesses.some(({ key }) => logs.some(({ name }) => name === key.name))) {
    throw malformed("a witness has the name of a log");
  }
  return { logs, witnesses, groups, quorum };
}

/** The text of a policy, one spelling for each. */
export function formatPolicy({ logs, witnesses, groups, quorum }: LogPolicy): string {
  const lines = [
    ...logs.map((key) => ["log", formatVerifierKey(key)]),
    ...witnesses.map(({ id, key, url }) => [
      "witness",
      id,
      formatVerifierKey(key),
      ...(url === null ? [] : [url]),
    ]),
    ...groups.map(({ id, threshold, members }) => ["group", id, `${threshold}`, ...members]),
    ["quorum", quorum ?? "none"],
  ];
  return lines.map((words) => `${words.join(" ")}\n`).join("");
}

function thresholdOf(rule: string, members: number): number {
  if (rule === "all") return members;
  if (rule === "any") return 1;
  const threshold = parseDecimal(rule);
  if (threshold === null || threshold < 1 || threshold > members) {
    throw fault("the threshold of a group is not one to the number of its members");
  }
  return threshold;
}

function malformed(why: string): CryptoError {
  return fault(`Cannot read the policy: ${why}`);
}

function fault(why: string): CryptoError {
  return new CryptoError("malformed", why);
}
