import assert from "node:assert/strict";
import { concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { ed25519Sign, ed25519Verify, sha256 } from "../../crypto/primitives.ts";
import { newRecoveryCode, openRecoveryCode, recoveryHash } from "../../crypto/recovery_code.ts";

const MALFORMED = { code: "malformed" };
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The code of a seed, by big integers. */
function codeOf(seed: Uint8Array, check?: Uint8Array): string {
  const tag = check ?? sha256(utf8("countersign/1 recovery-code\0"), seed).slice(0, 3);
  let value = BigInt(`0x${toHex(concat(seed, tag))}`);
  let text = "";
  for (let i = 0; i < 56; i++) {
    text = ALPHABET[Number(value % 32n)] + text;
    value /= 32n;
  }
  return text.match(/..../g)!.join("-");
}

Deno.test("a code is the seed and its check in fourteen groups of four", async () => {
  // RFC 8032, section 7.1, TEST 1.
  const seed = Uint8Array.from(
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".match(/../g)!,
    (byte) => parseInt(byte, 16),
  );
  const pair = await openRecoveryCode(codeOf(seed));
  assert.equal(
    toHex(pair.publicKey),
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  );
  assert.deepEqual(recoveryHash(pair), sha256(pair.publicKey));
  const message = utf8("message");
  const signature = await ed25519Sign(pair.privateKey, message);
  assert.ok(await ed25519Verify(pair.publicKey, message, signature));
  assert.equal(pair.privateKey.extractable, false);
});

Deno.test("a fresh code is another every time, and leads to one key", async () => {
  const codes = Array.from({ length: 50 }, newRecoveryCode);
  const keys = new Set<string>();
  for (const code of codes) {
    assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$/);
    keys.add(toHex((await openRecoveryCode(code)).publicKey));
  }
  assert.equal(keys.size, 50);
});

Deno.test("a code forgives what people do to it", async () => {
  const code = codeOf(new Uint8Array(32));
  const { publicKey } = await openRecoveryCode(code);
  const typed = [
    code.toLowerCase(),
    code.replaceAll("-", " "),
    ` ${code.replaceAll("-", "")}\n`,
    code.replaceAll("0", "O"),
    code.replaceAll("0", "o").replaceAll("1", "l"),
    code.replaceAll("1", "I"),
  ];
  for (const text of typed) {
    assert.deepEqual((await openRecoveryCode(text)).publicKey, publicKey, text);
  }
});

Deno.test("every wrong character and every pair of swapped groups is a typing error", async () => {
  const code = newRecoveryCode();
  const characters = code.replaceAll("-", "");
  for (let i = 0; i < characters.length; i++) {
    const other = ALPHABET[(ALPHABET.indexOf(characters[i]!) + 1 + i % 31) % 32]!;
    const typed = characters.slice(0, i) + other + characters.slice(i + 1);
    await assert.rejects(openRecoveryCode(typed), MALFORMED, typed);
  }
  const groups = code.split("-");
  for (let i = 1; i < groups.length; i++) {
    if (groups[i] === groups[i - 1]) continue;
    const swapped = [...groups];
    [swapped[i - 1], swapped[i]] = [groups[i]!, groups[i - 1]!];
    await assert.rejects(openRecoveryCode(swapped.join("-")), MALFORMED);
  }
});

Deno.test("what is no code is refused, and said to be none", async () => {
  const code = newRecoveryCode();
  const others = [
    "",
    "-",
    "0000-0000",
    code.slice(0, -1),
    code.slice(0, -5),
    `${code}-0000`,
    `${code}-0000-0000`,
    code.replace(/^./, "U"),
    `countersign-link:${code}`,
    codeOf(new Uint8Array(32), new Uint8Array(3)),
  ];
  for (const text of others) await assert.rejects(openRecoveryCode(text), MALFORMED, text);
});
