import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import {
  encodeCheckpoint,
  openCheckpoint,
  type SignedCheckpoint,
} from "../../crypto/checkpoint.ts";
import { type Cosigner, ed25519Cosigner, mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import {
  ed25519Signer,
  formatNote,
  type NoteSignature,
  type Signer,
  signNote,
} from "../../crypto/note.ts";
import { parseNote } from "../../crypto/note.ts";
import {
  formatVerifierKey,
  NOTE_KEY_TYPE,
  type VerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import {
  checkPolicy,
  freshnessOf,
  logOnlyPolicy,
  type LogPolicy,
  policyVerifiers,
} from "../../crypto/policy.ts";
import { formatPolicy, parsePolicy } from "../../crypto/policy_text.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { leafHash } from "../../crypto/tree.ts";

const MALFORMED = { code: "malformed" };
const ORIGIN = "countersign.example/kt/1";
const TEXT = encodeCheckpoint({ origin: ORIGIN, size: 7, root: leafHash(utf8("x")) });
const T = 1_800_000_000;

interface Log {
  readonly signer: Signer;
  readonly key: VerifierKey;
  readonly vkey: string;
}

async function makeLog(origin = ORIGIN): Promise<Log> {
  const pair = await generateSigningKeyPair();
  const key = verifierKey(origin, NOTE_KEY_TYPE.ed25519, pair.publicKey);
  return { signer: ed25519Signer(origin, pair), key, vkey: formatVerifierKey(key) };
}

async function witness(name: string): Promise<Cosigner & { vkey: string }> {
  const cosigner = ed25519Cosigner(name, await generateSigningKeyPair());
  return { ...cosigner, vkey: formatVerifierKey(cosigner.key) };
}

async function headOf(
  policy: LogPolicy,
  log: Log,
  cosigned: readonly (readonly [Cosigner, number])[],
): Promise<SignedCheckpoint> {
  const { signatures } = parseNote(await signNote(TEXT, [log.signer]));
  const lines: NoteSignature[] = [...signatures];
  for (const [cosigner, time] of cosigned) lines.push(await cosigner.sign(TEXT, time));
  return await openCheckpoint(formatNote(TEXT, lines), ORIGIN, policyVerifiers(policy));
}

/** Log, X1 X2 X3 (two of them), Y1 Y2 (any), both groups: the example of tlog-policy, smaller. */
async function example(): Promise<{ log: Log; w: Cosigner[]; text: string; policy: LogPolicy }> {
  const log = await makeLog();
  const w = await Promise.all(["x1", "x2", "x3", "y1", "y2"].map((n) => witness(`${n}.example`)));
  const text = `# who is believed
log ${log.vkey} https://countersign.example/log
\t witness X1 ${w[0]!.vkey}   https://x1.example/
witness X2 ${w[1]!.vkey}
  # more
witness X3 ${w[2]!.vkey}
group X-witnesses 2 X1 X2 X3

witness Y1 ${w[3]!.vkey}
witness Y2 ${w[4]!.vkey}
group Y-witnesses any Y1\tY2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;
  return { log, w, text, policy: parsePolicy(text) };
}

Deno.test("a policy is read as it is written, and written in one spelling", async () => {
  const { log, w, policy } = await example();
  assert.deepEqual(policy.logs, [log.key]);
  assert.deepEqual(policy.witnesses.map(({ id }) => id), ["X1", "X2", "X3", "Y1", "Y2"]);
  assert.deepEqual(policy.witnesses.map(({ key }) => key), w.map(({ key }) => key));
  assert.equal(policy.witnesses[0]!.url, "https://x1.example/");
  assert.equal(policy.witnesses[1]!.url, null);
  assert.deepEqual(policy.groups.map(({ threshold }) => threshold), [2, 1, 2]);
  assert.deepEqual(policy.groups[0]!.members, ["X1", "X2", "X3"]);
  assert.equal(policy.quorum, "X-and-Y");
  const written = formatPolicy(policy);
  assert.deepEqual(parsePolicy(written), policy);
  assert.equal(formatPolicy(parsePolicy(written)), written);
  const alone = logOnlyPolicy(log.key);
  assert.equal(formatPolicy(alone), `log ${log.vkey}\nquorum none\n`);
  assert.deepEqual(parsePolicy(formatPolicy(alone)), alone);
});

Deno.test("a policy that could mean something else is refused", async () => {
  const [log, a, b] = [await makeLog(), await witness("a.example"), await witness("b.example")];
  const [L, A, B] = [`log ${log.vkey}\n`, `witness A ${a.vkey}\n`, `witness B ${b.vkey}\n`];
  parsePolicy(`${L}${A}${B}group G 1 A B\nquorum G`);
  const bad: Record<string, string> = {
    "nothing": "",
    "no quorum": L + A,
    "two quorums": `${L}quorum none\nquorum none\n`,
    "an unknown quorum": `${L}quorum A\n`,
    "a quorum before its witness": `${L}quorum A\n${A}`,
    "a quorum of two": `${L}${A}${B}quorum A B\n`,
    "an unknown word": `${L}quorum none\nwitnesses A\n`,
    "a keyword in capitals": `${L}Quorum none\n`,
    "a log without key": "log\nquorum none\n",
    "a log with a word too many": `log ${log.vkey} url more\nquorum none\n`,
    "a witness without key": `${L}witness A\nquorum none\n`,
    "a witness with a word too many": `${L}witness A ${a.vkey} url more\nquorum none\n`,
    "a key that is none": `${L}witness A x+00000000\nquorum none\n`,
    "a witness called none": `${L}witness none ${a.vkey}\nquorum none\n`,
    "a group called none": `${L}${A}group none any A\nquorum A\n`,
    "a member called none": `${L}${A}group G 1 A none\nquorum G\n`,
    "two witnesses of one name": `${L}${A}witness A ${b.vkey}\nquorum A\n`,
    "a group with the name of a witness": `${L}${A}${B}group A any B\nquorum A\n`,
    "a group of itself": `${L}${A}group G any A G\nquorum G\n`,
    "a member that comes later": `${L}${A}group G any A B\n${B}quorum G\n`,
    "a group of nobody": `${L}${A}group G any\nquorum A\n`,
    "a threshold of zero": `${L}${A}group G 0 A\nquorum G\n`,
    "a threshold above its members": `${L}${A}group G 2 A\nquorum G\n`,
    "a threshold with a zero in front": `${L}${A}group G 01 A\nquorum G\n`,
    "a threshold with a sign": `${L}${A}group G +1 A\nquorum G\n`,
    "a threshold in another base": `${L}${A}group G 0x1 A\nquorum G\n`,
    "a member twice in a group": `${L}${A}group G 2 A A\nquorum G\n`,
    "a member of two groups": `${L}${A}${B}group G any A\ngroup H any A B\nquorum H\n`,
    "a witness of one key twice": `${L}${A}witness C ${a.vkey}\nquorum A\n`,
    "a log twice": `${L}${L}quorum none\n`,
    "a carriage return": `${L}quorum none\r\n`,
    "a control character": `${L}# \x00\nquorum none\n`,
    "a delete character": `${L}# \x7f\nquorum none\n`,
    "a lone surrogate": `${L}# \ud800\nquorum none\n`,
    "too long": `${L}quorum none\n#${"x".repeat(256 * 1024)}\n`,
  };
  for (const [what, text] of Object.entries(bad)) {
    assert.throws(() => parsePolicy(text), MALFORMED, what);
  }
  // Names are what is written, and may be of all of Unicode.
  parsePolicy(
    `${L}witness K ${a.vkey}\nwitness \u212a ${b.vkey}\ngroup G all K \u212a\nquorum G\n`,
  );
});

