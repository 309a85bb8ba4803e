/**
 * A folder under `dist/` for one benchmark: its peers, installed from npm with their own licences, and
 * bundles of what is measured. Nothing of it is in the lock file or published.
 *
 * @module
 */

/** The folder of one benchmark. */
export interface BenchFolder {
  /** Where it is, with a slash at its end. */
  readonly url: URL;
  /** Bundles a source of the benchmark into it, with everything of ours in it. */
  bundle(entry: string): Promise<void>;
  /** Runs a command in it and says whether it ended well. */
  run(command: string, args: readonly string[]): Promise<boolean>;
}

/**
 * Makes the folder, or keeps the one that is there, and installs the peers.
 *
 * @param sources where the benchmark's sources are, `package.json` with the peers among them
 */
export async function openBenchFolder(name: string, sources: URL): Promise<BenchFolder> {
  const url = new URL(`../../dist/${name}/`, import.meta.url);
  await Deno.mkdir(url, { recursive: true });
  await Deno.copyFile(new URL("package.json", sources), new URL("package.json", url));
  // The folder is a project of its own, whose packages npm has put beside it.
  await Deno.writeTextFile(new URL("deno.json", url), `{ "nodeModulesDir": "manual" }\n`);
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { success } = await new Deno.Command("npm", { args, cwd: url, stdout: "null" }).output();
  if (!success) say("npm can't install the peers: those that are missing are not compared");
  return {
    url,
    async bundle(entry) {
      const result = await Deno.bundle({
        entrypoints: [new URL(entry, sources).pathname],
        outputDir: url.pathname,
        platform: "browser",
        format: "esm",
        codeSplitting: true,
        write: true,
      });
      if (!result.success) throw new Error(`Cannot bundle ${entry}: ${result.errors[0]?.text}`);
    },
    async run(command, args) {
      const child = new Deno.Command(command, { args: [...args], cwd: url, stdin: "null" });
      const { success } = await child.spawn().status.catch(() => ({ success: false }));
      return success;
    },
  };
}

/** Prints a line. */
export function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
