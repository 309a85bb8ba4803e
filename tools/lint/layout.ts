/**
 * The layout of the repository as tables: what each folder may import, name and be called.
 *
 * Moving a boundary is a change of one line here, under review like any other.
 *
 *     server:  main -> routes -> core -> kv -> crypto     routes and core also use wire
 *     SDK:     client -> wire (not schema*.ts) -> crypto
 *     command: cli -> all of these
 *
 * @module
 */

/** What each layer may import besides itself; a layer missing here may import anything. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ["routes", "core", "kv", "wire", "crypto"],
  cli: ["main", "routes", "core", "kv", "client", "wire", "crypto"],
  routes: ["core", "kv", "wire", "crypto"],
  core: ["kv", "wire", "crypto"],
  kv: ["crypto"],
  client: ["wire", "crypto"],
  wire: ["crypto"],
  crypto: [],
};

/** The doors of each third-party package: files, or folders where they end with a slash. */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  "zod": [
    "wire/schema.ts",
    "wire/schema_answers.ts",
    "wire/schema_frames.ts",
    "wire/schema_json.ts",
    "wire/schema_mail.ts",
    "wire/schema_parts.ts",
    "wire/schema_push.ts",
    "wire/schema_query.ts",
  ],
  "jose": ["core/own_token.ts", "core/room_tokens.ts", "core/issuer.ts", "core/vapid.ts"],
  "@noble/curves": ["crypto/edwards25519.ts"],
  "@noble/hashes": ["crypto/digest.ts", "crypto/hmac_sha1.ts"],
  "@noble/post-quantum": ["crypto/ml_kem.ts", "crypto/ml_dsa.ts"],
  "hono": ["routes/"],
  "@hono/node-server": ["routes/node_listener.ts"],
  "ws": ["routes/socket_ws.ts"],
  "qr": ["examples/demo/"],
  "werift": ["client/adapters/werift.ts"],
};

/** The schemas of `wire/`, which are for routes/ alone. */
export const SCHEMAS = /^wire\/schema(_[a-z_]+)?\.ts$/;

/** The modules of `client/` that an example may import: what the package exports. */
export const ENTRY_POINTS =
  /^client\/(mod\.ts|log_view\.ts|store_[a-z0-9_]+\.ts|adapters\/[a-z0-9_]+\.ts)$/;

/** The one file of the portable folders that touches a file system, and what it may import. */
export const NODE_DOOR: Readonly<Record<string, readonly string[]>> = {
  "client/store_file.ts": ["node:fs/promises", "node:path"],
};

/** The one file of the portable folders that asks a runtime what else it has. */
export const RUNTIME_DOOR = "crypto/platform.ts";

/** Layers that run in browsers and under every runtime. */
export const PORTABLE = ["crypto", "wire", "client"];
/** Layers that never print. */
export const SILENT = ["crypto", "core", "kv", "routes", "wire", "client"];
/** Layers that may read the environment. */
export const READS_ENVIRONMENT = ["main", "cli", "tests", "tools"];
/** Layers that may have a default export, where a runtime asks for one. */
export const DEFAULT_EXPORT = ["main", "examples", "tools"];
/** File names that name no noun. */
export const BANNED_NAMES = /^(utils?|index|helpers?)\.ts$/;

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** The path of a file relative to the repository, with forward slashes. */
export function pathOf(filename: string): string {
  const path = filename.replace(/^file:\/\//, "").replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}

/** The layer of a repository path: its first folder, or `main` for `main.ts`. */
export function layerOf(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path.replace(/\.ts$/, "") : path.slice(0, slash);
}

/** The repository path that a relative specifier means in a file. */
export function resolve(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The package name of a bare specifier, without subpath. */
export function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
