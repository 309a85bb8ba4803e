/**
 * The two documents as this page reads them: only what it shows, and all of it checked by the tests that
 * hold the documents against the service.
 *
 * @module
 */

/** JSON Schema, as far as it is used. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly contentEncoding?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly examples?: readonly unknown[];
  /** What each code of a refusal means. */
  readonly "x-codes"?: Readonly<
    Record<
      string,
      { readonly status: number; readonly retryable: boolean; readonly says: string }
    >
  >;
}

/** Where a request's parameter stands. */
export interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

/** What is answered with one status. */
export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}

/** One operation. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
  };
  readonly responses: Readonly<Record<string, Answer>>;
}

/** `/openapi.json`. */
export interface OpenApi {
  readonly info: { readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
  };
}

/** One frame. */
export interface Message {
  readonly name: string;
  readonly summary: string;
  readonly payload: Schema;
  readonly examples: readonly { readonly payload: unknown }[];
}

/** `/asyncapi.json`. */
export interface AsyncApi {
  readonly info: { readonly description: string };
  readonly channels: {
    readonly rooms: {
      readonly "x-close-codes": readonly {
        readonly code: number;
        readonly name: string;
        readonly reconnect: boolean;
      }[];
    };
  };
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}

/** An operation with where it is. */
export interface Placed {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The operations of a topic, in the document's order. */
export function operationsOf({ paths }: OpenApi, topic: string): readonly Placed[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      return { method: method.toUpperCase(), path, operation };
    })
  ).filter(({ operation }) => operation.tags.includes(topic));
}

/** Follows a reference into a document's components. */
export function resolved<T extends { readonly $ref?: string }>(
  components: Readonly<Record<string, unknown>>,
  one: T,
): T {
  if (one.$ref === undefined) return one;
  const [kind, name] = one.$ref.replace("#/components/", "").split("/") as [string, string];
  const kept = components[kind] as Readonly<Record<string, T>>;
  return { ...kept[name]!, ...one };
}