Deno.test("what is wrong with a policy is said, and in which line, and not what is written there", async () => {
  const [log, a] = [await makeLog(), await witness("a.example")];
  const head = `log ${log.vkey}\n\n`;
  const other = formatVerifierKey((await makeLog()).key).split("+")[1];
  const wrongId = log.vkey.replace(/\+[0-9a-f]{8}\+/, `+${other}+`);
  const says: [string, RegExp][] = [
    ["witnesses W\nquorum none\n", /, line 3: it is neither log, witness, group nor quorum$/],
    ["witness W\nquorum none\n", /, line 3: it has too few words for a witness, or too many$/],
    ["quorum none\nquorum none\n", /, line 4: it is a second quorum$/],
    [`witness W ${a.vkey}\ngroup G 2 W\n`, /, line 4: the threshold of a group is not one/],
    [`witness W ${log.vkey}\nquorum W\n`, /, line 3: its key is of a type that does not fit/],
    ["witness W x+00000000\nquorum W\n", /, line 3: Not a verifier key$/],
    [`log ${wrongId}\nquorum none\n`, /, line 3: The ID of a verifier key is not that of its/],
    ["quorum none\r\n", /: it is too long, or not plain text with a line feed/],
    ["", /: it has no quorum$/],
  ];
  for (const [rest, words] of says) {
    assert.throws(() => parsePolicy(head + rest), (error: Error) => {
      assert.match(error.message, words);
      assert.match(error.message, /^Cannot read the policy[:,]/);
      assert.ok(!error.message.includes("a.example"));
      return true;
    });
  }
});

