import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type Json, type Schema } from "../../wire/schema_json.ts";
import { VERSION } from "../../wire/service.ts";
import { startService, type TestService } from "../support/service.ts";

/** A document that is walked. */
// deno-lint-ignore no-explicit-any
type Document = any;

async function documentOf(service: TestService): Promise<Document> {
  return await (await fetch(`${service.url}/openapi.json`)).json();
}

/** `GET /v1/links/{}/{}`. */
function plain(method: string, path: string): string {
  return `${method} ${path.replace(/:\w+(\{[^}]*\})?/g, "{}").replace(/\{\w+\}/g, "{}")}`;
}

/** Every object of a document with the path to it. */
function* walk(value: unknown, path = ""): Iterable<[string, Json]> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Json];
  for (const [name, inner] of Object.entries(value)) yield* walk(inner, `${path}/${name}`);
}

function examplesOf(schema: Schema<unknown>): Json[] {
  return (schema.meta()?.["examples"] ?? []) as Json[];
}

function ajvWith(document: Document): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "document");
  return ajv;
}

Deno.test("every route is in the OpenAPI document, and the document has no other", async () => {
  await using service = await startService();
  const served = service.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) =>
    plain(method, path)
  );
  const document = await documentOf(service);
  const declared = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => plain(method.toUpperCase(), path))
  );
  // The one path that is served beside the application.
  assert.deepEqual(declared.sort(), [...served, "GET /v1/ws"].sort());
});

Deno.test("the OpenAPI document validates, and says the project's version", async () => {
  await using service = await startService();
  const document = await documentOf(service);
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  const { version } = JSON.parse(await Deno.readTextFile("deno.json"));
  assert.deepEqual([VERSION, document.info.version], [version, version]);
});

Deno.test("every operation has its own id and words, and each reference leads somewhere", async () => {
  await using service = await startService();
  const document = await documentOf(service);
  const ids: string[] = [];
  for (const methods of Object.values<Json>(document.paths)) {
    for (const operation of Object.values<Document>(methods)) {
      ids.push(operation.operationId);
      assert.match(operation.operationId, /^[a-z][A-Za-z]+$/);
      assert.match(operation.summary, /^[A-Z].*[^.]$/, operation.operationId);
      for (const { name, description, $ref } of operation.parameters ?? []) {
        assert.ok(description ?? $ref, `${operation.operationId} says what ${name} is`);
      }
    }
  }
  assert.equal(new Set(ids).size, ids.length);
  for (const [path, { $ref }] of walk(document)) {
    if (typeof $ref !== "string") continue;
    const found = $ref.slice(2).split("/").reduce((inner, name) => inner?.[name], document);
    assert.ok(found !== undefined, `${path}: ${$ref}`);
  }
});

Deno.test("every body has an example, and every example is of its schema", async () => {
  await using service = await startService();
  const document = await documentOf(service);
  const ajv = ajvWith(document);
  for (const [path, schema] of walk(document)) {
    const { examples } = schema;
    if (!Array.isArray(examples)) continue;
    const at = path.split("/").map((part) => part.replaceAll("~", "~0")).join("/");
    const check = ajv.compile({ $ref: `document#${at}` });
    for (const one of examples) assert.ok(check(one), `${path}: ${ajv.errorsText(check.errors)}`);
  }
  for (const { id, body } of service.operations) {
    if (body === undefined) continue;
    const examples = examplesOf(body);
    assert.ok(examples.length > 0, `${id} has an example of its body`);
    for (const one of examples) assert.ok(body.safeParse(one).success, id);
    const { id: name } = body.meta() as { id: string };
    assert.deepEqual(document.components.schemas[name].examples, examples, `${id} shows it`);
  }
});

Deno.test("what a published schema refuses, the service refuses", async () => {
  await using service = await startService();
  const document = await documentOf(service);
  const ajv = ajvWith(document);
  let refused = 0;
  for (const { id, method, path, body } of service.operations) {
    if (body === undefined) continue;
    const place = path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}").replaceAll("/", "~1");
    const at =
      `/paths/${place}/${method.toLowerCase()}/requestBody/content/application~1json/schema`;
    const check = ajv.compile({ $ref: `document#${at}` });
    const [example] = examplesOf(body);
    const spoilt: unknown[] = [null, [], "text", { ...example, more: 1 }];
    for (const name of Object.keys(example!)) {
      spoilt.push({ ...example, [name]: [[]] }, { ...example, [name]: { more: 1 } });
    }
    for (const one of spoilt) {
      assert.equal(check(one), false, `${id}: ${JSON.stringify(one)}`);
      assert.equal(body.safeParse(one).success, false, `${id}: ${JSON.stringify(one)}`);
      refused++;
    }
  }
  assert.ok(refused > 20);
});
