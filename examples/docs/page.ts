/**
 * The reference: what `/openapi.json` and `/asyncapi.json` say, for people, and a client in steps.
 *
 *     /docs#op-signIn        an operation        /docs#client-join    a frame of a client
 *     /docs#code-forbidden   a refusal           /docs#server-ack     a frame of the service
 *
 * It asks the service that serves it, and nobody else.
 *
 * @module
 */

import { made, part, setShown } from "../demo/parts.ts";
import { startTheme } from "../demo/theme.ts";
import { frameView } from "./frame_view.ts";
import { type AsyncApi, type OpenApi, operationsOf } from "./model.ts";
import { operationView } from "./operation_view.ts";
import { inline, prose } from "./prose.ts";
import { sample } from "./sample.ts";

/** An entry of the contents. */
interface Entry {
  readonly id: string;
  readonly text: string;
  /** In front of it, or empty. */
  readonly verb: string;
}

/** A group of entries with its own place on the page. */
interface Group {
  readonly id: string;
  readonly title: string;
  readonly entries: readonly Entry[];
}

async function read<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return await response.json();
}

/** The client's file, by the steps that it is divided into. */
async function showSteps(): Promise<Group> {
  const source = await (await fetch("/docs_client.js")).text();
  const entries: Entry[] = [];
  for (const piece of source.split(/^\/\/ ---- /m).slice(1)) {
    const [, step = "", code = ""] = /^(\w+): [^\n]*\n+([\s\S]*)$/.exec(piece) ?? [];
    const place = document.querySelector(`[data-step="${step}"]`);
    if (place === null) throw new Error(`bug: no step ${step}`);
    place.id = `step-${step}`;
    place.append(sample(`${code.trimEnd()}\n`));
    entries.push({ id: place.id, text: place.querySelector("h3")!.textContent, verb: "" });
  }
  return { id: "client", title: "Write a client", entries };
}

function showOperations(document: OpenApi): readonly Group[] {
  part("http-about").replaceChildren(...prose(firstOf(document.info.description)).childNodes);
  const place = part("operations");
  return document.tags.map(({ name, description }) => {
    const placed = operationsOf(document, name);
    const title = made("h3", "group", `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`);
    title.id = `topic-${name}`;
    title.append(made("span", "hint", description));
    place.append(title, ...placed.map((one) => operationView(document, one)));
    const entries = placed.map(({ method, path, operation }) => {
      return { id: `op-${operation.operationId}`, text: path.replace("/v1/", ""), verb: method };
    });
    return { id: title.id, title: title.firstChild!.textContent ?? name, entries };
  });
}

function showFrames(document: AsyncApi): readonly Group[] {
  part("frames-about").replaceChildren(...prose(document.info.description).childNodes);
  const sides = [["client", "What a client sends"], ["server", "What the service sends"]] as const;
  return sides.map(([side, title]) => {
    const messages = Object.entries(document.components.messages)
      .filter(([name]) => name.startsWith(`${side}.`)).map(([, message]) => message);
    part(`${side}-frames`).append(...messages.map((one) => frameView(document, side, one)));
    const entries = messages.map(({ name }) => ({ id: `${side}-${name}`, text: name, verb: "" }));
    return { id: `frames-${side}`, title, entries };
  });
}

function showCloseCodes({ channels }: AsyncApi): void {
  const rows = channels.rooms["x-close-codes"].map(({ code, name, reconnect }) =>
    row([`${code}`, name, reconnect ? "connect again" : "stop"])
  );
  part("close-codes").append(head(["Code", "Name", "Then"]), body(rows));
}

/** Every code, and which operations give it. */
function showCodes(document: OpenApi): void {
  const codes = document.components.schemas["ProblemCode"]?.["x-codes"] ?? {};
  const rows = Object.entries(codes).map(([code, { status, retryable, says }]) => {
    const one = row([code, `${status}`, "", ""]);
    one.id = `code-${code}`;
    one.cells[2]!.append(...inline(says), retryable ? " Try again later." : "");
    const links = document.tags.flatMap(({ name }) => operationsOf(document, name))
      .filter(({ operation }) =>
        operation.responses[status]?.description.includes(`\`${code}\``) === true
      ).map(({ operation }) => operation.operationId);
    one.cells[3]!.append(...code === "method_not_allowed" ? ["every path"] : where(links));
    return one;
  });
  part("codes").append(head(["Code", "Status", "Meaning", "Given by"]), body(rows));
}