Deno.test("a key has the type of its use, and is either a log's or a witness's", async () => {
  const pair = await generateSigningKeyPair();
  const plain = formatVerifierKey(verifierKey("n", 0x01, pair.publicKey));
  const timed = formatVerifierKey(verifierKey("n", 0x04, pair.publicKey));
  const pq = formatVerifierKey((await mlDsa44Cosigner("p", randomBytes(32))).key);
  parsePolicy(`log ${plain}\nlog ${pq}\nquorum none\n`);
  parsePolicy(`witness W ${timed}\nwitness P ${pq}\nquorum W\n`);
  assert.throws(() => parsePolicy(`log ${timed}\nquorum none\n`), { code: "bad_key" });
  assert.throws(() => parsePolicy(`witness W ${plain}\nquorum W\n`), { code: "bad_key" });
  // One key in both uses, and another key under the log's name.
  assert.throws(() => parsePolicy(`log ${plain}\nwitness W ${timed}\nquorum W\n`), MALFORMED);
  assert.throws(() => parsePolicy(`log ${pq}\nwitness W ${pq}\nquorum W\n`), MALFORMED);
  const log = await makeLog();
  const impostor = await witness(ORIGIN);
  for (const lines of [[`log ${log.vkey}`, `witness W ${impostor.vkey}`]]) {
    assert.throws(() => parsePolicy(`${lines.join("\n")}\nquorum W\n`), MALFORMED);
    assert.throws(() => parsePolicy(`${lines.reverse().join("\n")}\nquorum W\n`), MALFORMED);
  }
});

Deno.test("32 logs, 32 witnesses and 32 groups are read, and not one more", async () => {
  const lines: string[] = [];
  for (let i = 0; i < 32; i++) lines.push(`log ${(await makeLog(`log${i}`)).vkey}`);
  for (let i = 0; i < 32; i++) lines.push(`witness W${i} ${(await witness(`w${i}`)).vkey}`);
  for (let i = 0; i < 32; i++) lines.push(`group G${i} any W${i}`);
  lines.push("quorum G31");
  const text = `${lines.join("\n")}\n`;
  assert.equal(policyVerifiers(parsePolicy(text)).length, 64);
  for (
    const more of [
      `log ${(await makeLog("more")).vkey}`,
      `witness more ${(await witness("more")).vkey}`,
      "group more any G0",
    ]
  ) {
    assert.throws(() => parsePolicy(`${text}${more}\n`), MALFORMED);
  }
});

Deno.test("a head is believed when the quorum cosigned it, and not otherwise", async () => {
  const { log, w, policy } = await example();
  const [x1, x2, x3, y1, y2] = w as [Cosigner, Cosigner, Cosigner, Cosigner, Cosigner];
  const missing: Cosigner[][] = [[], [x1], [x1, x2, x3], [y1, y2], [x1, y1, y2]];
  for (const cosigners of missing) {
    const head = await headOf(policy, log, cosigners.map((c) => [c, T] as const));
    assert.throws(() => checkPolicy(policy, head, null), { code: "quorum_missing" });
    assert.throws(() => freshnessOf(policy, head), { code: "quorum_missing" });
  }
  for (const cosigners of [[x1, x2, y1], [x3, x2, y2], w]) {
    const head = await headOf(policy, log, cosigners.map((c) => [c, T] as const));
    checkPolicy(policy, head, null);
  }
  // Strangers, and one witness many times, add nothing.
  const stranger = await witness("z.example");
  const head = await headOf(policy, log, [[x1, T], [x1, T + 1], [x1, T + 2], [y1, T], [
    stranger,
    T,
  ]]);
  assert.throws(() => checkPolicy(policy, head, null), { code: "quorum_missing" });
});

