/**
 * The account of this page: opened from this device's store, registered once, and kept online.
 *
 * @module
 */

import { Client, ClientError } from "../../client/mod.ts";
import { indexedDbStore } from "../../client/store_indexeddb.ts";
import { type Model } from "./model.ts";
import { troubleOf } from "./words.ts";

/** How long to wait before going online again, in milliseconds. */
const RETRY_MS = 3_000;

/** What this page calls its device in the log; a browser's name is nobody's business. */
const DEVICE_NAME = "web";

/** Whether this browser can do what a call needs; a sentence where it can't. */
export function missing(): string | null {
  if (!globalThis.isSecureContext) return "Open this page by HTTPS, or on localhost.";
  if (!("RTCRtpScriptTransform" in globalThis)) {
    return "This browser cannot encrypt frames (RTCRtpScriptTransform). Use a current Chromium, Firefox or Safari.";
  }
  return null;
}

/** Opens what this device remembers; each number is a person of its own. @throws ClientError */
export async function openClient(device: number, model: Model): Promise<Client> {
  const store = await indexedDbStore(device === 1 ? "countersign" : `countersign-${device}`);
  const client = await Client.open({ service: location.origin, store });
  client.onOnline = (online) => model.set({ online });
  client.onRefused = (error) => model.notify(troubleOf(error));
  return client;
}

/** Registers a name and goes online; what is wrong with it is shown beside the field. */
export async function register(client: Client, model: Model, name: string): Promise<void> {
  model.set({ screen: { at: "welcome", busy: true, trouble: null } });
  try {
    await client.register(name, DEVICE_NAME);
  } catch (error) {
    model.set({ screen: { at: "welcome", busy: false, trouble: troubleOf(error) } });
    return;
  }
  await enter(client, model);
}

/** Shows the home of a registered account and connects, again and again where it must. */
export async function enter(client: Client, model: Model): Promise<void> {
  const headSize = await client.headSize();
  model.set({ label: client.label, headSize, screen: { at: "home", trouble: null } });
  for (;;) {
    try {
      await client.goOnline();
      return model.set({ online: true, headSize: await client.headSize() });
    } catch (error) {
      const trouble = troubleOf(error);
      const mayPass = error instanceof ClientError && error.retryable;
      if (!mayPass) return model.set({ screen: { at: "broken", trouble } });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
