/**
 * `POST /v1/tokens`: a DPoP proof for an access token (RFC 9449, section 5).
 *
 * @module
 */

import { type Hono } from "hono";
import { labelOf } from "../core/account.ts";
import { signIn } from "../core/tokens.ts";
import { TOKENS } from "../wire/paths.ts";
import { tokenRequest } from "../wire/schema.ts";
import { type TokenWire } from "../wire/token.ts";
import { bodyOf } from "./body.ts";
import { type Api, route, targetOf } from "./route.ts";

/** Puts sign-in into the application. */
export function authRoutes(app: Hono, api: Api): void {
  route(app, TOKENS, {
    POST: async (exchange) => {
      const { account } = await bodyOf(exchange, tokenRequest);
      const { token, expiresInSeconds } = await signIn(api.ctx, labelOf(account), {
        proof: exchange.req.raw.headers.get("dpop"),
        method: "POST",
        url: targetOf(api, exchange.req.raw),
      });
      const answer: TokenWire = {
        access_token: token,
        token_type: "DPoP",
        expires_in: expiresInSeconds,
      };
      return exchange.json(answer);
    },
  });
}
