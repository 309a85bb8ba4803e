/**
 * A service that says plainly that nobody has a name, which costs it nothing to say.
 *
 * @module
 */

import { type Problem } from "../../wire/problem.ts";
import { refuses } from "../support/refuses.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";

const NOBODY: Problem = {
  type: "about:blank",
  status: 404,
  code: "name_not_found",
  title: "Nobody has that name",
};

/** Answers everything as if nobody had the name that is asked for. */
function startDenier(): Deno.HttpServer<Deno.NetAddr> {
  const headers = { "content-type": "application/problem+json" };
  return Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response(JSON.stringify(NOBODY), { status: 404, headers }),
  );
}

Deno.test("a name that the service denies without a proof is not denied: proof_invalid", async () => {
  await using play = await stage();
  await using denier = startDenier();
  const url = `http://127.0.0.1:${denier.addr.port}`;
  play.liar.routeFor = (path) => path.startsWith("/v1/directory/carol/") ? url : null;
  await refuses(play.alice.lookup("carol"), "proof_invalid");
  await refuses(play.alice.call("carol", new TestStack()), "proof_invalid");
  play.liar.routeFor = null;
  await refuses(play.alice.lookup("nobody"), "unknown_name");
});
