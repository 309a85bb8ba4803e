/**
 * The boundaries of the house: for each rule a planted fault that it reports, and the near miss
 * that it lets pass.
 *
 * @module
 */

import assert from "node:assert/strict";
import plugin from "../../tools/lint/boundaries.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The rules that a source breaks when it stands at this path of the repository. */
function broken(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, ROOT + path, source).map((d) => d.id);
}

/** Asserts that `bad` breaks exactly this rule at this path. */
function refuses(rule: string, path: string, bad: string): void {
  assert.deepEqual(broken(path, bad), [`house/${rule}`], `${path}: ${bad}`);
}

/** Asserts that `good` breaks no rule at this path. */
function allows(path: string, good: string): void {
  assert.deepEqual(broken(path, good), [], `${path}: ${good}`);
}

Deno.test("imports that point up are refused in every layer", () => {
  refuses("layers", "crypto/x.ts", `import { a } from "../kv/a.ts";`);
  refuses("layers", "crypto/x.ts", `import type { A } from "../wire/a.ts";`);
  refuses("layers", "kv/x.ts", `export * from "../core/a.ts";`);
  refuses("layers", "kv/x.ts", `export { a } from "../wire/a.ts";`);
  refuses("layers", "core/x.ts", `const m = import("../routes/a.ts");`);
  refuses("layers", "core/x.ts", `type A = import("../routes/a.ts").A;`);
  refuses("layers", "routes/x.ts", `import { a } from "../main.ts";`);
  refuses("layers", "routes/x.ts", `import { a } from "../client/mod.ts";`);
  refuses("layers", "main.ts", `import { a } from "./client/mod.ts";`);
  refuses("layers", "client/x.ts", `import { a } from "../core/a.ts";`);
  refuses("layers", "client/adapters/x.ts", `import { a } from "../../kv/a.ts";`);
  refuses("layers", "wire/x.ts", `import { a } from "../client/a.ts";`);
});

Deno.test("imports that point down are allowed", () => {
  allows("main.ts", `import { a } from "./routes/app.ts"; import { b } from "./kv/b.ts";`);
  allows("routes/x.ts", `import { a } from "../core/a.ts"; import { b } from "../wire/schema.ts";`);
  allows("core/x.ts", `import { a } from "../kv/a.ts"; import { b } from "../wire/limits.ts";`);
  allows("kv/x.ts", `import { a } from "./a.ts"; import { b } from "../crypto/bytes.ts";`);
  allows("client/adapters/x.ts", `import { a } from "../adapter.ts";`);
  allows("client/x.ts", `import { a } from "../wire/paths.ts"; import "../crypto/note.ts";`);
  allows("tests/x_test.ts", `import { a } from "../core/a.ts"; import { z } from "zod";`);
  allows("tools/x.ts", `import { a } from "../crypto/bytes.ts";`);
});

Deno.test("nothing that ships imports tests, tools or examples", () => {
  refuses("layers", "core/x.ts", `import { a } from "../tests/support/clock.ts";`);
  refuses("layers", "client/x.ts", `import { a } from "../tools/size.ts";`);
  refuses("layers", "crypto/x.ts", `import { a } from "../examples/demo/app.ts";`);
  refuses("layers", "main.ts", `import { a } from "./tests/x.ts";`);
});

Deno.test("the schemas with zod in them are for routes alone", () => {
  refuses("layers", "client/x.ts", `import { a } from "../wire/schema.ts";`);
  refuses("layers", "wire/x.ts", `import { a } from "./schema.ts";`);
  refuses("layers", "wire/x.ts", `import { a } from "./schema_parts.ts";`);
  refuses("layers", "client/x.ts", `import { a } from "../wire/schema_answers.ts";`);
  allows("wire/schema.ts", `import { a } from "./schema_parts.ts";`);
  refuses("layers", "core/x.ts", `import { a } from "../wire/schema.ts";`);
});

Deno.test("an example imports entry points of the client and its own files", () => {
  refuses("layers", "examples/demo/app.ts", `import { a } from "../../crypto/bytes.ts";`);
  refuses("layers", "examples/x.ts", `import { a } from "../client/trust.ts";`);
  allows("examples/demo/app.ts", `import { a } from "../../client/mod.ts"; import "./view.ts";`);
  allows("examples/x.ts", `import { a } from "../client/adapters/werift.ts";`);
  allows("examples/x.ts", `import { a } from "../client/store_file.ts"; import "node:process";`);
});

