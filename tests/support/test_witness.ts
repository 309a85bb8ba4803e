/**
 * Witnesses on ports of the loopback interface: honest ones, with a story of a test in front of each
 * that may answer instead, or lie about what the honest one answered.
 *
 * @module
 */

import { type Cosigner, ed25519Cosigner, mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { parseVerifyingKey } from "../../crypto/keys.ts";
import { type VerifierKey } from "../../crypto/note_key.ts";
import { type LogPolicy, type PolicyWitness } from "../../crypto/policy.ts";
import { ed25519FromSeed, randomBytes } from "../../crypto/primitives.ts";
import { openAuditor } from "../../core/auditor.ts";
import { type LogSource } from "../../core/log_source.ts";
import { openWitnessRole } from "../../core/witness_role.ts";
import { witnessApp } from "../../routes/witness.ts";

/** What stands between a log and a witness: answers itself, or asks the honest one. */
export type Story = (body: string, honest: () => Promise<Response>) => Promise<Response> | Response;

/** A witness of a test. */
export interface TestWitness extends AsyncDisposable {
  /** How a policy names it. */
  readonly inPolicy: PolicyWitness;
  /** Its cosigner, for lies that are signed. */
  readonly cosigner: Cosigner;
  /** The bodies of all that it was asked to cosign. */
  readonly asked: string[];
  /** What stands in front of it; null for nothing. */
  story: Story | null;
}

/** What can differ from witness to witness. */
export interface TestWitnessOptions {
  readonly logKeys: readonly VerifierKey[];
  readonly type?: "ed25519" | "mlDsa44";
  readonly now?: () => number;
  readonly story?: Story;
  /** Where the log's files are, for a witness that is an auditor and keeps a mirror. */
  readonly source?: LogSource;
}

/** Starts a witness. @param id its name in the policy and before its key's */
export async function startWitness(id: string, options: TestWitnessOptions): Promise<TestWitness> {
  const { logKeys, type = "ed25519", now = Date.now, source } = options;
  const kv = await Deno.openKv(":memory:");
  const cosigner = await cosignerOf(`${id}.invalid/w`, type);
  const mirror = source === undefined ? null : { kv, origin: logKeys[0]!.name };
  const role = openWitnessRole({
    kv,
    logKeys,
    cosigners: [cosigner],
    now,
    report: () => {},
    ...mirror === null || source === undefined
      ? {}
      : { examine: openAuditor({ log: mirror, source, now }) },
  });
  const app = witnessApp({ role, verifierKeys: [], mirror, log: () => {} });
  const asked: string[] = [];
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      if (request.method === "GET") return await app(request);
      const body = await request.text();
      asked.push(body);
      const { url, headers } = request;
      const honest = () => app(new Request(url, { method: "POST", headers, body }));
      return await (witness.story === null ? honest() : witness.story(body, honest));
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const witness: TestWitness = {
    inPolicy: { id, key: cosigner.key, url },
    cosigner,
    asked,
    story: options.story ?? null,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      kv.close();
    },
  };
  return witness;
}

/** A policy under which so many of these witnesses are enough. */
export function policyOfWitnesses(
  witnesses: readonly TestWitness[],
  threshold: number,
): LogPolicy {
  const members = witnesses.map(({ inPolicy: { id } }) => id);
  return {
    logs: [],
    witnesses: witnesses.map(({ inPolicy }) => inPolicy),
    groups: [{ id: "enough", threshold, members }],
    quorum: "enough",
  };
}

/** A fresh cosigner. */
export async function cosignerOf(name: string, type: "ed25519" | "mlDsa44"): Promise<Cosigner> {
  const seed = randomBytes(32);
  if (type === "mlDsa44") return await mlDsa44Cosigner(name, seed);
  const { publicKey, privateKey } = await ed25519FromSeed(seed);
  return ed25519Cosigner(name, { publicKey: parseVerifyingKey(publicKey), privateKey });
}

/** What a witness answers when its log's size is another than was said. */
export function sizeAnswer(size: number | string): Response {
  return new Response(`${size}\n`, {
    status: 409,
    headers: { "content-type": "text/x.tlog.size" },
  });
}
