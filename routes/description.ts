/**
 * `GET /.well-known/countersign`: how the service describes itself.
 *
 * @module
 */

import { configProof } from "../core/log_read.ts";
import { toBase64Url } from "../crypto/base64.ts";
import { formatVerifierKey } from "../crypto/note_key.ts";
import { formatPolicy } from "../crypto/policy_text.ts";
import * as limits from "../wire/limits.ts";
import { WELL_KNOWN } from "../wire/paths.ts";
import { type ServiceDescription } from "../wire/service.ts";
import { serviceAnswer } from "../wire/schema_answers.ts";
import { json, serve, type Served } from "./operation.ts";
import { type Api } from "./route.ts";

const PUBLISHED: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(limits).map(([name, value]) => [name.toLowerCase(), value]),
);

/** Every limit under its name in lower case, as clients see them here and in `welcome`. */
export function publishedLimits(): Readonly<Record<string, number>> {
  return PUBLISHED;
}

/** The description. */
export function descriptionRoutes({ ctx }: Api): readonly Served[] {
  return [serve({
    id: "describeService",
    method: "GET",
    path: WELL_KNOWN,
    topic: "service",
    summary: "The log's keys, the name policy, and every limit",
    access: "anybody",
    answer: json(serviceAnswer, "The description"),
    codes: [],
  }, async (): Promise<ServiceDescription> => ({
    version: 1,
    origin: ctx.origin,
    verifier: ctx.keys.logVerifierKey,
    verifiers: ctx.keys.logKeys.map(formatVerifierKey),
    vrf: toBase64Url(ctx.keys.vrf.publicKey),
    config: await configProof(ctx),
    policy: ctx.names.kind,
    witnesses: formatPolicy(ctx.policy),
    push: ctx.push.settings === null ? null : toBase64Url(ctx.keys.vapid.publicKey),
    limits: publishedLimits(),
  }))];
}
