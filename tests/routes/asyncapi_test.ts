import assert from "node:assert/strict";
import specs from "@asyncapi/specs";
import { Ajv, type AnySchema, type ErrorObject } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { CLOSE } from "../../wire/close.ts";
import { clientFrame } from "../../wire/schema.ts";
import { SERVER_FRAMES } from "../../wire/schema_frames.ts";
import { startService } from "../support/service.ts";

/** A document that is walked. */
// deno-lint-ignore no-explicit-any
type Document = any;

/** What ajv compiles a schema to. */
interface Check {
  (value: unknown): unknown;
  errors?: ErrorObject[] | null;
}

async function documentOf(): Promise<Document> {
  await using service = await startService({ publicOrigin: "https://calls.example" });
  return await (await fetch(`${service.url}/asyncapi.json`)).json();
}

/** The `t` of every frame whose type a file has. */
function typesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/readonly t: "(\w+)"/g)].map(([, t]) => t!))].sort();
}

Deno.test("every frame is in the AsyncAPI document, and the document has no other", async () => {
  const { channels, operations } = await documentOf();
  const sides = {
    client: await Deno.readTextFile("wire/client_frames.ts"),
    server: await Deno.readTextFile("wire/frames.ts"),
  };
  const names = Object.keys(channels.rooms.messages);
  for (const [side, text] of Object.entries(sides)) {
    const declared = names.filter((name) => name.startsWith(`${side}.`));
    assert.deepEqual(declared.map((name) => name.slice(7)).sort(), typesIn(text));
  }
  const said = [...operations.takeFrames.messages, ...operations.giveFrames.messages];
  assert.deepEqual(
    said.map(({ $ref }) => $ref.replace("#/channels/rooms/messages/", "")).sort(),
    names.sort(),
  );
  assert.equal(operations.takeFrames.action, "receive");
});

Deno.test("the AsyncAPI document validates", async () => {
  const document = await documentOf();
  // AsyncAPI's schema brings the schema of schemas with it.
  const options = { meta: false, validateSchema: false, strict: false, validateFormats: false };
  const ajv = new Ajv(options);
  const check: Check = ajv.compile(specs.schemas["3.0.0"] as AnySchema);
  assert.ok(check(document), ajv.errorsText(check.errors));
  assert.equal(check({ ...document, channels: { rooms: { messages: 1 } } }), false);
  assert.deepEqual(document.servers.here, { host: "calls.example", protocol: "wss" });
  const codes = document.channels.rooms["x-close-codes"].map(({ code }: Document) => code);
  assert.deepEqual(codes, Object.values(CLOSE));
});

Deno.test("every frame has an example, which both its schemas take", async () => {
  const document = await documentOf();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, "document");
  for (const [name, message] of Object.entries<Document>(document.components.messages)) {
    const check: Check = ajv.compile({ $ref: `document#/components/messages/${name}/payload` });
    const [side, t] = name.split(".") as [string, keyof typeof SERVER_FRAMES];
    const schema = side === "client" ? clientFrame : SERVER_FRAMES[t].schema;
    for (const { payload } of message.examples) {
      assert.ok(check(payload), `${name}: ${ajv.errorsText(check.errors)}`);
      assert.ok(schema.safeParse(payload).success, name);
      for (const wrong of [{ ...payload, t: "other" }, {}, ...lacking(payload, message.payload)]) {
        assert.equal(check(wrong), false, `${name}: ${JSON.stringify(wrong)}`);
        assert.equal(schema.safeParse(wrong).success, false, `${name}: ${JSON.stringify(wrong)}`);
      }
    }
  }
});

/** A frame without each of the fields that it needs. */
function lacking(frame: Record<string, unknown>, schema: Document): Record<string, unknown>[] {
  const needed: string[] = schema.required ?? schema.oneOf[0].required;
  return needed.map((name) => {
    return Object.fromEntries(Object.entries(frame).filter(([other]) => other !== name));
  });
}
