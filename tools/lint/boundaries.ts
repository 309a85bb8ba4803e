/**
 * The architecture as lint rules: what each folder may import and name, after `layout.ts`.
 *
 * Runs inside `deno lint` and in the editor. It reads only the file under review. It must never
 * need the network, a configuration of its own, or an exception comment to pass.
 *
 * @module
 */

import {
  BANNED_NAMES,
  DEFAULT_EXPORT,
  DOORS,
  ENTRY_POINTS,
  layerOf,
  MAY_IMPORT,
  NODE_DOOR,
  packageOf,
  pathOf,
  PORTABLE,
  READS_ENVIRONMENT,
  resolve,
  RUNTIME_DOOR,
  SCHEMAS,
  SILENT,
} from "./layout.ts";

type Named = { readonly type: string; readonly range: Deno.lint.Range };

/** Visits every module specifier of a file: imports, re-exports, dynamic and type imports. */
function eachImport(
  visit: (specifier: string, node: Deno.lint.Node) => void,
): Deno.lint.LintVisitor {
  const literal = (node: Deno.lint.Node, source: unknown) => {
    const value = (source as { value?: unknown } | null)?.value;
    if (typeof value === "string") visit(value, node);
  };
  return {
    ImportDeclaration: (node) => literal(node, node.source),
    ExportAllDeclaration: (node) => literal(node, node.source),
    ExportNamedDeclaration: (node) => literal(node, node.source),
    ImportExpression: (node) => literal(node, node.source),
    TSImportType: (node) =>
      literal(node, (node.argument as { literal?: unknown }).literal ?? node.argument),
  };
}

/** Visits every property that is taken of one global: `name.property`, `globalThis.name.property`. */
function eachMember(
  object: string,
  visit: (property: string, node: Deno.lint.Node) => void,
): Deno.lint.LintVisitor {
  return {
    MemberExpression(node) {
      if (!isName(node.object, object) && !isGlobalMember(node.object, object)) return;
      visit(isName(node.property) ? node.property.name : "", node);
    },
  };
}

function isName(node: Named, name?: string): node is Deno.lint.Identifier {
  return node.type === "Identifier" &&
    (name === undefined || (node as Deno.lint.Identifier).name === name);
}

function isGlobalMember(node: Named, name: string): boolean {
  if (node.type !== "MemberExpression") return false;
  const member = node as Deno.lint.MemberExpression;
  return isName(member.object, "globalThis") && isName(member.property, name);
}

/** Imports only point down, and nothing that ships imports tests, tools or examples. */
const layers: Deno.lint.Rule = {
  create(ctx) {
    const path = pathOf(ctx.filename);
    const layer = layerOf(path);
    return eachImport((specifier, node) => {
      if (!specifier.startsWith(".")) return;
      const target = resolve(path, specifier);
      const below = layerOf(target);
      if (layer === "examples") {
        if (below === "examples" || ENTRY_POINTS.test(target)) return;
        const message = `An example shows what a user can do: import an entry point of client/ ` +
          `instead of ${target}.`;
        return ctx.report({ node, message });
      }
      const allowed = MAY_IMPORT[layer];
      if (allowed === undefined) return;
      if (below !== layer && !allowed.includes(below)) {
        const list = allowed.length === 0 ? "nothing else" : `only ${allowed.join(", ")}`;
        const message = `Imports only point down: ${layer} may import ${list}, so move the ` +
          `code out of ${target} or pass it in as an argument.`;
        return ctx.report({ node, message });
      }
      if (SCHEMAS.test(target) && layer !== "routes" && !SCHEMAS.test(path)) {
        const message = `${target} carries zod and is for routes/: take types from the ` +
          `other files of wire/.`;
        ctx.report({ node, message });
      }
    });
  },
};

/** Each third-party package enters through one file; whatever else needs it asks that file. */
const doors: Deno.lint.Rule = {
  create(ctx) {
    const path = pathOf(ctx.filename);
    if (MAY_IMPORT[layerOf(path)] === undefined) return {};
    return eachImport((specifier, node) => {
      if (specifier.startsWith(".") || specifier.startsWith("node:")) return;
      if (/^(https?|jsr|npm|data|file):/.test(specifier) || specifier.startsWith("/")) {
        const message = `Name packages through the import map in deno.json instead of ` +
          `"${specifier}", so that one line holds the version.`;
        return ctx.report({ node, message });
      }
      const name = packageOf(specifier);
      const open = DOORS[name];
      if (open === undefined) {
        const message = `${name} has no door: name the one file that may import it in ` +
          `tools/lint/layout.ts.`;
        return ctx.report({ node, message });
      }
      if (open.some((door) => door.endsWith("/") ? path.startsWith(door) : path === door)) return;
      const message = `${name} enters only through ${open.join(" and ")}: import from there.`;
      ctx.report({ node, message });
    });
  },
};

