/**
 * Programs in Go that tests run: built once, into a folder that is removed with the test.
 *
 * Where there is no Go, or its modules are not to be had, a test says that it skips. A program that
 * does not compile is a failure.
 *
 * @module
 */

const HERE = new URL("./", import.meta.url).pathname;

/** The Go toolchain that a module asks for is fetched where another one is installed. */
const ENVIRONMENT = { GOTOOLCHAIN: "auto", GOFLAGS: "-mod=mod" };

/** What a program said. */
export interface Said {
  /** Its exit status. */
  readonly code: number;
  /** What it wrote, with what it complained about behind it. */
  readonly text: string;
}

/** Runs a program to its end. */
export async function runTool(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd: string = HERE,
): Promise<Said> {
  const options: Deno.CommandOptions = {
    args: [...args],
    env,
    cwd,
    stdout: "piped",
    stderr: "piped",
  };
  const { code, stdout, stderr } = await new Deno.Command(command, options).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The path of this folder's program, or null where it cannot be built for want of Go or modules. */
export async function buildInterop(folder: string): Promise<string | null> {
  const program = `${folder}/interop`;
  return await goBuilt(["mod", "download"]) && await goBuilt(["build", "-o", program, "."])
    ? program
    : null;
}

/** The path of a published program, or null as above. @param version `module/path@version` */
export async function installProgram(folder: string, version: string): Promise<string | null> {
  const name = version.slice(version.lastIndexOf("/") + 1).replace(/@.*$/, "");
  return await goBuilt(["install", version], { GOBIN: folder }) ? `${folder}/${name}` : null;
}

async function goBuilt(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  let said: Said;
  try {
    said = await runTool("go", args, { ...ENVIRONMENT, ...env });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return skip("there is no Go here");
  }
  if (said.code === 0) return true;
  const isMissing = /Forbidden|no such host|dial tcp|i\/o timeout|toolchain not available|GOPROXY/;
  if (isMissing.test(said.text)) return skip("Go's modules are not to be had here");
  throw new Error(`go ${args[0]} failed: ${said.text}`);
}

function skip(why: string): false {
  // deno-lint-ignore no-console
  console.log(`skipped: ${why}`);
  return false;
}
