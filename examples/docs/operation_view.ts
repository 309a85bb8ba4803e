/**
 * One operation: where it is, who may ask, what it takes, what it answers, and how to ask.
 *
 * @module
 */

import { made } from "../demo/parts.ts";
import { type Answer, type OpenApi, type Placed, resolved, type Schema } from "./model.ts";
import { prose } from "./prose.ts";
import { requestSamples, samples } from "./sample.ts";
import { fieldsOf, type Marks, rowOf } from "./schema_view.ts";

/** An operation as an entry of the page. */
export function operationView(document: OpenApi, placed: Placed): HTMLElement {
  const { components } = document;
  const { method, path, operation } = placed;
  const entry = made("article", "entry", "");
  entry.id = `op-${operation.operationId}`;
  entry.append(heading(placed));
  if (operation.description !== undefined) entry.append(prose(operation.description));
  const parameters = (operation.parameters ?? []).map((one) => resolved(components, one));
  for (const [place, words] of PLACES) {
    const there = parameters.filter((one) => one.in === place);
    if (there.length === 0) continue;
    const rows = there.map(({ name, schema, description, required }) => {
      const described = description === undefined ? schema : { ...schema, description };
      return rowOf(components, name, described, required && place !== "path");
    });
    const list = made("div", "fields", "");
    list.append(...rows);
    entry.append(made("h5", "", words), list);
  }
  const body = operation.requestBody?.content["application/json"]?.schema;
  if (body !== undefined) appendFields(entry, "Body", components, body, "needed");
  const good = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
  for (const [status, answer] of good) appendAnswer(entry, components, status, answer);
  entry.append(made("h5", "", "Answers"), answers(operation.responses));
  if (path !== "/v1/ws") {
    const example = body === undefined ? undefined : resolved(components, body).examples?.[0];
    entry.append(samples(requestSamples({ method, path, operation }, example)));
  }
  return entry;
}

const PLACES = [["path", "Path"], ["query", "Query"], ["header", "Headers"]] as const;

function heading({ method, path, operation }: Placed): HTMLElement {
  const header = document.createElement("header");
  const place = made("span", "place", "");
  place.append(made("b", "", method), ` ${path}`);
  const [first = null, second = null] = operation.security;
  const access = first === null
    ? ["open", "anybody"]
    : second === null
    ? ["", "token" in first ? "token and proof" : "proof"]
    : ["", "proof, or token and proof"];
  const title = made("h4", "", operation.summary);
  header.append(title, made("span", `tag ${access[0]}`, access[1]!), place);
  return header;
}

function appendAnswer(
  entry: HTMLElement,
  components: OpenApi["components"],
  status: string,
  { content = {} }: Answer,
): void {
  const schema = content["application/json"]?.schema;
  if (schema !== undefined) appendFields(entry, `Answer ${status}`, components, schema, "absent");
}

function appendFields(
  entry: HTMLElement,
  title: string,
  components: OpenApi["components"],
  schema: Schema,
  marks: Marks,
): void {
  const fields = fieldsOf(components, schema, marks);
  if (fields !== null) entry.append(made("h5", "", title), fields);
}

/** Every status with its sentence, or with its codes. */
function answers(responses: Readonly<Record<string, Answer>>): HTMLElement {
  const list = made("dl", "answers", "");
  for (const [status, { description }] of Object.entries(responses)) {
    const isGood = Number(status) < 400;
    const said = document.createElement("dd");
    if (isGood) said.append(description);
    else said.append(...codeLinks(description));
    list.append(made("dt", isGood ? "good" : "", status), said);
  }
  return list;
}

/** The codes of a refusal, each with the way to what it means. */
function codeLinks(description: string): readonly (Node | string)[] {
  return description.split(/`([a-z_]+)`/).map((part, i) => {
    if (i % 2 === 0) return part;
    const link = document.createElement("a");
    link.href = `#code-${part}`;
    link.append(made("code", "", part));
    return link;
  });
}
