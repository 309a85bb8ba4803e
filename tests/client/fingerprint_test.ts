import assert from "node:assert/strict";
import { checkCertificates, checkDescription, describe } from "../../client/fingerprint.ts";

const HASH = "ab".repeat(32);
const LINE = `a=fingerprint:sha-256 ${HASH.toUpperCase().match(/../g)!.join(":")}`;
const OTHER = LINE.replace("AB", "AC");
const mismatch = { name: "ClientError", code: "fingerprint_mismatch" };

Deno.test("an SDP is described with the certificate it names, however often it names it", () => {
  assert.deepEqual(describe(`v=0\r\n${LINE}\r\nm=audio\r\n${LINE}\r\n`).fingerprints, [HASH]);
});

Deno.test("a description that names just the promised certificate is taken", () => {
  checkDescription({ sdp: `v=0\r\n${LINE}\r\n`, fingerprints: [HASH] });
  checkDescription({ sdp: `v=0\n${LINE.toLowerCase()}\n`, fingerprints: [HASH] });
});

for (
  const [what, sdp, fingerprints] of [
    ["names another certificate", `v=0\r\n${OTHER}\r\n`, [HASH]],
    ["names another one as well", `v=0\r\n${LINE}\r\n${OTHER}\r\n`, [HASH]],
    ["names none", "v=0\r\n", [HASH]],
    ["uses another hash", `v=0\r\n${LINE.replace("256", "1")}\r\n`, [HASH]],
    ["uses another hash as well", `v=0\r\n${LINE}\r\na=fingerprint:sha-1 AB:CD\r\n`, [HASH]],
    ["cuts the hash short", `v=0\r\n${LINE.slice(0, -3)}\r\n`, [HASH]],
    ["promises none", `v=0\r\n${LINE}\r\n`, []],
    ["promises two", `v=0\r\n${LINE}\r\n`, [HASH, "ac".repeat(32)]],
    ["hides its line behind a bare carriage return", `v=0\r${OTHER}\r${LINE}\r\n`, [HASH]],
    ["writes the attribute in capitals", `v=0\r\n${LINE}\r\nA=FINGERPRINT:sha-256 00\r\n`, [HASH]],
  ] as const
) {
  Deno.test(`a description that ${what} is refused`, () => {
    assert.throws(() => checkDescription({ sdp, fingerprints }), mismatch);
  });
}

Deno.test("the certificate that DTLS saw must be the promised one, on every transport", () => {
  const promised = { sdp: "", fingerprints: [HASH] };
  const seen = new Uint8Array(32).fill(0xab);
  const other = new Uint8Array(32).fill(0xac);
  checkCertificates(promised, [seen]);
  for (const certificates of [[], [other], [seen, other], [other, seen]]) {
    assert.throws(() => checkCertificates(promised, certificates), mismatch);
  }
});
