/**
 * Registration: the first record of a name, with this device in it, under the service's name policy.
 *
 * @module
 */

import { type AccountLabel } from "../crypto/account_label.ts";
import { signGenesis } from "../crypto/record.ts";
import { type Account, newEntry, type Registry } from "./account.ts";
import { authorizationFor, type Authorize, namePolicyOf } from "./authorization.ts";
import { claimName } from "./claim.ts";

const FIRST_DEVICE = 1;

/**
 * Registers a name with fresh keys and verifies that the log holds it.
 *
 * An attempt that was broken off is finished first, because its name may be taken by it.
 *
 * @param authorize gets what the name policy asks for, or null
 * @throws ClientError `name_taken`, `name_retired`, `authorization_required`, `refused`,
 * `device_removed`, and those of a lookup
 */
export function registerAccount(
  registry: Registry,
  label: AccountLabel,
  deviceName: string,
  authorize: Authorize | null,
): Promise<Account> {
  const { http, trust, now } = registry;
  return claimName(registry, "genesis", label, async (keys) => {
    const method = await namePolicyOf(http);
    const { token, auth } = await authorizationFor(method, keys.signing.publicKey, authorize);
    const entry = newEntry(FIRST_DEVICE, keys, now(), deviceName);
    const account = { origin: trust.origin, label };
    const record = await signGenesis(account, entry, keys, now(), auth);
    return { record, authorization: token };
  });
}