Deno.test("each third-party package enters through its one door", () => {
  refuses("doors", "routes/x.ts", `import { z } from "zod";`);
  refuses("doors", "routes/x.ts", `import { SignJWT } from "jose";`);
  refuses("doors", "core/x.ts", `import { Hono } from "hono";`);
  refuses("doors", "main.ts", `import { Hono } from "hono";`);
  refuses("doors", "crypto/x.ts", `import { sha256 } from "@noble/hashes/sha2.js";`);
  refuses("doors", "client/x.ts", `import { sha256 } from "@noble/hashes/sha2.js";`);
  refuses("doors", "client/adapters/browser.ts", `import * as w from "werift";`);
  refuses("doors", "core/x.ts", `import _ from "lodash";`);
  refuses("doors", "core/x.ts", `import { z } from "npm:zod@4";`);
  refuses("doors", "core/x.ts", `import { z } from "jsr:@zod/zod";`);
  refuses("doors", "core/x.ts", `import { z } from "https://example.org/zod.ts";`);
  allows("wire/schema.ts", `import * as z from "zod";`);
  allows("core/own_token.ts", `import { SignJWT } from "jose";`);
  allows("routes/app.ts", `import { Hono } from "hono"; import "hono/body-limit";`);
  allows("crypto/digest.ts", `import { sha256 } from "@noble/hashes/sha2.js";`);
  allows("crypto/edwards25519.ts", `import { edwards } from "@noble/curves/abstract/edwards.js";`);
  refuses("doors", "crypto/vrf.ts", `import { ed25519 } from "@noble/curves/ed25519.js";`);
  allows("client/adapters/werift.ts", `import * as w from "werift";`);
});

Deno.test("only the composition root and the programs read the environment", () => {
  for (const path of ["core/x.ts", "kv/x.ts", "routes/x.ts", "examples/x.ts"]) {
    refuses("environment", path, `const a = Deno.env.get("A");`);
  }
  refuses("environment", "routes/x.ts", `const a = globalThis.Deno.env;`);
  allows("routes/x.ts", `const s = Deno.upgradeWebSocket(r);`);
  for (const path of ["main.ts", "tests/x.ts", "tools/x.ts"]) {
    allows(path, `const a = Deno.env.get("A");`);
  }
});

Deno.test("crypto, wire and client use Web APIs alone", () => {
  for (const path of ["crypto/x.ts", "wire/x.ts", "client/x.ts", "client/adapters/x.ts"]) {
    refuses("portable", path, `Deno.readFileSync("x");`);
    refuses("portable", path, `const d: Deno.Kv | null = null;`);
    refuses("portable", path, `import { readFile } from "node:fs/promises";`);
    refuses("portable", path, `const b = Buffer.from("x");`);
    refuses("portable", path, `const p = globalThis.process.pid;`);
  }
  allows("client/store_file.ts", `import "node:fs/promises"; import "node:path";`);
  refuses("portable", "client/store_file.ts", `import "node:child_process";`);
  allows("crypto/platform.ts", `const { process } = globalThis as R; process?.getBuiltinModule;`);
  refuses("portable", "crypto/aes.ts", `const { process } = globalThis as R; process?.pid;`);
  refuses("portable", "crypto/platform.ts", `import "node:crypto";`);
  allows("kv/x.ts", `import { createHash } from "node:crypto"; const kv: Deno.Kv = x;`);
  allows("client/x.ts", `const r = await crypto.subtle.digest("SHA-256", b);`);
});

Deno.test("what ships does not print", () => {
  for (const folder of ["crypto", "core", "kv", "routes", "wire", "client"]) {
    refuses("quiet", `${folder}/x.ts`, `console.log("x");`);
    refuses("quiet", `${folder}/x.ts`, `globalThis.console.error("x");`);
  }
  for (const path of ["main.ts", "tools/x.ts", "examples/x.ts"]) {
    allows(path, `console.log("x");`);
  }
});

Deno.test("crypto and core have no clock and no weak randomness, and crypto does not fetch", () => {
  refuses("pure", "crypto/x.ts", `const t = Date.now();`);
  refuses("pure", "core/x.ts", `const t = new Date();`);
  refuses("pure", "core/x.ts", `const t = performance.now();`);
  refuses("pure", "crypto/x.ts", `const t = Math.random();`);
  refuses("pure", "crypto/x.ts", `const t = fetch("/x");`);
  allows("core/x.ts", `const t = new Date(context.now()).toISOString();`);
  allows("main.ts", `const t = Date.now();`);
});

Deno.test("enums, parameter properties, inheritance and default exports are left out", () => {
  refuses("language", "core/x.ts", `export enum Colour { Red }`);
  refuses("language", "tests/x.ts", `const enum Colour { Red }`);
  refuses("language", "core/x.ts", `class A { constructor(private readonly b: number) {} }`);
  refuses("language", "core/x.ts", `class A extends B {}`);
  refuses("language", "client/x.ts", `const A = class extends EventTarget {};`);
  refuses("language", "core/x.ts", `export default function a() {}`);
  refuses("language", "tests/x.ts", `export default {};`);
  allows("core/x.ts", `export class ServiceError extends Error {}`);
  allows("tools/x.ts", `export default {};`);
  allows("main.ts", `export default { fetch };`);
  allows("examples/x.ts", `export default {};`);
});

Deno.test("a file is named after its noun", () => {
  for (const file of ["utils.ts", "util.ts", "index.ts", "helpers.ts", "helper.ts"]) {
    refuses("names", `core/${file}`, `export const a = 1;`);
    refuses("names", `tests/support/${file}`, `export const a = 1;`);
  }
  allows("crypto/tree.ts", `export const a = 1;`);
});
