import assert from "node:assert/strict";
import { NOT_OURS, speccheckCases, wycheproofCases } from "./cases.ts";
import { ACCEPTS, type Case, REFUSES_KEY } from "./checks/case.ts";
import { type Verdicts } from "./checks/verdicts.ts";
import { craftedKeys, craftedSignatures } from "./crafted.ts";
import { type Ran, runEverywhere } from "./everywhere.ts";
import { isRefusal, ourTable, rawTable, stricterTable } from "./verdict_table.ts";

const CHECKS = new URL("./checks/verdicts.ts", import.meta.url);
const STRICTER: readonly string[] = Object.values(NOT_OURS);

Deno.test("hostile keys, signatures and ciphertexts in every runtime", async (t) => {
  const signatures = await craftedSignatures();
  const cases: readonly Case[] = [
    ...await wycheproofCases(),
    ...await speccheckCases(),
    ...signatures,
    ...craftedKeys(signatures[0]!),
  ];
  const all = await runEverywhere<Verdicts>(CHECKS, cases);
  print(cases, all);

  /** Looks at our verdict on each vector in each runtime. */
  const each = (look: (vector: Case, verdict: string, name: string) => void) => {
    for (const { runtime, output } of all) {
      assert.equal(output.verdicts.length, cases.length);
      cases.forEach((vector, i) => {
        const { algorithm, source, id, why } = vector;
        const name = `${runtime}: ${source} ${algorithm} ${id} (${why})`;
        look(vector, output.verdicts[i]!.ours, name);
      });
    }
  };
  const strictly = ({ why }: Case) => why.split(", ").some((word) => STRICTER.includes(word));

  await t.step("all runtimes give one verdict on each vector", () => {
    const first = all[0]!.output.verdicts;
    for (const { runtime, output } of all) {
      output.verdicts.forEach(({ ours }, i) => {
        const { algorithm, source, id } = cases[i]!;
        assert.equal(ours, first[i]!.ours, `${runtime}: ${source} ${algorithm} ${id}`);
      });
    }
  });
  await t.step("what is valid is accepted, but for lengths that the protocol has not", () => {
    each((vector, verdict, name) => {
      if (vector.says === "valid" && !strictly(vector)) assert.equal(verdict, ACCEPTS, name);
    });
  });
  await t.step("what is invalid or disputed is refused", () => {
    each(({ says }, verdict, name) => {
      if (says === "invalid" || says === "disputed") assert.ok(isRefusal(verdict), name);
    });
  });
  await t.step("a bad key is refused by its parser, before anything is computed with it", () => {
    each((vector, verdict, name) => {
      if (hasBadKey(vector)) assert.equal(verdict, REFUSES_KEY, name);
    });
  });
  await t.step("what others accept is refused where it is not canonical or of low order", () => {
    each((vector, verdict, name) => {
      if (vector.says !== "acceptable" && !strictly(vector)) return;
      assert.equal(isRefusal(verdict), strictly(vector), name);
      if (!strictly(vector)) assert.equal(verdict, ACCEPTS, name);
    });
  });
});

/** Whether it is the public key that is wrong with a vector. */
function hasBadKey({ algorithm, says, why }: Case): boolean {
  switch (algorithm) {
    case "X25519":
      return says === "invalid" || STRICTER.includes(why.split(", ")[0]!);
    case "ML-KEM-768 encaps":
      return says === "invalid";
    case "Ed25519":
      return /^key of|A (no point|identity|small|mixed|non-canonical)/.test(why);
    default:
      return false;
  }
}

function print(cases: readonly Case[], all: readonly Ran<Verdicts>[]): void {
  const names = all.map(({ runtime, version, output }) => {
    const kem = `ML-KEM of ${output.nativeKem ? "WebCrypto" : "noble"}`;
    const own = output.hasOwnFunctions ? "its own functions and WebCrypto, " : "";
    return `${runtime} ${version} (${own}${kem})`;
  });
  const text = [
    `runtimes: ${names.join(", ")}`,
    `our verdicts on ${cases.length} vectors:`,
    ourTable(cases, all),
    "where we are stricter than the author:",
    stricterTable(cases, all),
    "what WebCrypto says by itself, where the runtimes part or one takes what we refuse:",
    rawTable(cases, all),
  ].join("\n\n");
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
