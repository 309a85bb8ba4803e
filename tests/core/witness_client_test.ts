import assert from "node:assert/strict";
import { encodeCheckpoint } from "../../crypto/checkpoint.ts";
import { cosignedAtMs } from "../../crypto/cosignature.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { formatSignatureLine, type NoteSignature, signNote } from "../../crypto/note.ts";
import { ed25519Signer, NOTE_KEY_TYPE, noteVerifier, verifierKey } from "../../crypto/note_key.ts";
import { buildConsistency, leafHash, planConsistency, rootOf } from "../../crypto/tree.ts";
import { openWitnesses, type WitnessClient } from "../../core/witness_client.ts";
import { type GatherRequest } from "../../core/witness_client.ts";
import {
  cosignerOf,
  sizeAnswer,
  startWitness,
  type Story,
  type TestWitness,
} from "../support/test_witness.ts";

const ORIGIN = "test.invalid/kt/1";

/** A log of 32 leaves, and any head of it. */
async function tree(leafOf = (i: number) => `leaf ${i}`) {
  const { signing } = await generateDeviceKeys();
  const leaves = Array.from({ length: 32 }, (_, i) => leafHash(utf8(leafOf(i))));
  const logKey = verifierKey(ORIGIN, NOTE_KEY_TYPE.ed25519, signing.publicKey);
  const prove = (size: number) => (from: number): Promise<readonly Bytes[]> => {
    const hashes = planConsistency(from, size).map(({ level, index }) =>
      rootOf(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))
    );
    return Promise.resolve(buildConsistency(from, size, hashes));
  };
  async function request(
    size: number,
    fields: Partial<GatherRequest> & { readonly root?: Bytes } = {},
  ): Promise<GatherRequest> {
    const root = fields.root ?? rootOf(leaves.slice(0, size));
    const text = encodeCheckpoint({ origin: ORIGIN, size, root });
    const note = await signNote(text, [ed25519Signer(ORIGIN, signing)]);
    const isEnough = () => false;
    return {
      text,
      note,
      size,
      guess: 0,
      prove: prove(size),
      isEnough,
      isPatient: false,
      ...fields,
    };
  }
  return { logKey, request };
}

type Tree = Awaited<ReturnType<typeof tree>>;

/** A client of some witnesses, and what it says. */
function clientOf(
  { logKey }: Tree,
  witnesses: readonly TestWitness[],
  times: { readonly timeoutMs?: number; readonly graceMs?: number; readonly now?: () => number } =
    {},
): { readonly client: WitnessClient; readonly said: string[] } {
  const said: string[] = [];
  const client = openWitnesses({
    origin: ORIGIN,
    logVerifiers: [noteVerifier(logKey)],
    witnesses: witnesses.map(({ inPolicy }) => inPolicy),
    now: Date.now,
    report: (sentence) => said.push(sentence),
    timeoutMs: 5_000,
    graceMs: 20,
    ...times,
  });
  return { client, said };
}

/** A log with one witness in front of which a story stands. */
async function withWitness(
  story: Story | null,
  test: (log: Tree, witness: TestWitness) => Promise<void>,
): Promise<void> {
  const log = await tree();
  await using witness = await startWitness("w", { logKeys: [log.logKey] });
  witness.story = story;
  await test(log, witness);
}

function names(cosignatures: readonly NoteSignature[]): string[] {
  return cosignatures.map(({ name }) => name).sort();
}

Deno.test("witnesses of both kinds cosign, one proof after the other", async () => {
  const log = await tree();
  const logKeys = [log.logKey];
  await using one = await startWitness("one", { logKeys });
  await using two = await startWitness("two", { logKeys, type: "mlDsa44" });
  const { client, said } = clientOf(log, [one, two]);
  for (const size of [1, 3, 4, 4, 17, 31]) {
    const request = await log.request(size);
    const { cosignatures, findings } = await client.gather(request);
    assert.deepEqual(names(cosignatures), ["one.invalid/w", "two.invalid/w"]);
    assert.deepEqual(findings, []);
    for (const { inPolicy: { key } } of [one, two]) {
      const line = cosignatures.find(({ keyId }) => keyId === key.keyId)!;
      assert.ok(await noteVerifier(key).verify(utf8(request.text), line.signature));
      assert.ok(Math.abs(cosignedAtMs(line, key.type)! - Date.now()) < 5_000);
    }
  }
  // One request each: where it stands is remembered.
  assert.equal(one.asked.length, 6);
  assert.equal(one.asked[3]!.split("\n")[0], "old 4");
  assert.deepEqual(said, []);
  assert.deepEqual(client.counts(), [
    { id: "one", cosigned: 6, failed: 0 },
    { id: "two", cosigned: 6, failed: 0 },
  ]);
});