/** Only the composition root and the programs around it read the environment. */
const environment: Deno.lint.Rule = {
  create(ctx) {
    if (READS_ENVIRONMENT.includes(layerOf(pathOf(ctx.filename)))) return {};
    return eachMember("Deno", (property, node) => {
      if (property !== "env") return;
      const message = `Only main.ts reads the environment: take the value as an argument.`;
      ctx.report({ node, message });
    });
  },
};

/** The folders that npm users and browsers run use Web APIs alone. */
const portable: Deno.lint.Rule = {
  create(ctx) {
    const path = pathOf(ctx.filename);
    const layer = layerOf(path);
    if (!PORTABLE.includes(layer)) return {};
    const runtime = (name: string) => `${layer}/ runs in browsers too: use a Web API, not ${name}.`;
    return {
      ...eachImport((specifier, node) => {
        if (!specifier.startsWith("node:")) return;
        if (NODE_DOOR[path]?.includes(specifier)) return;
        ctx.report({ node, message: runtime(specifier) });
      }),
      MemberExpression(node) {
        for (const name of ["Deno", "process", "Buffer"]) {
          if (!isName(node.object, name) && !isGlobalMember(node.object, name)) continue;
          if (path === RUNTIME_DOOR && name === "process") continue;
          ctx.report({ node, message: runtime(name) });
        }
      },
      TSQualifiedName(node) {
        if (isName(node.left, "Deno")) ctx.report({ node, message: runtime("Deno") });
      },
    };
  },
};

/** What ships says things through return values and errors; only programs print. */
const quiet: Deno.lint.Rule = {
  create(ctx) {
    const layer = layerOf(pathOf(ctx.filename));
    if (!SILENT.includes(layer)) return {};
    return eachMember("console", (_property, node) => {
      const message = `${layer}/ does not print: return the fact, throw it, or hand it to the ` +
        `log in the context.`;
      ctx.report({ node, message });
    });
  },
};

/** `crypto/` and `core/` take the time and the chance of the world as arguments. */
const pure: Deno.lint.Rule = {
  create(ctx) {
    const layer = layerOf(pathOf(ctx.filename));
    if (layer !== "crypto" && layer !== "core") return {};
    const clock = `${layer}/ has no clock: take the time as an argument.`;
    const visitor: Deno.lint.LintVisitor = {
      MemberExpression(node) {
        const called = isName(node.property) ? node.property.name : "";
        const now = isName(node.object, "Date") || isName(node.object, "performance");
        if (now && called === "now") ctx.report({ node, message: clock });
        if (isName(node.object, "Math") && called === "random") {
          const message = `Math.random is no source of secrets: use crypto.getRandomValues.`;
          ctx.report({ node, message });
        }
      },
      NewExpression(node) {
        if (isName(node.callee, "Date") && node.arguments.length === 0) {
          ctx.report({ node, message: clock });
        }
      },
      CallExpression(node) {
        if (layer === "crypto" && isName(node.callee, "fetch")) {
          const message = `crypto/ is bytes in, bytes out: let the caller fetch.`;
          ctx.report({ node, message });
        }
      },
    };
    return visitor;
  },
};

/** The parts of the language that the house leaves out. */
const language: Deno.lint.Rule = {
  create(ctx) {
    const layer = layerOf(pathOf(ctx.filename));
    const ships = MAY_IMPORT[layer] !== undefined;
    const base = (node: Deno.lint.ClassDeclaration | Deno.lint.ClassExpression) => {
      if (!ships || node.superClass === null || isName(node.superClass, "Error")) return;
      const message = `A class extends Error or nothing: hold the other object in a field, or ` +
        `write functions.`;
      ctx.report({ node, message });
    };
    return {
      ClassDeclaration: base,
      ClassExpression: base,
      TSEnumDeclaration(node) {
        ctx.report({ node, message: `Write a union of string literals instead of an enum.` });
      },
      TSParameterProperty(node) {
        const message = `Declare the field and assign it in the constructor instead of a ` +
          `parameter property.`;
        ctx.report({ node, message });
      },
      ExportDefaultDeclaration(node) {
        if (DEFAULT_EXPORT.includes(layer)) return;
        ctx.report({ node, message: `Export by name: a default export has a name per reader.` });
      },
    };
  },
};

/** A file is named after the one noun in it. */
const names: Deno.lint.Rule = {
  create(ctx) {
    const file = pathOf(ctx.filename).split("/").at(-1) ?? "";
    return {
      Program(node) {
        if (!BANNED_NAMES.test(file)) return;
        const message = `Name ${file} after the one noun it holds, not after being useful.`;
        ctx.report({ node, message });
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: { layers, doors, environment, portable, quiet, pure, language, names },
};

export default plugin;
