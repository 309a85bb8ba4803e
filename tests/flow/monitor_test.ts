/**
 * What a client that watches the log finds out about the people it knows, without calling them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { nextRecord, signRecord } from "../../crypto/record.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { openCore } from "../support/service_core.ts";
import { stage } from "../support/stage.ts";

Deno.test("whoever watches finds a contact whose next record nobody allowed, and stays with the old one", async () => {
  await using play = await stage();
  await play.alice.lookup("bob");
  assert.deepEqual(await play.alice.watchLog(), []);
  const label = parseAccountLabel("bob");
  let forged;
  {
    await using core = await openCore(play.kv);
    const before = (await core.accounts.record(label))!;
    const stranger = { signing: await generateSigningKeyPair() };
    const { devices } = before;
    const next = nextRecord(before, { kind: "update", devices, issuedMs: Date.now() });
    forged = await signRecord(before.account, next, [
      { role: "self", ...stranger },
      { role: "previous", ...stranger },
    ]);
  }
  await play.logAnyway("bob", 1, forged);
  const findings = await play.alice.watchLog();
  assert.deepEqual(findings.map((one) => [one.label, one.error.code]), [["bob", "proof_invalid"]]);
  play.liar.refusing = () => true;
  assert.deepEqual(await play.alice.watchLog(), [], "a service that is away is no finding");
});
