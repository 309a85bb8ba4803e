import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { ClientError } from "../../client/error.ts";
import { LogView, type LookupView, type StepName } from "../../client/log_view.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes, fromUtf8, toHex, utf8 } from "../../crypto/bytes.ts";
import {
  decodeLookupProof,
  encodeLookupProof,
  type LookupProof,
} from "../../crypto/lookup_proof.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../crypto/proof.ts";
import { signGenesis, type VerifiedRecord, verifyNext } from "../../crypto/record.ts";
import { buildRoot } from "../../crypto/tree.ts";
import { type ByteProxy, startByteProxy } from "../support/byte_proxy.ts";
import { registered, sendJson } from "../support/dpop.ts";
import { logAnyway } from "../support/operator.ts";
import { flipped } from "../support/people.ts";
import {
  follow,
  newDevice,
  type OwnDevice,
  previous,
  self,
  verifyGenesis,
} from "../support/records.ts";
import { startService, type TestService } from "../support/service.ts";
import { newAccount, openCore, ORIGIN } from "../support/service_core.ts";
import { policyOfWitnesses, startWitness } from "../support/test_witness.ts";
import { logKeysOf } from "../support/witnessed.ts";

/** The store of somebody who has a name. */
async function storeOf(url: string, name: string): Promise<Store> {
  const store = memoryStore();
  const client = await Client.open({ service: url, store });
  await client.register(name);
  client.close();
  return store;
}

/** A log with alice and bob in it, watched by alice through a proxy. */
async function withView(
  test: (world: {
    readonly service: TestService;
    readonly proxy: ByteProxy;
    readonly view: LogView;
    readonly kv: Deno.Kv;
  }) => Promise<void>,
): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  await using proxy = startByteProxy();
  await using service = await startService({ kv, publicOrigin: proxy.url });
  proxy.target = service.url;
  const store = await storeOf(proxy.url, "alice");
  await registered(service, "bob");
  const view = await LogView.open({ service: proxy.url, store });
  try {
    await test({ service, proxy, view, kv });
    deepEqual(service.faults, []);
  } finally {
    view.close();
  }
}

function verdicts({ steps }: LookupView): string {
  const letter = { passed: "+", failed: "x", skipped: "-" };
  return steps.map(({ verdict }) => letter[verdict]).join("");
}

/** Every search of a lookup with what it ended at, as the prefix tree is drawn. */
function endsOf({ prefix }: LookupView): string[] {
  const ends: string[] = [];
  const collect = (sight: NonNullable<LookupView["prefix"]>): void => {
    if (sight.kind === "end") {
      ends.push(...sight.own.map((search) => `${search} own`));
      ends.push(...sight.missed.map((search) => `${search} missed`));
    } else if (sight.kind === "node") {
      collect(sight.left);
      collect(sight.right);
    }
  };
  collect(prefix!);
  return ends.sort();
}

/** Changes the parts of every lookup's answer. */
function lieOf(
  outer: (proof: TlogProof) => TlogProof,
  consistency: (hashes: string[]) => string[] = (hashes) => hashes,
): ByteProxy["lie"] {
  return (path, body) => {
    if (!path.endsWith("/proof")) return body;
    const answer = JSON.parse(fromUtf8(body)!);
    const proof = formatTlogProof(outer(parseTlogProof(answer.proof)));
    return utf8(JSON.stringify({ proof, consistency: consistency(answer.consistency) }));
  };
}

/** Changes the application's part of every lookup's answer. */
function innerLie(change: (proof: LookupProof) => LookupProof): ByteProxy["lie"] {
  return lieOf((outer) => {
    return { ...outer, extra: encodeLookupProof(change(decodeLookupProof(outer.extra!))) };
  });
}

function bent(list: readonly Bytes[], at = 0): Bytes[] {
  return list.map((one, i) => i === at ? flipped(one, 8 * one.length - 8) : one);
}

Deno.test("a head is shown with its signatures, its subtrees and what its newest epoch did", async () => {
  await withView(async ({ service, view }) => {
    const head = await view.refresh();
    deepEqual([head.size, head.continues, view.label, view.origin], [5, 3, "alice", ORIGIN]);
    deepEqual(head.signatures, [{ name: ORIGIN, by: "log", scheme: "Ed25519", signedMs: null }]);
    deepEqual([head.unknown, head.witnesses, head.freshMs], [0, 0, null]);
    deepEqual(head.subtrees.map(({ level, index }) => [level, index]), [[2, 0], [0, 4]]);
    deepEqual(buildRoot(5, head.subtrees.map(({ hash }) => hash)), head.root);
    equal(head.epoch?.added, 1);
    ok(Math.abs(head.epoch!.timestampMs - service.now()) < 60_000);

    const same = await view.refresh();
    deepEqual([same.size, same.continues], [5, 5]);
    await registered(service, "carol");
    const grown = await view.refresh();
    deepEqual([grown.size, grown.continues], [7, 5]);
  });
});

