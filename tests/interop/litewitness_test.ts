import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { fromBase64, toBase64 } from "../../crypto/base64.ts";
import { type Bytes, utf8 } from "../../crypto/bytes.ts";
import { encodeCheckpoint, openCheckpoint } from "../../crypto/checkpoint.ts";
import { mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { generateSigningKeyPair, parseVerifyingKey } from "../../crypto/keys.ts";
import {
  ed25519Signer,
  formatNote,
  type NoteSignature,
  parseNote,
  signNote,
} from "../../crypto/note.ts";
import {
  formatVerifierKey,
  NOTE_KEY_TYPE,
  noteVerifier,
  type VerifierKey,
  verifierKey,
} from "../../crypto/note_key.ts";
import { checkPolicy, freshnessOf, type LogPolicy, policyVerifiers } from "../../crypto/policy.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import {
  buildConsistency,
  emptyRoot,
  leafHash,
  planConsistency,
  rootOf,
} from "../../crypto/tree.ts";
import { openWitnesses } from "../../core/witness_client.ts";
import { installProgram, runTool } from "./go_tool.ts";

const VERSION = "filippo.io/torchwood/cmd/litewitness@v0.10.0";
const NAME = "witness.example/litewitness";
const LEAVES = Array.from({ length: 600 }, (_, i) => leafHash(utf8(`entry ${i}`)));

/** A running litewitness, which knows no log yet. */
interface Litewitness extends AsyncDisposable {
  readonly url: string;
  readonly key: VerifierKey;
  register(key: VerifierKey): void;
}

function proofBetween(from: number, to: number): Bytes[] {
  const hashes = planConsistency(from, to).map(({ level, index }) => {
    const width = 2 ** level;
    return rootOf(LEAVES.slice(index * width, (index + 1) * width));
  });
  return buildConsistency(from, to, hashes);
}

function textOf(origin: string, size: number, root = rootOf(LEAVES.slice(0, size))): string {
  return encodeCheckpoint({ origin, size, root });
}

function post(url: string, old: number, proof: readonly Bytes[], note: string): Promise<Response> {
  const body = [`old ${old}`, ...proof.map(toBase64), "", note].join("\n");
  return fetch(`${url}/add-checkpoint`, { method: "POST", body });
}

Deno.test("litewitness cosigns our heads over HTTP, and says where it is when we are wrong", async () => {
  await withWitness(async (witness) => {
    const origin = "countersign.example/kt/1";
    const pair = await generateSigningKeyPair();
    const logKey = verifierKey(origin, NOTE_KEY_TYPE.ed25519, pair.publicKey);
    const noteAt = (size: number): Promise<string> =>
      signNote(textOf(origin, size), [ed25519Signer(origin, pair)]);
    const policy: LogPolicy = {
      logs: [logKey],
      witnesses: [{ id: "lite", key: witness.key, url: witness.url }],
      groups: [],
      quorum: "lite",
    };
    const heard: string[] = [];
    const client = openWitnesses({
      origin,
      logVerifiers: [noteVerifier(logKey)],
      witnesses: policy.witnesses,
      now: () => Date.now(),
      report: (sentence) => heard.push(sentence),
    });
    async function gather(size: number, guess: number): ReturnType<typeof client.gather> {
      return await client.gather({
        text: textOf(origin, size),
        note: await noteAt(size),
        size,
        guess,
        prove: (from) => Promise.resolve(proofBetween(from, size)),
        isEnough: (lines) => lines.length > 0,
        isPatient: false,
      });
    }
    async function believed(size: number, lines: readonly NoteSignature[]): Promise<void> {
      const own = await noteAt(size);
      const note = formatNote(textOf(origin, size), [...parseNote(own).signatures, ...lines]);
      const head = await openCheckpoint(note, origin, policyVerifiers(policy));
      checkPolicy(policy, head, Date.now() - 60_000);
      assert.ok(freshnessOf(policy, head)! <= Date.now() + 1_000);
    }

    // A log that it does not know.
    assert.equal((await gather(255, 0)).cosignatures.length, 0);
    assert.match(heard[0]!, /404/);
    witness.register(logKey);

    // What a service asks before its first head: whether the witness knows nothing of its log.
    const empty = await gather(0, 0);
    assert.deepEqual([empty.cosignatures.length, empty.findings], [1, []]);
    const first = await gather(255, 0);
    assert.deepEqual(first.findings, []);
    await believed(255, first.cosignatures);
    await believed(301, (await gather(301, 0)).cosignatures);
    // The heartbeat of an unchanged tree.
    await believed(301, (await gather(301, 0)).cosignatures);

    // What the client takes care of, seen by itself: the size, and its type.
    const conflict = await post(witness.url, 255, proofBetween(255, 511), await noteAt(511));
    assert.equal(conflict.status, 409);
    assert.equal(conflict.headers.get("content-type"), "text/x.tlog.size");
    assert.equal(await conflict.text(), "301\n");
    // A client that was never told where the witness is, and one that guesses too high.
    const fresh = openWitnesses({
      origin,
      logVerifiers: [noteVerifier(logKey)],
      witnesses: policy.witnesses,
      now: () => Date.now(),
      report: (sentence) => heard.push(sentence),
    });
    const request = {
      text: textOf(origin, 511),
      note: await noteAt(511),
      size: 511,
      guess: 257,
      prove: (from: number) => Promise.resolve(proofBetween(from, 511)),
      isEnough: (): boolean => true,
      isPatient: false,
    };
    await believed(511, (await fresh.gather(request)).cosignatures);

    // A tree that was rolled back, and a tree with another root, are findings and not failures.
    assert.deepEqual((await gather(0, 0)).findings.map(({ size }) => size), [511]);
    const back = await gather(301, 301);
    assert.deepEqual(back.findings.map(({ kind, size }) => [kind, size]), [["ahead", 511]]);
    const fork = textOf(origin, 511, emptyRoot());
    const forked = await fresh.gather({
      ...request,
      text: fork,
      note: await signNote(fork, [ed25519Signer(origin, pair)]),
    });
    assert.deepEqual(forked.findings.map(({ kind }) => kind), ["contradicts"]);
    client.close();
    fresh.close();
  });
});

