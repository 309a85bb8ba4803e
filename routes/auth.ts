/**
 * `POST /v1/tokens`: a DPoP proof for an access token (RFC 9449, section 5).
 *
 * @module
 */

import { labelOf } from "../core/account.ts";
import { signIn } from "../core/tokens.ts";
import { TOKENS } from "../wire/paths.ts";
import { tokenRequest } from "../wire/schema.ts";
import { tokenAnswer } from "../wire/schema_answers.ts";
import { json, serve, type Served } from "./operation.ts";
import { type Api, targetOf } from "./route.ts";

/** Sign-in. */
export function authRoutes(api: Api): readonly Served[] {
  return [serve({
    id: "signIn",
    method: "POST",
    path: TOKENS,
    topic: "sign-in",
    summary: "Exchange a proof for an access token of 10 minutes",
    about:
      "The proof is by the signing key of a current device of the account, over a nonce of the " +
      "service, and stands in the `DPoP` header. Without a nonce, or with an old one, the answer is " +
      "`use_dpop_nonce` with a fresh one in `DPoP-Nonce`.",
    access: "key",
    body: tokenRequest,
    answer: json(tokenAnswer, "A token bound to the key of the proof"),
    codes: ["bad_label", "unknown_device"],
  }, async (exchange, { body }) => {
    const { token, expiresInSeconds } = await signIn(api.ctx, labelOf(body.account), {
      proof: exchange.req.raw.headers.get("dpop"),
      method: "POST",
      url: targetOf(api, exchange.req.raw),
    });
    return { access_token: token, token_type: "DPoP", expires_in: expiresInSeconds };
  })];
}
