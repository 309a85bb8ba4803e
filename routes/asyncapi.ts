/**
 * The WebSocket protocol `rooms.v1` as an AsyncAPI 3.0 document, made of the schemas by which frames
 * are read and of those that the service's own frames are held against.
 *
 * @module
 */

import { CLOSE, mayReconnect } from "../wire/close.ts";
import { SOCKET, SUBPROTOCOL } from "../wire/paths.ts";
import { clientFrame } from "../wire/schema.ts";
import { CLIENT_FRAMES, type FrameText } from "../wire/schema_client_frames.ts";
import { SERVER_FRAMES } from "../wire/schema_frames.ts";
import { framesOf, type Json, jsonSchemas } from "../wire/schema_json.ts";
import { VERSION } from "../wire/service.ts";

const ABOUT =
  "JSON text frames, told apart by `t`. `hello`, then `auth` within 5 s, then `welcome`; " +
  "before that no other frame acts. No token stands in the URL or in the subprotocol. `id` is the " +
  "client's idempotency key; `seq` numbers every frame of the service that survives a reconnect. What " +
  "is in `ct`, `common`, `offer` and `meta` is sealed. Unknown fields of a client's frame are refused; " +
  "clients ignore fields that they do not know.";

/** The document, without the server. */
export function asyncApi(): Json {
  const taken = jsonSchemas(Object.fromEntries(framesOf(clientFrame)), false);
  const shapes = Object.entries(SERVER_FRAMES).map(([t, { schema }]) => [t, schema] as const);
  const given = jsonSchemas(Object.fromEntries(shapes), true);
  const clients = messagesOf("client", CLIENT_FRAMES, taken.asked);
  const services = messagesOf("server", SERVER_FRAMES, given.asked);
  const messages = { ...clients, ...services };
  const named = Object.keys(messages).map((name) => [name, ref(`components/messages/${name}`)]);
  return {
    asyncapi: "3.0.0",
    info: {
      title: `Countersign ${SUBPROTOCOL}`,
      version: VERSION,
      description: ABOUT,
      license: { name: "MIT" },
    },
    defaultContentType: "application/json",
    channels: {
      rooms: {
        address: SOCKET,
        title: "The socket of a device or guest",
        messages: Object.fromEntries(named),
        bindings: { ws: { method: "GET", headers: upgradeHeaders(), bindingVersion: "0.1.0" } },
        "x-subprotocol": SUBPROTOCOL,
        "x-close-codes": closeCodes(),
      },
    },
    operations: {
      takeFrames: operationOf("receive", "What a client sends", Object.keys(clients)),
      giveFrames: operationOf("send", "What the service sends", Object.keys(services)),
    },
    components: { messages, schemas: { ...taken.named, ...given.named } },
  };
}

function messagesOf(
  side: "client" | "server",
  texts: Readonly<Record<string, FrameText<unknown>>>,
  schemas: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const messages = Object.entries(texts).map(([t, { says, example }]) => {
    const schema = schemas[t];
    if (schema === undefined) throw new Error(`bug: the frame ${t} has no schema`);
    const message: Json = {
      name: t,
      title: t,
      summary: says,
      payload: schema,
      examples: [{ payload: example }],
    };
    return [`${side}.${t}`, message] as const;
  });
  return Object.fromEntries(messages);
}

function operationOf(action: "send" | "receive", summary: string, names: string[]): Json {
  return {
    action,
    summary,
    channel: ref("channels/rooms"),
    messages: names.map((name) => ref(`channels/rooms/messages/${name}`)),
  };
}

function upgradeHeaders(): Json {
  return {
    type: "object",
    properties: { "Sec-WebSocket-Protocol": { type: "string", const: SUBPROTOCOL } },
    required: ["Sec-WebSocket-Protocol"],
  };
}

function closeCodes(): Json[] {
  return Object.entries(CLOSE).map(([name, code]) => {
    return { code, name, reconnect: mayReconnect(code) };
  });
}

function ref(place: string): Json {
  return { $ref: `#/${place}` };
}