Deno.test("litewitness takes a log that signs with ML-DSA-44 alone", async () => {
  await withWitness(async (witness) => {
    const origin = "countersign.example/kt/pq";
    const signer = await mlDsa44Cosigner(origin, randomBytes(32));
    witness.register(signer.key);
    const text = textOf(origin, 257);
    const line = await signer.sign(text, Math.floor(Date.now() / 1000));
    const good = await post(witness.url, 0, [], formatNote(text, [line]));
    const answer = await good.text();
    assert.equal(good.status, 200, answer);
    const cosigned = await openCheckpoint(
      `${formatNote(text, [line])}${answer}`,
      origin,
      [noteVerifier(signer.key), noteVerifier(witness.key)],
    );
    assert.deepEqual(cosigned.note.signatures.map(({ name }) => name), [origin, NAME]);
    // Its own check of our signature is one: a bit less, and it refuses.
    const forged = Uint8Array.from(line.signature);
    forged[100]! ^= 1;
    const bad = await post(
      witness.url,
      257,
      [],
      formatNote(text, [{ ...line, signature: forged }]),
    );
    assert.equal(bad.status, 403);
    await bad.body?.cancel();
  });
});

async function withWitness(work: (witness: Litewitness) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const program = await hasAgent() ? await installProgram(folder, VERSION) : null;
    if (program === null) return;
    await using witness = await startWitness(program, folder);
    await work(witness);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether OpenSSH is here, which keeps the witness's key; otherwise says that the test skips. */
async function hasAgent(): Promise<boolean> {
  try {
    await runTool("ssh-keygen", ["-?"]);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console
    console.log("skipped: there is no OpenSSH here");
    return false;
  }
}

/** Starts an ssh-agent with a fresh key, and the witness that signs with it. */
async function startWitness(program: string, folder: string): Promise<Litewitness> {
  const [socket, keyFile, db] = [`${folder}/agent`, `${folder}/key`, `${folder}/witness.db`];
  const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const agent = new Deno.Command("ssh-agent", { args: ["-D", "-a", socket], ...quiet }).spawn();
  const made = await runTool("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", keyFile]);
  assert.equal(made.code, 0, made.text);
  await until(async () =>
    (await runTool("ssh-add", [keyFile], { SSH_AUTH_SOCK: socket })).code === 0
  );
  const blob = fromBase64((await Deno.readTextFile(`${keyFile}.pub`)).split(" ")[1]!)!;
  const publicKey = parseVerifyingKey(blob.slice(-32));
  const print = (await runTool("ssh-keygen", ["-lf", `${keyFile}.pub`])).text.split(" ")[1]!;

  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const process = new Deno.Command(program, {
    args: [
      `-listen=127.0.0.1:${port}`,
      `-ssh-agent=${socket}`,
      `-name=${NAME}`,
      `-key=${print}`,
      `-db=${db}`,
    ],
    ...quiet,
  }).spawn();
  await until(async () => {
    const response = await fetch(url).catch(() => null);
    await response?.body?.cancel();
    return response?.status === 200;
  });
  return {
    url,
    key: verifierKey(NAME, NOTE_KEY_TYPE.ed25519Cosignature, publicKey),
    register(key) {
      // What `witnessctl add-log` and `add-key` write; its own packages are not always to be had.
      using database = new DatabaseSync(db, { timeout: 5_000 });
      const log = database.prepare(
        "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)",
      );
      log.run(key.name, toBase64(emptyRoot()));
      const keys = database.prepare("INSERT INTO key (origin, key) VALUES (?, ?)");
      keys.run(key.name, formatVerifierKey(key));
    },
    async [Symbol.asyncDispose]() {
      for (const child of [process, agent]) {
        child.kill("SIGTERM");
        await child.status;
      }
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function until(happens: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await happens()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("It did not happen within five seconds");
}
