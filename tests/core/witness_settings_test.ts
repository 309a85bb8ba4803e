import assert from "node:assert/strict";
import { formatVerifierKey } from "../../crypto/note_key.ts";
import { readWitnessSettings } from "../../core/witness_settings.ts";
import { cosignerOf } from "../support/test_witness.ts";

const KEY = formatVerifierKey((await cosignerOf("w.invalid/w", "ed25519")).key);

/** Reads settings whose policy is this text. */
function read(text: string, auditors = "") {
  return readWitnessSettings({ policy: "p", auditors }, () => Promise.resolve(text));
}

Deno.test("a policy's witnesses are asked every ten seconds, and again after ten minutes", async () => {
  for (const url of ["https://w.example", "http://127.0.0.1:9/w", "http://[::1]:9"]) {
    const settings = await read(`witness w ${KEY} ${url}\nquorum w\n`, " w ");
    assert.ok(settings !== null);
    const { policy, auditors, intervalMs, heartbeatMs } = settings;
    assert.deepEqual([auditors, intervalMs, heartbeatMs], [["w"], 10_000, 600_000]);
    assert.equal(policy.witnesses[0]!.url, url);
  }
});

Deno.test("without a policy there are no witnesses, and auditors would be none", async () => {
  const unread = () => Promise.reject(new Error("bug: nothing is read"));
  assert.equal(await readWitnessSettings({}, unread), null);
  assert.equal(await readWitnessSettings({ policy: "", auditors: "" }, unread), null);
  await assert.rejects(readWitnessSettings({ auditors: "w" }, unread), /no effect without/);
});

Deno.test("a policy that would do nothing, or says something else, is refused", async () => {
  const good = `witness w ${KEY} https://w.example`;
  const tries: readonly [string, string, RegExp][] = [
    [`${good}\nquorum none\n`, "", /its quorum is none/],
    [`witness w ${KEY}\nquorum w\n`, "", /without a URL/],
    [`${good}\nquorum w\n`, "v", /no witness of the policy/],
    [`${good}\nquorum w\nquorom w\n`, "", /Cannot read the policy/],
    ["", "", /Cannot read the policy/],
    ...["http://w.example", "ftp://127.0.0.1", "w", "https://a@w.example", "https://w.example?a"]
      .map((url): [string, string, RegExp] => [
        `witness w ${KEY} ${url}\nquorum w\n`,
        "",
        /not https, nor of loopback/,
      ]),
  ];
  for (const [text, auditors, sentence] of tries) {
    await assert.rejects(read(text, auditors), sentence, text);
  }
});
