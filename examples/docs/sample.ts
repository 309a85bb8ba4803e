/**
 * Code to copy: as it is, or one of several tellings of the same.
 *
 * @module
 */

import { made } from "../demo/parts.ts";
import { type Placed } from "./model.ts";

/** Code with a button that copies it. Lines that are comments are told apart. */
export function sample(code: string): HTMLElement {
  const box = made("div", "sample", "");
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  for (const line of code.split(/(?<=\n)/)) {
    const isNote = /^\s*(\/\/|\/\*\*|#)/.test(line);
    pre.append(isNote ? made("span", "note", line) : line);
  }
  const copy = made("button", "", "Copy");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code).then(() => copy.textContent = "Copied", () => {});
  });
  box.append(pre, copy);
  return box;
}

/** Several tellings under tabs. */
export function samples(tellings: Readonly<Record<string, string>>): HTMLElement {
  const box = document.createElement("div");
  const tabs = made("div", "tabs", "");
  tabs.setAttribute("role", "tablist");
  const panel = document.createElement("div");
  panel.setAttribute("role", "tabpanel");
  const buttons = Object.entries(tellings).map(([name, code]) => {
    const button = made("button", "", name);
    button.type = "button";
    button.setAttribute("role", "tab");
    button.addEventListener("click", () => show(button, code));
    return { button, code };
  });
  function show(shown: HTMLElement, code: string): void {
    for (const { button } of buttons) {
      button.setAttribute("aria-selected", String(button === shown));
    }
    panel.replaceChildren(sample(code));
  }
  tabs.append(...buttons.map(({ button }) => button));
  box.append(tabs, panel);
  const [first] = buttons;
  if (first !== undefined) show(first.button, first.code);
  return box;
}

/** An operation for a shell, and for the functions of the client above. */
export function requestSamples(
  { method, path, operation }: Placed,
  body: unknown,
): Readonly<Record<string, string>> {
  const place = path.replace(/\{(\w+)\}/g, (_, name) => EXAMPLE_PLACES[name] ?? name);
  const [schemes = {}] = operation.security;
  const isSigned = "proof" in schemes;
  const hasToken = "token" in schemes;
  const flags = [
    ...method === "GET" ? [] : [`-X ${method}`],
    ...hasToken ? [`-H "Authorization: DPoP $TOKEN"`] : [],
    ...isSigned ? [`-H "DPoP: $PROOF"`] : [],
    ...body === undefined ? [] : [`-H "Content-Type: application/json"`],
    ...body === undefined ? [] : [`-d '${JSON.stringify(body)}'`],
  ];
  const curl = [`curl "$SERVICE${place}"`, ...flags].join(" \\\n  ");
  if (!isSigned) return { "curl": curl, "JavaScript": fetchSample(method, place, body) };
  const options = [
    ...hasToken ? ["token"] : [],
    ...body === undefined ? [] : [`body: ${JSON.stringify(body, null, 2)}`],
  ].join(", ");
  const rest = options === "" ? "" : `, { ${options} }`;
  const ask = `const answer = await ask(service, key, "${method}", "${place}"${rest});`;
  return { "JavaScript": ask, "curl": curl };
}

function fetchSample(method: string, place: string, body: unknown): string {
  if (body === undefined) return `const answer = await fetch(\`\${service}${place}\`);`;
  return `const answer = await fetch(\`\${service}${place}\`, {
  method: "${method}",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),
});`;
}

/** What stands for a parameter of a path in an example. */
const EXAMPLE_PLACES: Readonly<Record<string, string>> = {
  label: "bob",
  device: "1",
  slot: "AAAAAAAAAAAAAAAAAAAAAA",
  side: "new",
  n: "0",
  path: "0/000.p/3",
  index: "2",
  room: "yKtqPVZpQtOvRL0hXm8ZZA",
  key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  entry: "AAAAAAAAAAAAAAAAAAAAAA",
};
