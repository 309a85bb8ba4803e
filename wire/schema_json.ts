/**
 * The schemas of this folder as JSON Schema (draft 2020-12), for the published documents.
 *
 * A schema whose `.meta` has an `id` is published once under that name, and named where it is used.
 *
 * @module
 */

import { z } from "zod";

/** A schema of this folder: what it gives, and what it takes. */
export type Schema<Out, In = unknown> = z.ZodType<Out, In>;

/** Some JSON. */
export type Json = { [name: string]: unknown };

/** Schemas by the name that they were asked under, and those that they name, by their ids. */
export interface JsonSchemas {
  /** Each may be a mere `$ref` to one of `named`. */
  readonly asked: Readonly<Record<string, Json>>;
  /** By id. */
  readonly named: Readonly<Record<string, Json>>;
}

/** Where the documents keep what has a name. */
const PLACE = "#/components/schemas/";

/**
 * Schemas as JSON Schema: what they take, before anything is decoded.
 *
 * @param isOpen for what the service sends, to which a later service may add fields
 * @throws Error where a schema has no JSON Schema, or two have one name
 */
export function jsonSchemas(
  schemas: Readonly<Record<string, z.ZodType>>,
  isOpen: boolean,
): JsonSchemas {
  const all = z.toJSONSchema(z.object(schemas), {
    io: "input",
    override({ zodSchema, jsonSchema }) {
      // Ours are of what is taken, so they stay where that is decoded.
      const examples = z.globalRegistry.get(zodSchema)?.["examples"];
      if (Array.isArray(examples)) jsonSchema.examples = examples;
      if (isOpen && jsonSchema.additionalProperties === false) {
        delete jsonSchema.additionalProperties;
      }
    },
  });
  const text = JSON.stringify({ asked: all.properties, named: all.$defs ?? {} });
  return JSON.parse(text.replaceAll(`"#/$defs/`, `"${PLACE}`));
}

/** The shapes of a union of frames by their `t`: one, or the union of those that share it. */
export function framesOf(union: FrameUnion): ReadonlyMap<string, z.ZodType> {
  const shapes = new Map<string, z.ZodType>();
  for (const option of union.options) {
    const [t] = namesOf(option);
    if (t === undefined || shapes.has(t)) throw new Error("bug: two options of a union share a t");
    shapes.set(t, option);
  }
  return shapes;
}

/** A frame of a `t`, or a union of frames that share one. */
type FrameOption = z.ZodObject<{ t: z.ZodLiteral<string> }> | FrameUnion;
type FrameUnion = { readonly options: readonly FrameOption[] } & z.ZodType;

function namesOf(option: FrameOption): string[] {
  if ("shape" in option) return [...option.shape.t.values];
  return [...new Set(option.options.flatMap(namesOf))];
}
