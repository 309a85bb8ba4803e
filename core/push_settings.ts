/**
 * The operator's settings of Web Push: texts in, settings out.
 *
 *     contact    whom a push service may write to: mailto: or https:
 *     hosts      the push services that are used, with commas; `*.` stands for every host below
 *
 * Without a contact there is no Web Push. The list is closed, because a subscription's endpoint is
 * chosen by whoever brings it, and this service sends there.
 *
 * @module
 */

/** The push services of the browsers that have one. */
const DEFAULT_HOSTS: readonly string[] = [
  "fcm.googleapis.com",
  "*.push.services.mozilla.com",
  "*.push.apple.com",
  "*.notify.windows.com",
];

const MAX_CONTACT_CHARS = 256;

/** The settings as they were written; empty and absent are the same. */
export interface PushTexts {
  /** `mailto:` or `https:`. */
  readonly contact?: string | undefined;
  /** Host names, separated by commas. */
  readonly hosts?: string | undefined;
}

/** How this service pushes. */
export interface PushSettings {
  /** The `sub` of its tokens (RFC 8292, section 2.1). */
  readonly contact: string;
  /** The hosts of the push services that it uses; `*.` in front stands for every host below. */
  readonly hosts: readonly string[];
  /** Whether a push service may be at 127.0.0.1, without TLS, on any port: for tests. */
  readonly isLoopbackAllowed?: boolean;
  /** Other bounds than the protocol's, for tests. */
  readonly bounds?: PushBounds;
}

/** How long pushing takes, and how much of it there is. */
export interface PushBounds {
  /** How long a push service may take to answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How long at most until a push is tried a second time, in milliseconds; then twice that, and so on. */
  readonly retryMs: number;
  /** Most pushes under way to one push service. */
  readonly perService: number;
}

/**
 * The settings of some texts, or null where there is no Web Push.
 *
 * @throws Error with a sentence for the operator
 */
export function readPushSettings(texts: PushTexts): PushSettings | null {
  const contact = texts.contact || null;
  const hosts = (texts.hosts ?? "").split(",").map((host) => host.trim().toLowerCase())
    .filter((host) => host !== "");
  if (contact === null) {
    if (hosts.length === 0) return null;
    throw new Error("COUNTERSIGN_PUSH_HOSTS has no effect without COUNTERSIGN_CONTACT");
  }
  if (!isContact(contact)) {
    throw new Error("COUNTERSIGN_CONTACT has to be like mailto:ops@example.org or https://...");
  }
  const wrong = hosts.find((host) => !isHost(host));
  if (wrong !== undefined) {
    throw new Error("COUNTERSIGN_PUSH_HOSTS has to list host names like push.example.org");
  }
  return { contact, hosts: hosts.length === 0 ? DEFAULT_HOSTS : hosts };
}

/** An entry of the list that a host is on, or null. */
export function pushServiceOf(hosts: readonly string[], host: string): string | null {
  const isOn = (entry: string) =>
    entry.startsWith("*.") ? host.endsWith(entry.slice(1)) : host === entry;
  return hosts.find(isOn) ?? null;
}

function isContact(text: string): boolean {
  if (text.length > MAX_CONTACT_CHARS) return false;
  if (/^mailto:[^\s@,]+@[^\s@,]+\.[^\s@,]+$/.test(text)) return true;
  return text.startsWith("https://") && URL.canParse(text);
}

/** A name with a dot in it that does not end in a number: no address, and no name of this machine. */
function isHost(text: string): boolean {
  return /^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$/.test(text);
}
