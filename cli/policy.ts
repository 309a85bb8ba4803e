/**
 * Which log a command believes: its key, or a policy's file.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { parseVerifierKey } from "../crypto/note_key.ts";
import { logOnlyPolicy, type LogPolicy } from "../crypto/policy.ts";
import { parsePolicy } from "../crypto/policy_text.ts";
import { CommandError, UsageError } from "./command.ts";

/** Reads the policy that a command's flags name, one of the two. @throws UsageError, CommandError */
export async function readPolicy(
  { key, policy: file }: { readonly key: string | undefined; readonly policy: string | undefined },
): Promise<LogPolicy> {
  if ((key === undefined) === (file === undefined)) {
    throw new UsageError("Name the log by --key or --policy, one of the two");
  }
  const policy = key === undefined ? policyOf(await readText(file!)) : policyOfKey(key);
  if (new Set(policy.logs.map(({ name }) => name)).size !== 1) {
    throw new CommandError("The policy has to be of one log");
  }
  return policy;
}

/** A file's text. @throws CommandError */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    throw new CommandError(`${path} can't be read`);
  }
}

function policyOf(text: string): LogPolicy {
  try {
    return parsePolicy(text);
  } catch (error) {
    throw new CommandError(error instanceof CryptoError ? error.message : "Not a policy");
  }
}

function policyOfKey(key: string): LogPolicy {
  try {
    return logOnlyPolicy(parseVerifierKey(key));
  } catch {
    throw new CommandError("--key has the form name+hash+key");
  }
}