Deno.test("a witness with two keys counts once where its policy says so", async () => {
  const log = await makeLog();
  const [a, b] = [await witness("a.example"), await witness("b.example")];
  const pq = await mlDsa44Cosigner("a.example", randomBytes(32));
  const policy = parsePolicy(`log ${log.vkey}
witness a ${a.vkey}
witness a-pq ${formatVerifierKey(pq.key)}
witness b ${b.vkey}
group A any a a-pq
group both all A b
quorum both
`);
  const twice = await headOf(policy, log, [[a, T], [pq, T + 5]]);
  assert.throws(() => checkPolicy(policy, twice, null), { code: "quorum_missing" });
  const head = await headOf(policy, log, [[a, T], [pq, T + 5], [b, T + 9]]);
  assert.equal(freshnessOf(policy, head), (T + 5) * 1000);
});

Deno.test("a head is as fresh as the quorum's latest cosignatures", async () => {
  const { log, w, policy } = await example();
  const [x1, x2, x3, y1, y2] = w as [Cosigner, Cosigner, Cosigner, Cosigner, Cosigner];
  const head = await headOf(policy, log, [[x1, T], [x2, T + 20], [x3, T + 30], [y1, T + 25], [
    y2,
    T + 5,
  ]]);
  // X is witnessed as of its second latest, Y as of its latest, both as of the earlier of the two.
  assert.equal(freshnessOf(policy, head), (T + 20) * 1000);
  checkPolicy(policy, head, (T + 20) * 1000);
  assert.throws(() => checkPolicy(policy, head, (T + 20) * 1000 + 1), { code: "stale_head" });
  // A quorum of old cosignatures is not made fresh by one new one.
  const old = await headOf(policy, log, [[x1, T], [x2, T], [x3, T + 999], [y1, T + 999]]);
  assert.equal(freshnessOf(policy, old), T * 1000);
  // No quorum, no freshness.
  const alone = logOnlyPolicy(log.key);
  const bare = await headOf(alone, log, []);
  assert.equal(freshnessOf(alone, bare), null);
  checkPolicy(alone, bare, Number.MAX_SAFE_INTEGER);
});

Deno.test("a head is of a log of the policy, under that log's own origin", async () => {
  const { log, w, policy } = await example();
  const [x1, x2, , y1] = w as [Cosigner, Cosigner, Cosigner, Cosigner];
  const head = await headOf(policy, log, [[x1, T], [x2, T], [y1, T]]);
  checkPolicy(policy, head, null);
  const others = { ...policy, logs: [(await makeLog()).key] };
  assert.throws(() => checkPolicy(others, head, null), { code: "other_log" });
  assert.throws(() => checkPolicy({ ...policy, logs: [] }, head, null), { code: "other_log" });
  // Another log of the same policy signs for its own origin only.
  const second = await makeLog("other.example/kt/1");
  const two = { ...policy, logs: [log.key, second.key] };
  const { signatures } = parseNote(await signNote(TEXT, [second.signer]));
  const note = { text: TEXT, signatures, unknown: [] };
  const forged = {
    ...head,
    note: { ...note, signatures: [...signatures, ...head.note.signatures.slice(1)] },
  };
  assert.throws(() => checkPolicy(two, forged, null), { code: "other_log" });
  // An ML-DSA-44 key of the log is an alternative to its Ed25519 key.
  const pq = await mlDsa44Cosigner(ORIGIN, randomBytes(32));
  const either = parsePolicy(
    `log ${log.vkey}\nlog ${formatVerifierKey(pq.key)}\nquorum none\n`,
  );
  const signed = formatNote(TEXT, [await pq.sign(TEXT, T)]);
  checkPolicy(either, await openCheckpoint(signed, ORIGIN, policyVerifiers(either)), null);
});