Deno.test("a witness that is behind is proved to from where it is", () =>
  withWitness(null, async (log, witness) => {
    await clientOf(log, [witness]).client.gather(await log.request(5));
    const { client } = clientOf(log, [witness]);
    const { cosignatures } = await client.gather(await log.request(20, { guess: 13 }));
    assert.equal(cosignatures.length, 1);
    const firsts = witness.asked.map((body) => body.split("\n")[0]);
    assert.deepEqual(firsts, ["old 0", "old 13", "old 5"]);
  }));

Deno.test("a witness that never heard of the log needs no proof", () =>
  withWitness(null, async (log, witness) => {
    const { client } = clientOf(log, [witness]);
    const { cosignatures } = await client.gather(await log.request(20, { guess: 9 }));
    assert.equal(cosignatures.length, 1);
    assert.ok(witness.asked[1]!.startsWith(`old 0\n\n${ORIGIN}\n20\n`));
  }));

Deno.test("a witness that is ahead is a finding, with the head that it shows", () =>
  withWitness(null, async (log, witness) => {
    const ahead = await log.request(9);
    await clientOf(log, [witness]).client.gather(ahead);
    const { client } = clientOf(log, [witness]);
    const { cosignatures, findings } = await client.gather(await log.request(5));
    assert.equal(cosignatures.length, 0);
    assert.equal(findings.length, 1);
    const { shown, ...finding } = findings[0]!;
    assert.deepEqual(finding, { kind: "ahead", id: "w", size: 9 });
    assert.equal(shown?.size, 9);
    assert.ok(shown.note.startsWith(ahead.text));
  }));

/** How witnesses have said that they have another root of the size that was sent, old and new ones. */
const CONTRADICTIONS: readonly (readonly [string, (honest: Response) => Response])[] = [
  ["with status 409 and the size that was said", (honest) => honest],
  ["with status 409 alone", ({ status }) => new Response(null, { status })],
  ["with status 422", () => new Response(null, { status: 422 })],
];

for (const [how, said] of CONTRADICTIONS) {
  Deno.test(`a witness with another tree of one size is a finding when it says so ${how}`, () =>
    withWitness(null, async (log, witness) => {
      await clientOf(log, [witness]).client.gather(await log.request(9));
      witness.story = async (body, honest) => {
        const answer = await honest();
        if (!body.startsWith("old 9\n")) return answer;
        assert.equal(answer.status, 409);
        assert.equal(await answer.clone().text(), "9\n");
        return said(answer);
      };
      const root = leafHash(utf8("another"));
      for (const guess of [0, 9]) {
        const { client } = clientOf(log, [witness]);
        const { findings } = await client.gather(await log.request(9, { root, guess }));
        assert.deepEqual(findings.map(({ kind, size }) => [kind, size]), [["contradicts", 9]]);
        assert.equal(findings[0]!.shown?.size, 9);
      }
    }));
}

Deno.test("a witness that refuses a head and shows one of its own is a finding, and counted", () =>
  withWitness(null, async (log, witness) => {
    await clientOf(log, [witness]).client.gather(await log.request(9));
    const root = leafHash(utf8("another"));
    const { client, said } = clientOf(log, [witness]);
    const { cosignatures, findings } = await client.gather(await log.request(17, { root }));
    assert.deepEqual(cosignatures, []);
    assert.deepEqual(findings.map(({ kind, shown }) => [kind, shown?.size]), [["refuses", 9]]);
    assert.deepEqual(client.counts(), [{ id: "w", cosigned: 0, failed: 1 }]);
    assert.deepEqual(said, ["Witness w does not cosign: it answered with status 422"]);
  }));

Deno.test("a witness that knows nothing of a log cosigns its empty tree, and one that does says what", () =>
  withWitness(null, async (log, witness) => {
    const { client } = clientOf(log, [witness]);
    const empty = await log.request(0);
    assert.equal((await client.gather(empty)).cosignatures.length, 1);
    await client.gather(await log.request(9));
    const { cosignatures, findings } = await client.gather(empty);
    assert.deepEqual([cosignatures.length, findings.map(({ size }) => size)], [0, [9]]);
    // Whatever else it answers about the empty tree shows nothing.
    witness.story = () => sizeAnswer(0);
    assert.deepEqual(await client.gather(empty), { cosignatures: [], findings: [] });
  }));