Deno.test("somebody without a name sees the log, and is told what a lookup needs", async () => {
  await using service = await startService();
  const view = await LogView.open({ service: service.url, store: memoryStore() });
  const head = await view.refresh();
  deepEqual([view.label, head.size, head.continues, head.epoch], [null, 1, null, null]);
  const refused = (error: unknown) =>
    error instanceof ClientError && error.code === "not_registered";
  await rejects(view.lookup("bob"), refused);
  view.close();
});

Deno.test("a head tells which witnesses cosigned it, and as of when enough of them did", async () => {
  const logKeys = await logKeysOf();
  await using first = await startWitness("first", { logKeys });
  await using second = await startWitness("second", { logKeys, type: "mlDsa44" });
  const nowMs = Date.now();
  await using service = await startService({
    witnesses: {
      policy: policyOfWitnesses([first, second], 2),
      auditors: [],
      intervalMs: 10,
      heartbeatMs: 600_000,
      patienceMs: 10_000,
      timeoutMs: 2_000,
      graceMs: 50,
    },
  });
  const view = await LogView.open({
    service: service.url,
    store: await storeOf(service.url, "alice"),
  });
  const { signatures, witnesses, freshMs } = await view.refresh();
  deepEqual(signatures.map(({ by, scheme }) => `${by} ${scheme}`).sort(), [
    "log Ed25519",
    "witness Ed25519",
    "witness ML-DSA-44",
  ]);
  const times = signatures.map(({ signedMs }) => signedMs).filter((ms) => ms !== null);
  equal(times.length, 2);
  deepEqual([witnesses, freshMs], [2, Math.min(...times)]);
  ok(Math.abs(freshMs! - nowMs) < 60_000);
  equal(verdicts(await view.lookup("alice")), "++++++++++");
  view.close();
});

Deno.test("a name that is there, and one that is not, are shown with the ways that prove it", async () => {
  await withView(async ({ view }) => {
    const bob = await view.lookup(" Bob");
    deepEqual([bob.label, bob.outcome, bob.greatest, bob.records], ["bob", "present", 0, 1]);
    // No witnesses, so there is no freshness.
    equal(verdicts(bob), "++-+++++++");
    deepEqual(bob.versions.map(({ version, present }) => [version, present]), [
      [0, true],
      [1, false],
    ]);
    equal(bob.size, 5);
    equal(bob.inclusion.length, 1);
    deepEqual(endsOf(bob), ["0 own", "1 missed"]);

    const nobody = await view.lookup("nobody");
    deepEqual([nobody.outcome, nobody.greatest, nobody.records], ["absent", null, 0]);
    equal(verdicts(nobody), "++-+++++--");
    deepEqual(nobody.versions.map(({ present }) => present), [false]);
    deepEqual(endsOf(nobody), ["0 missed"]);
    await rejects(view.lookup("not a name"), (error) => {
      return error instanceof ClientError && error.code === "bad_label";
    });
  });
});

Deno.test("a false answer is refused, and the step is named at which it is found out", async () => {
  await withView(async ({ service, proxy, view }) => {
    await view.refresh();
    // So that there is something to be consistent with.
    await registered(service, "carol");
    const lies: readonly (readonly [StepName, string, ByteProxy["lie"]])[] = [
      [
        "note",
        "proof_invalid",
        lieOf((proof) => {
          const checkpoint = proof.checkpoint.replace(/.(?=.{9}\n$)/, (c) => c === "A" ? "B" : "A");
          return { ...proof, checkpoint };
        }),
      ],
      [
        "consistency",
        "log_forked",
        lieOf((proof) => proof, ([, ...hashes]) => [toBase64Url(new Uint8Array(32)), ...hashes]),
      ],
      ["inclusion", "proof_invalid", lieOf((proof) => ({ ...proof, hashes: bent(proof.hashes) }))],
      ["inclusion", "proof_invalid", lieOf((proof) => ({ ...proof, extra: new Uint8Array(3) }))],
      [
        "inclusion",
        "proof_invalid",
        innerLie((proof) => ({ ...proof, latestLeaf: flipped(proof.latestLeaf, 300) })),
      ],
      [
        "vrf",
        "proof_invalid",
        innerLie((proof) => ({ ...proof, vrfProofs: bent(proof.vrfProofs, 1) })),
      ],
      [
        "ladder",
        "proof_invalid",
        innerLie((proof) => {
          const results = [...proof.prefix.results].reverse();
          return { ...proof, prefix: { ...proof.prefix, results } };
        }),
      ],
      [
        "prefix",
        "proof_invalid",
        innerLie((proof) => {
          const elements = [...proof.prefix.elements, new Uint8Array(32)];
          return { ...proof, prefix: { ...proof.prefix, elements } };
        }),
      ],
      [
        "prefix",
        "proof_invalid",
        innerLie((proof) => {
          const [opened] = proof.records;
          return { ...proof, records: [{ ...opened!, record: flipped(opened!.record, 400) }] };
        }),
      ],
    ];
    for (const [step, code, lie] of lies) {
      proxy.lie = lie;
      const told = await view.lookup("bob");
      deepEqual([told.outcome, told.error?.code, told.greatest], ["refused", code, null], step);
      const failed = told.steps.filter(({ verdict }) => verdict === "failed");
      deepEqual(failed.map(({ name }) => name), [step]);
      match(verdicts(told), /^[+-]*x-*$/, step);
      equal(told.prefix, null);
    }
    proxy.lie = null;
    equal((await view.lookup("bob")).outcome, "present");
  });
});

