import assert from "node:assert/strict";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { toHex, utf8 } from "../../crypto/bytes.ts";
import { openCheckpoint } from "../../crypto/checkpoint.ts";
import { noteVerifier, parseVerifierKey } from "../../crypto/note_key.ts";
import { checkPolicy, type LogPolicy, policyVerifiers } from "../../crypto/policy.ts";
import { sha256 } from "../../crypto/primitives.ts";
import { registered } from "../support/dpop.ts";
import { startService } from "../support/service.ts";
import { ORIGIN, testSecret } from "../support/service_core.ts";
import { countersign, startServing } from "./cli_process.ts";

Deno.test("a service asks a witness and an auditor that run as commands, and publishes what they cosigned", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [witnessPort, auditorPort] = [freePort(), freePort()];
    const keys: string[] = [];
    for (
      const [name, type] of [["w", "cosignature"], ["a", "cosignature"], ["a", "mldsa"]] as const
    ) {
      const args = ["--type", type, "--file", `${folder}/${name}.${type}`];
      keys.push((await countersign("keys", "new", `${name}.example`, ...args)).out.trim());
    }
    const [w, a, aPQ] = keys.map(parseVerifierKey);
    const auditorUrl = `http://127.0.0.1:${auditorPort}`;
    const { logVerifierKey } = await deriveServiceKeys(testSecret(), ORIGIN);
    const policy: LogPolicy = {
      logs: [parseVerifierKey(logVerifierKey)],
      witnesses: [
        { id: "w", key: w!, url: `http://127.0.0.1:${witnessPort}` },
        { id: "a", key: a!, url: auditorUrl },
        { id: "a-pq", key: aPQ!, url: auditorUrl },
      ],
      groups: [{ id: "all", threshold: 3, members: ["w", "a", "a-pq"] }],
      quorum: "all",
    };
    const witnesses = { policy, auditors: ["a", "a-pq"], intervalMs: 20, heartbeatMs: 60_000 };
    await using service = await startService({ witnesses });

    const common = ["--log", logVerifierKey];
    const witness = await startServing(
      2,
      "witness",
      ...common,
      "--port",
      `${witnessPort}`,
      "--key",
      `${folder}/w.cosignature`,
      "--store",
      `${folder}/w.sqlite`,
    );
    const auditor = await startServing(
      3,
      "audit",
      ...common,
      "--port",
      `${auditorPort}`,
      "--key",
      `${folder}/a.cosignature`,
      "--key",
      `${folder}/a.mldsa`,
      "--store",
      `${folder}/a.sqlite`,
      "--url",
      `${service.url}/log`,
    );
    assert.equal(auditor.lines[0], `Listening on ${auditorUrl}`);
    assert.deepEqual(auditor.lines.slice(1), [`Key: ${keys[1]}`, `Key: ${keys[2]}`]);

    // The service was there first, and asks again until there are enough.
    await until(async () => (await drained(fetch(`${service.url}/log/checkpoint`))).status === 200);
    await registered(service, "alice");
    await registered(service, "bob");
    const note = await (await fetch(`${service.url}/log/checkpoint`)).text();
    const head = await openCheckpoint(note, ORIGIN, policyVerifiers(policy));
    checkPolicy(policy, head, Date.now() - 60_000);
    assert.ok(head.size >= 3);
    const audited = await (await fetch(`${service.url}/log/audited`)).text();
    assert.equal((await openCheckpoint(audited, ORIGIN, policyVerifiers(policy))).size, head.size);

    // The mirror has what the log has.
    const mirrored = await (await fetch(`${auditorUrl}/checkpoint`)).text();
    assert.equal(
      (await openCheckpoint(
        mirrored,
        ORIGIN,
        [noteVerifier(a!)].concat(
          noteVerifier(policy.logs[0]!),
        ),
      )).size,
      head.size,
    );
    const path = `tile/entries/000.p/${head.size}`;
    const [theirs, ours] = await Promise.all([
      fetch(`${service.url}/log/${path}`).then((response) => response.bytes()),
      fetch(`${auditorUrl}/${path}`).then((response) => response.bytes()),
    ]);
    assert.deepEqual(ours, theirs);
    const refusals = `${auditorUrl}/${toHex(sha256(utf8(ORIGIN)))}/refusals`;
    assert.deepEqual(await (await fetch(refusals)).json(), []);

    // Each store belongs to one process.
    const second = await countersign(
      "witness",
      ...common,
      "--port",
      "0",
      "--key",
      `${folder}/w.cosignature`,
      "--store",
      `${folder}/w.sqlite`,
    );
    assert.match(second.err, /Another process uses/);
    assert.equal((await Deno.stat(`${folder}/w.sqlite`)).mode! & 0o077, 0);
    await service.close();
    assert.deepEqual([await witness.stop(), await auditor.stop()], [0, 0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a witness is not started with keys or logs that do not fit their use", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const made = await countersign(
      "keys",
      "new",
      "l.example/kt/1",
      "--type",
      "ed25519",
      "--file",
      `${folder}/log`,
    );
    const log = made.out.trim();
    const wit = await countersign("keys", "new", "w.example", "--file", `${folder}/w`);
    const base = ["--store", `${folder}/s.sqlite`, "--port", "0"];
    const wrong: [string[], RegExp][] = [
      [["witness", "--key", `${folder}/log`, "--log", log], /is a log's key/],
      [
        ["witness", "--key", `${folder}/w`, "--key", `${folder}/w`, "--log", log],
        /Two keys of one type/,
      ],
      [["witness", "--key", `${folder}/w`, "--log", wit.out.trim()], /the key of a log/],
      [["witness", "--key", `${folder}/w`, "--log", "nonsense"], /has to be a verifier key/],
      [["witness", "--key", `${folder}/none`, "--log", log], /can't be read/],
      [["witness", "--key", `${folder}/w`, "--log", log, "--port", "70000"], /--port/],
      [["audit", "--key", `${folder}/w`, "--log", log], /--url/],
      [["audit", "--key", `${folder}/w`, "--log", log, "--url", "file:///x"], /--url/],
    ];
    for (const [args, said] of wrong) {
      const { code, err } = await countersign(...args, ...base);
      assert.notEqual(code, 0, args.join(" "));
      assert.match(err, said);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function drained(answer: Promise<Response>): Promise<Response> {
  const response = await answer;
  await response.body?.cancel();
  return response;
}

async function until(happens: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (await happens()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("It did not happen within 30 seconds");
}