Deno.test("a head that another key signed, shown by a witness, is no evidence", () =>
  withWitness(null, async (log, witness) => {
    await clientOf(log, [witness]).client.gather(await log.request(9));
    const other = await tree();
    witness.story = () => sizeAnswer(9);
    const { findings } = await clientOf(other, [witness]).client.gather(await other.request(5));
    assert.deepEqual(findings, [{ kind: "ahead", id: "w", size: 9, shown: null }]);
  }));

/** What a witness may answer that is worth nothing, and what is said about it. */
const LIES: readonly (readonly [string, (log: Tree, w: TestWitness) => Story, RegExp])[] = [
  ["status 404", () => () => new Response(null, { status: 404 }), /status 404/],
  ["status 403", () => () => new Response("Mallory", { status: 403 }), /status 403/],
  ["status 500", () => () => new Response(null, { status: 500 }), /status 500/],
  ["a redirect", () => () => Response.redirect("http://127.0.0.1:1/add-checkpoint"), /status 302/],
  [
    "a proof that it does not like",
    () => (body) => body.startsWith("old 0") ? sizeAnswer(3) : new Response(null, { status: 422 }),
    /status 422/,
  ],
  ["nothing", () => () => new Response(""), /not of signature lines/],
  ["a page", () => () => new Response("<html>Mallory</html>\n"), /not of signature lines/],
  ["no UTF-8", () => () => new Response(Uint8Array.of(0xff, 0x0a)), /not UTF-8/],
  ["endless lines", () => () => new Response("x".repeat(70_000)), /too long/],
  [
    "a body without end",
    () => () =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(9_999)) }),
      ),
    /too long/,
  ],
  [
    "a cosignature of another head",
    (log, w) => async () => {
      const other = await log.request(3);
      return new Response(formatSignatureLine(await w.cosigner.sign(other.text, 1_700_000_000)));
    },
    /does not verify/,
  ],
  [
    "a cosignature with a bit changed",
    () => async (_, honest) => {
      const answer = await honest();
      if (answer.status !== 200) return answer;
      const line = await answer.text();
      const at = line.length - 9;
      return new Response(line.slice(0, at) + (line[at] === "A" ? "B" : "A") + line.slice(at + 1));
    },
    /does not verify/,
  ],
  [
    "a good cosignature beside a bad one",
    (log, w) => async (_, honest) => {
      const answer = await honest();
      if (answer.status !== 200) return answer;
      const other = await log.request(3);
      const bad = formatSignatureLine(await w.cosigner.sign(other.text, 1_700_000_000));
      return new Response(await answer.text() + bad);
    },
    /does not verify/,
  ],
  [
    "another witness's cosignature",
    (log) => async () => {
      const stranger = await cosignerOf("w.invalid/w", "ed25519");
      const { text } = await log.request(5);
      return new Response(formatSignatureLine(await stranger.sign(text, 1_700_000_000)));
    },
    /under its own key/,
  ],
  [
    "a cosignature of tomorrow",
    (log, w) => async () => {
      const { text } = await log.request(5);
      const atS = Math.floor(Date.now() / 1000) + 86_400;
      return new Response(formatSignatureLine(await w.cosigner.sign(text, atS)));
    },
    /of the future/,
  ],
  [
    "a cosignature of the last hour",
    (log, w) => async () => {
      const { text } = await log.request(5);
      const atS = Math.floor(Date.now() / 1000) - 3_600;
      return new Response(formatSignatureLine(await w.cosigner.sign(text, atS)));
    },
    /of the past/,
  ],
  ["a size without its type", () => () => new Response("7\n", { status: 409 }), /not which it has/],
  ["a size that is none", () => () => sizeAnswer("07"), /is none/],
  ["a size of 2^53", () => () => sizeAnswer(2 ** 53), /is none/],
  ["a long size", () => () => sizeAnswer("1".repeat(99)), /too long/],
  ["the size that was said", () => (body) => sizeAnswer(body.split("\n")[0]!.slice(4)), /refuses/],
  [
    "one size after the other",
    () => (body) => sizeAnswer(body.startsWith("old 2\n") ? 1 : 2),
    /changed while it was asked/,
  ],
];

for (const [what, lie, sentence] of LIES) {
  Deno.test(`a witness that answers ${what} is counted, reported once, and not believed`, () =>
    withWitness(null, async (log, witness) => {
      witness.story = lie(log, witness);
      const { client, said } = clientOf(log, [witness]);
      for (let i = 0; i < 2; i++) {
        const { cosignatures, findings } = await client.gather(await log.request(5));
        assert.deepEqual([cosignatures, findings], [[], []]);
      }
      assert.deepEqual(client.counts(), [{ id: "w", cosigned: 0, failed: 2 }]);
      assert.equal(said.length, 1);
      assert.match(said[0]!, sentence);
      assert.doesNotMatch(said[0]!, /Mallory/, "no word of the answer is passed on");
      witness.story = null;
      assert.equal((await client.gather(await log.request(7))).cosignatures.length, 1);
      assert.match(said[1]!, /cosigns again/);
    }));
}