Deno.test("a record that the log holds and nobody was allowed to write fails as the last step", async () => {
  await withView(async ({ view, kv }) => {
    // The operator's own doing: a first record of somebody else's making, as version 1.
    const label = parseAccountLabel("bob");
    const forged = await newAccount("bob");
    {
      await using ctx = await openCore(kv);
      await logAnyway(ctx, label, 1, forged.record);
    }
    const told = await view.lookup("bob");
    deepEqual([told.outcome, told.error?.code], ["refused", "proof_invalid"]);
    equal(verdicts(told), "++-++++++x");
  });
});

Deno.test("a history that is longer than one proof is followed to its beginning", async () => {
  await withView(async ({ service, view }) => {
    const account = { origin: ORIGIN, label: parseAccountLabel("dora") };
    const device = await newDevice(account, 1, { addedMs: service.now() });
    let record = await firstRecord(service, account.label, device);
    for (let version = 1; version <= 11; version++) {
      const bytes = await follow(record, "update", [device], [self(device), previous(device)]);
      await put(service, account.label, bytes);
      record = await verifyNext(account, record.devices[0]!.entry.signing, record, bytes);
    }
    const dora = await view.lookup("dora");
    deepEqual([dora.outcome, dora.greatest, dora.records], ["present", 11, 12]);
    equal(verdicts(dora), "++-+++++++");
    const missing = dora.versions.filter(({ present }) => !present).map(({ version }) => version);
    deepEqual(missing.sort((a, b) => a - b), [12, 13, 15]);
    // Among so many ways some that are missed end at the leaf of another version.
    const ends = dora.versions.map(({ present }, i) => `${i} ${present ? "own" : "missed"}`);
    deepEqual(endsOf(dora), ends.sort());
  });
});

Deno.test("tiles, epochs and heads that are not the log's are found out", async () => {
  const lies: readonly (readonly [string, string, ByteProxy["lie"]])[] = [
    ["a tile", "proof_invalid", (path, body) => {
      return path.startsWith("/log/tile/") ? flipped(body, 77) : body;
    }],
    ["a tile's length", "bad_answer", (path, body) => {
      return path.startsWith("/log/tile/") ? body.slice(32) : body;
    }],
    ["a tile without end", "bad_answer", (path, body) => {
      return path.startsWith("/log/tile/") ? new Uint8Array(9_000) : body;
    }],
    ["an epoch", "proof_invalid", (path, body) => {
      if (!path.startsWith("/log/audit/")) return body;
      const answer = JSON.parse(fromUtf8(body)!);
      return utf8(JSON.stringify({ ...answer, batch: answer.root }));
    }],
    ["an epoch's form", "bad_answer", (path, body) => {
      return path.startsWith("/log/audit/") ? utf8("[]") : body;
    }],
    ["a checkpoint", "proof_invalid", (path, body) => {
      return path === "/log/checkpoint" ? flipped(body, 8 * (body.length - 9)) : body;
    }],
    ["a consistency proof", "log_forked", (path, body) => {
      return path === "/log/consistency" ? utf8('{"hashes":[]}') : body;
    }],
  ];
  for (const [what, code, lie] of lies) {
    await withView(async ({ proxy, view }) => {
      proxy.lie = lie;
      await rejects(view.refresh(), (error) => {
        equal(error instanceof ClientError && error.code, code, `${what}: ${error}`);
        return true;
      });
    });
  }
});

Deno.test("an old head is refused, and what was believed stays", async () => {
  await withView(async ({ service, proxy, view }) => {
    const old = new Uint8Array(
      await (await fetch(`${service.url}/log/checkpoint`)).arrayBuffer(),
    );
    await registered(service, "carol");
    const { root } = await view.refresh();
    proxy.lie = (path, body) => path === "/log/checkpoint" ? old : body;
    const refused = (error: unknown) =>
      error instanceof ClientError && error.code === "head_rolled_back";
    await rejects(view.refresh(), refused);
    proxy.lie = null;
    equal(toHex((await view.refresh()).root), toHex(root));
  });
});

async function put(service: TestService, label: string, record: Bytes): Promise<void> {
  const body = { record: toBase64Url(record) };
  const response = await sendJson(service, "PUT", `/v1/directory/${label}`, body);
  equal(response.status, 200, await response.text());
}

async function firstRecord(
  service: TestService,
  label: ReturnType<typeof parseAccountLabel>,
  device: OwnDevice,
): Promise<VerifiedRecord> {
  const account = { origin: ORIGIN, label };
  const record = await signGenesis(account, device.entry, device.keys, service.now());
  await put(service, label, record);
  return await verifyGenesis(account, record);
}
