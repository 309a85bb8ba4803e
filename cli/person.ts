/**
 * A verified lookup in words: names of devices are whatever their owners wrote (`shown.ts`).
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { toHex } from "../crypto/bytes.ts";
import { type LookupResult } from "../crypto/lookup.ts";
import { freshnessOf, type LogPolicy } from "../crypto/policy.ts";

/** What a lookup showed, a line each. */
export function describeLookup(
  label: AccountLabel,
  result: Exclude<LookupResult, { readonly kind: "partial" }>,
  policy: LogPolicy,
): string[] {
  const { head } = result;
  const signers = head.note.signatures.map(({ name }) => name).join(", ");
  const freshMs = freshnessOf(policy, head);
  const age = freshMs === null ? "no witness asked for" : new Date(freshMs).toISOString();
  const about = [
    `  head      ${head.size} entries, root ${toHex(head.root).slice(0, 16)}…`,
    `  signed    ${signers}`,
    `  witnessed ${age}`,
  ];
  if (result.kind !== "present") return [`✓ ${label} is ${result.kind}, proven`, ...about];
  const { record } = result.current;
  return [
    `✓ ${label}, version ${record.version}, is proven to be the newest`,
    ...record.devices.map(({ entry }) =>
      `  device ${entry.deviceId}  ${toHex(entry.signing).slice(0, 16)}…  ${entry.name}`
    ),
    ...result.chain.map(({ version, kind, issuedMs }) =>
      `  version ${version} ${kind}, dated ${new Date(issuedMs).toISOString()}`
    ),
    ...about,
  ];
}