Deno.test("a witness that cannot be reached is reported", () =>
  withWitness(null, async (log, witness) => {
    const gone = { ...witness, inPolicy: { ...witness.inPolicy, url: "http://127.0.0.1:1" } };
    const { client, said } = clientOf(log, [gone]);
    assert.deepEqual((await client.gather(await log.request(5))).cosignatures, []);
    assert.deepEqual(said, ["Witness w does not cosign: it can't be reached"]);
  }));

Deno.test("a witness that does not answer costs its time and no more", () =>
  withWitness(null, async (log, slow) => {
    const { promise: never, resolve } = Promise.withResolvers<Response>();
    slow.story = () => never;
    await using quick = await startWitness("quick", { logKeys: [log.logKey] });
    const { client, said } = clientOf(log, [slow, quick], { timeoutMs: 300 });
    const beganMs = performance.now();
    const { cosignatures } = await client.gather(await log.request(5));
    const tookMs = performance.now() - beganMs;
    assert.deepEqual(names(cosignatures), ["quick.invalid/w"]);
    assert.ok(tookMs >= 290 && tookMs < 3_000, `${tookMs} ms`);
    assert.match(said.join(), /did not answer in time/);
    resolve(new Response(null));
  }));

Deno.test("once there is enough the others are waited for a moment, and not blamed", () =>
  withWitness(null, async (log, slow) => {
    const { promise: never, resolve } = Promise.withResolvers<Response>();
    slow.story = () => never;
    await using quick = await startWitness("quick", { logKeys: [log.logKey] });
    const { client, said } = clientOf(log, [slow, quick], { timeoutMs: 60_000 });
    const isEnough = (lines: readonly NoteSignature[]) => lines.length >= 1;
    const beganMs = performance.now();
    const { cosignatures } = await client.gather(await log.request(5, { isEnough }));
    assert.ok(performance.now() - beganMs < 5_000);
    assert.equal(cosignatures.length, 1);
    assert.deepEqual(said, []);
    assert.deepEqual(client.counts()[0], { id: "w", cosigned: 0, failed: 0 });
    resolve(new Response(null));
  }));

Deno.test("where all are waited for, enough does not end the wait", () =>
  withWitness(null, async (log, slow) => {
    await using quick = await startWitness("quick", { logKeys: [log.logKey] });
    slow.story = async (_, honest) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return await honest();
    };
    const isEnough = (lines: readonly NoteSignature[]) => lines.length >= 1;
    const { client } = clientOf(log, [slow, quick], { graceMs: 1 });
    const request = await log.request(5, { isEnough, isPatient: true });
    assert.equal((await client.gather(request)).cosignatures.length, 2);
  }));

Deno.test("witnesses that share a URL are asked once, and both of their keys count", async () => {
  const log = await tree();
  await using witness = await startWitness("one", { logKeys: [log.logKey] });
  const second = await cosignerOf("two.invalid/w", "mlDsa44");
  witness.story = async (_, honest) => {
    const { text } = await log.request(5);
    const line = await second.sign(text, Math.floor(Date.now() / 1000));
    return new Response(await (await honest()).text() + formatSignatureLine(line));
  };
  const url = `${witness.inPolicy.url}/`;
  const { client } = clientOf(log, [
    witness,
    { ...witness, inPolicy: { id: "two", key: second.key, url } },
  ]);
  const { cosignatures } = await client.gather(await log.request(5));
  assert.deepEqual(names(cosignatures), ["one.invalid/w", "two.invalid/w"]);
  assert.equal(witness.asked.length, 1);
  assert.deepEqual(client.counts().map(({ id }) => id), ["one and two"]);
});

Deno.test("a client that is closed gives up at once and blames nobody", () =>
  withWitness(null, async (log, witness) => {
    const { promise: never, resolve } = Promise.withResolvers<Response>();
    witness.story = () => never;
    const { client, said } = clientOf(log, [witness], { timeoutMs: 60_000 });
    const gathering = client.gather(await log.request(5));
    while (witness.asked.length === 0) await new Promise((done) => setTimeout(done, 1));
    client.close();
    assert.deepEqual(await gathering, { cosignatures: [], findings: [] });
    assert.deepEqual(said, []);
    resolve(new Response(null));
  }));
