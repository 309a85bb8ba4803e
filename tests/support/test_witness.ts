/**
 * Witnesses on ports of the loopback interface: honest ones, with a story of a test in front of each
 * that may answer instead, or lie about what the honest one answered.
 *
 * @module
 */

import { type Cosigner, ed25519Cosigner, mlDsa44Cosigner } from "../../crypto/cosignature.ts";
import { toHex, utf8 } from "../../crypto/bytes.ts";
import { parseVerifyingKey } from "../../crypto/keys.ts";
import { type VerifierKey } from "../../crypto/note_key.ts";
import { type LogPolicy, type PolicyWitness } from "../../crypto/policy.ts";
import { ed25519FromSeed, randomBytes, sha256 } from "../../crypto/primitives.ts";
import { openWitnessRole, type RefusalKind, type WitnessRole } from "../../core/witness_role.ts";

/** What stands between a log and a witness: answers itself, or asks the honest one. */
export type Story = (body: string, honest: () => Promise<Response>) => Promise<Response> | Response;

/** A witness of a test. */
export interface TestWitness extends AsyncDisposable {
  /** How a policy names it. */
  readonly inPolicy: PolicyWitness;
  /** Its cosigner, for lies that are signed. */
  readonly cosigner: Cosigner;
  /** The honest part of it. */
  readonly role: WitnessRole;
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
}

const STATUS: Readonly<Record<RefusalKind, number>> = {
  malformed: 400,
  unknown_log: 404,
  untrusted: 403,
  inconsistent: 422,
  unavailable: 503,
};

/** Starts a witness. @param id its name in the policy and before its key's */
export async function startWitness(id: string, options: TestWitnessOptions): Promise<TestWitness> {
  const { logKeys, type = "ed25519", now = Date.now } = options;
  const kv = await Deno.openKv(":memory:");
  const cosigner = await cosignerOf(`${id}.invalid/w`, type);
  const role = openWitnessRole({ kv, logKeys, cosigners: [cosigner], now, report: () => {} });
  const asked: string[] = [];
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (request.method === "GET") return await newest(role, pathname);
      if (pathname !== "/add-checkpoint") return new Response(null, { status: 404 });
      const body = await request.text();
      asked.push(body);
      const honest = () => cosign(role, body);
      return await (witness.story === null ? honest() : witness.story(body, honest));
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const witness: TestWitness = {
    inPolicy: { id, key: cosigner.key, url },
    cosigner,
    role,
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

async function cosign(role: WitnessRole, body: string): Promise<Response> {
  const answer = await role.addCheckpoint(body);
  if (answer.kind === "cosigned") return new Response(answer.lines);
  if (answer.kind === "conflict") return sizeAnswer(answer.size);
  return new Response(answer.reason, { status: STATUS[answer.kind] });
}

async function newest(role: WitnessRole, pathname: string): Promise<Response> {
  for (const origin of role.origins) {
    if (pathname !== `/${toHex(sha256(utf8(origin)))}/checkpoint`) continue;
    const note = await role.latest(origin);
    if (note !== null) return new Response(note);
  }
  return new Response(null, { status: 404 });
}
