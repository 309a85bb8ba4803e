import assert from "node:assert/strict";
import { openAuditor } from "../../core/auditor.ts";
import { openLogSource } from "../../core/log_source.ts";
import { openWitnessRole, type WitnessRole } from "../../core/witness_role.ts";
import { toHex, utf8 } from "../../crypto/bytes.ts";
import { openCheckpoint } from "../../crypto/checkpoint.ts";
import { ed25519Cosigner } from "../../crypto/cosignature.ts";
import { generateSigningKeyPair } from "../../crypto/keys.ts";
import { formatVerifierKey, noteVerifier } from "../../crypto/note_key.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { witnessApp } from "../../routes/witness.ts";
import {
  appendEpoch,
  appendEpochs,
  type AuditedLog,
  forkOf,
  FOUNDED_MS,
  makeAuditedLog,
  noteOf,
  requestOf,
  serveAudited,
} from "../support/audited_log.ts";

const COSIGNER = ed25519Cosigner("witness.example/w1", await generateSigningKeyPair());
const VKEY = formatVerifierKey(COSIGNER.key);

/** A witness, or an auditor, on a port of the loopback interface. */
interface Served extends AsyncDisposable {
  readonly url: string;
  readonly kv: Deno.Kv;
}

async function serve(make: (kv: Deno.Kv) => WitnessRole, mirrored: string | null): Promise<Served> {
  const kv = await Deno.openKv(":memory:");
  const mirror = mirrored === null ? null : { kv, origin: mirrored };
  const faults: string[] = [];
  const app = witnessApp({
    role: make(kv),
    verifierKeys: [VKEY],
    mirror,
    log: (line) => faults.push(line),
  });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    kv,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      kv.close();
      assert.deepEqual(faults, []);
    },
  };
}

function serveWitness(log: AuditedLog): Promise<Served> {
  const parts = { logKeys: [log.key], cosigners: [COSIGNER], now: () => FOUNDED_MS };
  return serve((kv) => openWitnessRole({ kv, ...parts, report: () => {} }), null);
}

async function post(url: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  return await fetch(`${url}/add-checkpoint`, { method: "POST", body });
}

function hashOf(log: { readonly origin: string }): string {
  return toHex(sha256(utf8(log.origin)));
}

Deno.test("each answer of a witness has the status that the protocol gives it", async () => {
  const log = await makeAuditedLog();
  await using witness = await serveWitness(log);
  appendEpochs(log, 2);
  const fork = forkOf(log);
  const stranger = await makeAuditedLog("stranger.example/kt/1");
  const impostor = { ...log, signer: (await makeAuditedLog(log.origin)).signer };
  const good = await requestOf(log, 0);
  appendEpoch(log);
  appendEpoch(fork);
  const wanted: [string, string | Uint8Array<ArrayBuffer>, number, RegExp][] = [
    ["nothing", "", 400, /no request/],
    ["no text", Uint8Array.of(0xff, 0xfe), 400, /UTF-8/],
    ["a stranger", await requestOf(stranger, 0), 404, /No log/],
    ["another key", await requestOf(impostor, 0), 403, /no known key/],
    ["cosigned", good, 200, /^— witness\.example\/w1 [A-Za-z0-9+/=]+\n$/],
    ["another size", await requestOf(log, 1), 409, /^5\n$/],
    ["larger than it is", good.replace("old 0", "old 7"), 400, /larger/],
    ["grown", await requestOf(log, 5), 200, /^— witness/],
    ["forked", await requestOf(fork, 7), 409, /^7\n$/],
    ["not continued", await requestOf(fork, 7, 9), 422, /./],
  ];
  for (const [what, body, status, text] of wanted) {
    const response = await post(witness.url, body);
    assert.equal(response.status, status, what);
    assert.match(await response.text(), text, what);
    const type = status === 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8";
    assert.equal(response.headers.get("content-type"), type, what);
    assert.equal(response.headers.get("cache-control"), "no-store", what);
  }
  // What it refused though the log signed it, anybody may read.
  const refusals = await (await fetch(`${witness.url}/${hashOf(log)}/refusals`)).json();
  assert.deepEqual(refusals.map(({ note }: { note: string }) => note), [await noteOf(fork)]);
});

Deno.test("a witness shows the newest head that it cosigned, and what it is", async () => {
  const log = await makeAuditedLog();
  await using witness = await serveWitness(log);
  const at = `${witness.url}/${hashOf(log)}/checkpoint`;
  assert.equal((await drained(await fetch(at))).status, 404);
  appendEpochs(log, 4);
  await drained(await post(witness.url, await requestOf(log, 0)));
  const note = await (await fetch(at)).text();
  const verifiers = [noteVerifier(log.key), noteVerifier(COSIGNER.key)];
  const head = await openCheckpoint(note, log.origin, verifiers);
  assert.equal(head.size, 9);
  assert.equal(head.note.signatures.length, 2);
  const index = await (await fetch(witness.url)).text();
  assert.ok(index.includes(`key ${VKEY}\n`) && index.includes(`log ${log.origin}\n`), index);
  for (
    const path of ["/checkpoint", "/tile/0/000.p/9", "/nothing", `/${"0".repeat(64)}/checkpoint`]
  ) {
    assert.equal((await drained(await fetch(witness.url + path))).status, 404, path);
  }
  const wrong = await drained(await fetch(`${witness.url}/add-checkpoint`));
  assert.equal(wrong.status, 405);
  const large = await drained(await post(witness.url, "x".repeat(70_000)));
  assert.equal(large.status, 413);
});

Deno.test("an auditor serves the very files that the log served it", async () => {
  const log = await makeAuditedLog();
  appendEpochs(log, 300);
  const files = serveAudited(log);
  await using auditor = await serve((kv) =>
    openWitnessRole({
      kv,
      logKeys: [log.key],
      cosigners: [COSIGNER],
      now: () => FOUNDED_MS,
      report: () => {},
      examine: openAuditor({
        log: { kv, origin: log.origin },
        source: openLogSource("http://log.invalid/log", { fetch: (input) => files(input) }),
        now: () => FOUNDED_MS,
      }),
    }), log.origin);
  const before = await drained(await fetch(`${auditor.url}/tile/0/000`));
  assert.equal(before.status, 404);
  assert.equal((await drained(await fetch(`${auditor.url}/checkpoint`))).status, 404);
  assert.equal((await drained(await post(auditor.url, await requestOf(log, 0)))).status, 200);

  const paths = ["0/000", "0/001", "0/002.p/89", "1/000.p/2", "entries/000", "entries/002.p/89"];
  for (const path of paths) {
    const mirrored = await (await fetch(`${auditor.url}/tile/${path}`)).bytes();
    const original = await (await files(`http://log.invalid/log/tile/${path}`)).bytes();
    assert.deepEqual(mirrored, original, path);
  }
  for (
    const path of [
      "0/002",
      "0/002.p/90",
      "0/2",
      "entries/003",
      "../checkpoint/x",
      "../checkpoint?x=1",
    ]
  ) {
    assert.equal((await drained(await fetch(`${auditor.url}/tile/${path}`))).status, 404, path);
  }
  // So the mirror of a mirror is one too.
  const note = await (await fetch(`${auditor.url}/checkpoint`)).text();
  const head = await openCheckpoint(note, log.origin, [noteVerifier(log.key)]);
  const second = await Deno.openKv(":memory:");
  const examine = openAuditor({
    log: { kv: second, origin: log.origin },
    source: openLogSource(auditor.url),
    now: () => FOUNDED_MS,
  });
  await examine(head);
  second.close();
});

async function drained(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}
