/**
 * `countersign lookup`: looks somebody up as the account in a store, and keeps the proof if asked.
 *
 * @module
 */

import { type Account, loadAccount } from "../client/account.ts";
import { askForProof } from "../client/name_request.ts";
import { ClientError } from "../client/error.ts";
import { Http } from "../client/http.ts";
import { pinnedPolicy } from "../client/known_log.ts";
import { registerAccount } from "../client/registration.ts";
import { fileStore } from "../client/store_file.ts";
import { type Store } from "../client/store.ts";
import { Trust } from "../client/trust.ts";
import { canonicalAccountLabel } from "../crypto/account_label.ts";
import { CryptoError } from "../crypto/error.ts";
import { FIRST_CONTACT } from "../crypto/head.ts";
import { type LookupState, verifyLookup } from "../crypto/lookup.ts";
import { formatLookupFile } from "../crypto/lookup_file.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { descriptionFromWire } from "../wire/service.ts";
import { type Command, readOptions, UsageError } from "./command.ts";
import { describeLookup } from "./person.ts";
import { readText } from "./policy.ts";
import { shown } from "./shown.ts";

/** Looks somebody up. */
export const lookupCommand: Command = {
  summary: "look somebody up, verify the proof, and keep it",
  usage: `countersign lookup <name> --service <url> --store <file>
                   [--as <name>] [--key <verifier key> | --policy <file>] [--out <file>]

  Looks a name up as the account in the store, and verifies every step. --as registers that name first
  where the store has none. --key or --policy pins the log; without either its key is believed when it is
  first seen. --out keeps the proof as a file for "countersign verify".`,
  async run(args) {
    const { values, positionals } = readOptions(args, {
      service: "text",
      store: "text",
      as: "text",
      key: "text",
      policy: "text",
      out: "text",
    }, 1);
    const { service, store: path, key, out } = values;
    if (service === undefined || path === undefined) {
      throw new UsageError("--service and --store are needed");
    }
    const policy = values.policy === undefined ? undefined : await readText(values.policy);
    const store = await fileStore(path);
    try {
      const http = new Http(service, Date.now);
      const pinned = await pinnedPolicy({ logKey: key, policy });
      const trust = await Trust.open(http, store, Date.now, pinned);
      const account = await accountOf(store, http, trust, values.as);
      return await look(http, trust, account, positionals[0]!, out);
    } catch (error) {
      if (!(error instanceof ClientError) && !(error instanceof CryptoError)) throw error;
      console.log(shown(`✗ ${error.code}: ${error.message}`));
      return 1;
    } finally {
      store.close();
    }
  },
};

/** The account in the store, registered now where there is none and a name was given. */
async function accountOf(
  store: Store,
  http: Http,
  trust: Trust,
  name: string | undefined,
): Promise<Account> {
  const held = await loadAccount(store, trust.origin);
  if (held !== null) return held;
  if (name === undefined) throw new UsageError("The store has no account: register one with --as");
  const registry = { store, http, trust, now: Date.now };
  return await registerAccount(registry, canonicalAccountLabel(name), "countersign lookup", null);
}

/** Asks for the whole history, verifies it, says what it shows, and keeps it. */
async function look(
  http: Http,
  trust: Trust,
  account: Account,
  name: string,
  out: string | undefined,
): Promise<number> {
  const label = canonicalAccountLabel(name);
  const signer = { label: account.label, signing: account.self.keys.signing };
  const { config } = descriptionFromWire(await http.open("GET", WELL_KNOWN));
  const proofs: string[] = [];
  let pages: LookupState["pages"] = new Map();
  let through: number | null = null;
  for (;;) {
    const trusted = await trust.heads.trusted();
    const asking = { from: trusted.size, known: null, through };
    const answer = await askForProof(http, signer, label, asking);
    proofs.push(answer.proof);
    const state = { ...FIRST_CONTACT, trusted, known: null, pages };
    const result = await verifyLookup(trust.log, label, answer, state);
    if (result.kind === "partial") {
      ({ pages, through } = result);
      continue;
    }
    for (const line of describeLookup(label, result, trust.log.policy)) console.log(shown(line));
    if (out !== undefined) {
      await Deno.writeTextFile(out, formatLookupFile({ label, config, proofs }));
    }
    return 0;
  }
}