function where(operations: readonly string[]): readonly (Node | string)[] {
  if (operations.length === 0) return ["frames"];
  if (operations.length > 6) return [`${operations.length} operations`];
  return operations.flatMap((id, i) => {
    const link = document.createElement("a");
    link.href = `#op-${id}`;
    link.textContent = id;
    return i === 0 ? [link] : [", ", link];
  });
}

function showLimits(limits: Readonly<Record<string, number>>): void {
  const rows = Object.entries(limits).map(([name, value]) => {
    const one = row([name, value.toLocaleString("en")]);
    one.cells[1]!.className = "count";
    return one;
  });
  part("limits").append(body(rows));
}

function row(texts: readonly string[]): HTMLTableRowElement {
  const element = document.createElement("tr");
  const cells = texts.map((text, i) => made("td", i === 0 ? "code" : "", text));
  element.append(...cells);
  return element;
}

function head(texts: readonly string[]): HTMLElement {
  const line = document.createElement("tr");
  line.append(...texts.map((text) => made("th", "", text)));
  const element = document.createElement("thead");
  element.append(line);
  return element;
}

function body(rows: readonly HTMLElement[]): HTMLElement {
  const element = document.createElement("tbody");
  element.append(...rows);
  return element;
}

function showContents(groups: readonly Group[]): void {
  const toc = part("toc");
  for (const { id, title, entries } of groups) {
    const link = linkTo(id, title);
    const list = document.createElement("ul");
    for (const { id, text, verb } of entries) {
      const item = document.createElement("li");
      const link = linkTo(id, "");
      if (verb !== "") link.append(made("span", "verb", verb));
      link.append(made("span", "", text));
      item.append(link);
      list.append(item);
    }
    toc.append(link, list);
  }
  const find = part("find", HTMLInputElement);
  find.addEventListener("input", () => filter(find.value.trim().toLowerCase()));
}

function linkTo(id: string, text: string): HTMLAnchorElement {
  const link = document.createElement("a");
  link.href = `#${id}`;
  link.textContent = text;
  return link;
}

/** Shows of the contents what has the words in it, or in what it leads to. */
function filter(words: string): void {
  for (const item of part("toc").querySelectorAll("li")) {
    const link = item.querySelector("a")!;
    const there = document.getElementById(link.hash.slice(1))?.textContent ?? "";
    item.hidden = !`${item.textContent} ${there}`.toLowerCase().includes(words);
  }
}

/** On a phone the contents are in the way of what they lead to. */
function foldContents(): void {
  const contents = part("contents", HTMLDetailsElement);
  const narrow = matchMedia("(max-width: 56rem)");
  const fit = () => void (contents.open = !narrow.matches);
  narrow.addEventListener("change", fit);
  fit();
  contents.addEventListener("click", ({ target }) => {
    if (narrow.matches && target instanceof Element && target.closest("nav a")) fit();
  });
}

/** Up to the first empty line. */
function firstOf(text: string): string {
  return text.split("\n\n").at(-1)!;
}

async function main(): Promise<void> {
  startTheme();
  foldContents();
  try {
    const [openApi, asyncApi, service, steps] = await Promise.all([
      read<OpenApi>("/openapi.json"),
      read<AsyncApi>("/asyncapi.json"),
      read<{ readonly limits: Record<string, number> }>("/.well-known/countersign"),
      showSteps(),
    ]);
    const groups = [steps, ...showOperations(openApi), ...showFrames(asyncApi)];
    showCloseCodes(asyncApi);
    showCodes(openApi);
    showLimits(service.limits);
    const rest = [["closes", "Close codes"], ["codes", "Refusals"], ["limits", "Limits"]] as const;
    showContents([...groups, ...rest.map(([id, title]) => ({ id, title, entries: [] }))]);
    document.documentElement.dataset["ready"] = "true";
    // What the address names was not there when the browser looked for it.
    const { hash } = location;
    if (hash !== "") document.getElementById(hash.slice(1))?.scrollIntoView();
  } catch (error) {
    part("trouble").textContent = error instanceof Error ? error.message : String(error);
    setShown("trouble", true);
  }
}

await main();
