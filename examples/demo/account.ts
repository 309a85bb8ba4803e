/**
 * The account of this page: opened from this device's store, registered once, and kept online.
 *
 * @module
 */

import { Client, ClientError } from "../../client/mod.ts";
import { indexedDbStore } from "../../client/store_indexeddb.ts";
import { type Model, type Trouble } from "./model.ts";
import { elsewhere, NO_NAME, troubleOf } from "./trouble.ts";

/** How long to wait before going online is tried again, in milliseconds. */
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

/** Where the keys of a person of this page are kept; each number is a person of its own. */
export function storeName(device: number): string {
  return device === 1 ? "countersign" : `countersign-${device}`;
}

/** Opens what this device remembers. @throws ClientError */
export async function openClient(device: number, model: Model): Promise<Client> {
  const store = await indexedDbStore(storeName(device));
  try {
    const client = await Client.open({ service: location.origin, store });
    client.onOnline = (online, gaveUp) => {
      if (gaveUp !== null) void stop(client, model, gaveUp);
      else model.set({ presence: online ? "online" : "reconnecting" });
    };
    client.onRefused = (error) => model.notify(troubleOf(error));
    return client;
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Registers a name and goes online; what is wrong with it is shown beside the field. */
export async function register(client: Client, model: Model, name: string): Promise<void> {
  const welcome = (busy: boolean, trouble: Trouble | null) =>
    model.set({ screen: { at: "welcome", busy, trouble } });
  if (name.trim() === "") return welcome(false, NO_NAME);
  welcome(true, null);
  try {
    await client.register(name, DEVICE_NAME);
  } catch (error) {
    const trouble = troubleOf(error);
    if (trouble.mayStartOver) return await stop(client, model, error);
    return welcome(false, trouble);
  }
  await enter(client, model, "");
}

/**
 * Shows the home of a registered account and connects, again and again where it must; once it was
 * online, the client connects again by itself.
 *
 * @param callee whom the link that opened the page names, or an empty text
 */
export async function enter(client: Client, model: Model, callee: string): Promise<void> {
  model.set({ label: client.label, screen: { at: "home", trouble: null } });
  for (;;) {
    try {
      return await client.goOnline();
    } catch (error) {
      const code = error instanceof ClientError ? error.code : null;
      if (code === "closed") return;
      if (code === "in_use") {
        model.set({ presence: "elsewhere" });
        const trouble = elsewhere(client.label ?? "", callee);
        return model.set({ screen: { at: "broken", trouble, evidence: null } });
      }
      if (!(error instanceof ClientError && error.retryable)) {
        return await stop(client, model, error);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Says why this page can't be online any more; a call under way goes on before that is shown. */
async function stop(client: Client, model: Model, error: unknown): Promise<void> {
  const gaveUp = troubleOf(error);
  model.set({ presence: "stopped", gaveUp });
  const evidence = await client.evidence().catch(() => null);
  if (model.get().screen.at === "call") return;
  model.set({ screen: { at: "broken", trouble: gaveUp, evidence } });
}
