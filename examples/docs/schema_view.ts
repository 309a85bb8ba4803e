/**
 * A schema as people read one: each field with what it takes, and what is in it below.
 *
 * @module
 */

import { made } from "../demo/parts.ts";
import { resolved, type Schema } from "./model.ts";
import { prose } from "./prose.ts";

/** Named schemas of a document. */
export type Schemas = Readonly<Record<string, unknown>>;

/** What is said of a field: that it has to be there, or, of what is answered, that it may not be. */
export type Marks = "needed" | "absent";

/** The fields of an object, nested; null where a schema has none. */
export function fieldsOf(
  components: Schemas,
  given: Schema,
  marks: Marks = "needed",
): HTMLElement | null {
  const schema = resolved(components, given);
  const branches = schema.oneOf ?? schema.anyOf;
  if (branches !== undefined) {
    const lists = branches.flatMap((one) => fieldsOf(components, one, marks) ?? []);
    if (lists.length < 2) return lists[0] ?? null;
    const all = made("div", "fields", "");
    lists.forEach((list, i) => {
      if (i > 0) all.append(made("p", "hint", "or"));
      all.append(list);
    });
    return all;
  }
  if (schema.items !== undefined) return fieldsOf(components, schema.items, marks);
  if (schema.properties === undefined) return null;
  const list = made("div", "fields", "");
  for (const [name, field] of Object.entries(schema.properties)) {
    const isNeeded = schema.required?.includes(name) === true;
    list.append(rowOf(components, name, field, isNeeded, marks));
  }
  return list;
}

/** One field. @param isNeeded whether it has to be there */
export function rowOf(
  components: Schemas,
  name: string,
  given: Schema,
  isNeeded: boolean,
  marks: Marks = "needed",
): HTMLElement {
  const field = resolved(components, given);
  const row = made("div", "field-row", "");
  const line = made("div", "field-line", "");
  line.append(made("code", "", name), made("span", "type", typeOf(components, field)));
  if (marks === "needed" && isNeeded) line.append(made("span", "needed", "needed"));
  if (marks === "absent" && !isNeeded) line.append(made("span", "needed", "may be absent"));
  row.append(line);
  if (field.description !== undefined) row.append(prose(field.description));
  const inner = fieldsOf(components, field, marks);
  if (inner !== null) row.append(inner);
  return row;
}

/** What a field takes, in a few words. */
export function typeOf(components: Schemas, given: Schema): string {
  const schema = resolved(components, given);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return oneOf(schema.enum);
  const branches = schema.oneOf ?? schema.anyOf;
  if (branches !== undefined) {
    const said = branches.map((one) => typeOf(components, one));
    return [...new Set(said)].join(" or ");
  }
  const types = [schema.type ?? "anything"].flat();
  return types.map((type) => wordsOf(components, type, schema)).join(" or ");
}

function wordsOf(components: Schemas, type: string, schema: Schema): string {
  switch (type) {
    case "string":
      return textWords(schema);
    case "integer":
    case "number":
      return numberWords(schema);
    case "array": {
      const most = schema.maxItems === undefined ? "" : ` of at most ${schema.maxItems}`;
      const items = schema.items === undefined ? "" : `: ${typeOf(components, schema.items)}`;
      return `list${most}${items}`;
    }
    case "boolean":
      return "true or false";
    default:
      return type;
  }
}

function textWords({ contentEncoding, minLength: least = 0, maxLength: most }: Schema): string {
  const what = contentEncoding === undefined ? "text" : contentEncoding;
  if (most === undefined) return what;
  if (least === most) return `${what}, ${most} characters`;
  return `${what}, ${least > 1 ? `${least} to ` : "at most "}${
    most.toLocaleString("en")
  } characters`;
}

function numberWords({ minimum, maximum }: Schema): string {
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? null : maximum;
  const from = minimum === undefined || minimum < -1e15 ? "" : ` from ${minimum}`;
  return `number${from}${most === null ? "" : ` to ${most.toLocaleString("en")}`}`;
}

/** Long lists are told elsewhere. */
function oneOf(values: readonly unknown[]): string {
  if (values.length > 12) return "one of the codes below";
  return values.map((value) => JSON.stringify(value)).join(" | ");
}
