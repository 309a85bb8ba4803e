/**
 * One frame: who sends it, its fields, and what it looks like.
 *
 * @module
 */

import { made } from "../demo/parts.ts";
import { type AsyncApi, type Message } from "./model.ts";
import { prose } from "./prose.ts";
import { sample } from "./sample.ts";
import { fieldsOf } from "./schema_view.ts";

/** A frame as an entry of the page. */
export function frameView(
  { components }: AsyncApi,
  side: "client" | "server",
  { name, summary, payload, examples }: Message,
): HTMLElement {
  const entry = made("article", "entry", "");
  entry.id = `${side}-${name}`;
  const header = document.createElement("header");
  const title = made("h4", "", "");
  title.append(made("code", "", name));
  header.append(
    title,
    made("span", "tag open", side === "client" ? "client → service" : "service → client"),
  );
  // What has a number survives a reconnect.
  const isKept = side === "server" && name !== "welcome" &&
    payload.properties?.["seq"] !== undefined;
  if (isKept) header.append(made("span", "tag kept", "kept until acked"));
  entry.append(header, prose(summary));
  const fields = fieldsOf(components, payload, side === "client" ? "needed" : "absent");
  if (fields !== null) entry.append(made("h5", "", "Fields"), fields);
  for (const { payload } of examples) entry.append(sample(JSON.stringify(payload, null, 2)));
  return entry;
}
