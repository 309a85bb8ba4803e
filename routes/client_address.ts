/**
 * Whose connection it is, as far as limits go: the client's address, cut to what one customer of a
 * provider has: an IPv4 address as it is, of an IPv6 address the first 64 bits.
 *
 * `X-Forwarded-For` is anybody's word. It is believed of proxies that the operator named, from its
 * right end, and as far as these go. Addresses are for counting: they are in no log, error or URL.
 *
 * @module
 */

/** The proxies whose `X-Forwarded-For` is believed. */
export type TrustedProxies = readonly Network[];

/** Addresses that begin alike. */
interface Network {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array;
  /** How many bits they have in common. */
  readonly bits: number;
}

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
/** What one customer is given, at least (RFC 6177). */
const IPV6_PREFIX_BYTES = 8;

/** Reads addresses and CIDR networks that stand between commas; null where one of them is none. */
export function readProxies(text: string): TrustedProxies | null {
  const networks: Network[] = [];
  for (const entry of text.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
    const [, name, length] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(entry) ?? [];
    const address = name === undefined ? null : bytesOf(name);
    if (address === null) return null;
    const bits = length === undefined ? address.length * 8 : Number(length);
    if (bits > address.length * 8) return null;
    networks.push({ address, bits });
  }
  return networks;
}

/**
 * What a client's sockets are counted by.
 *
 * @param peer the address of whoever opened the connection, or null where it is unknown
 * @param forwarded the request's `X-Forwarded-For`, or null
 */
export function clientPrefix(
  peer: string | null,
  forwarded: string | null,
  trusted: TrustedProxies,
): string {
  let client = peer === null ? null : bytesOf(peer);
  const hops = forwarded?.split(",") ?? [];
  while (client !== null && isIn(client, trusted)) {
    const hop = hops.pop();
    const before = hop === undefined ? null : bytesOf(withoutPort(hop.trim()));
    // Nobody, or nobody with an address: then it is the proxy's own.
    if (before === null) break;
    client = before;
  }
  // All who are unknown are one.
  if (client === null) return "unknown";
  return client.subarray(0, client.length === IPV4_BYTES ? IPV4_BYTES : IPV6_PREFIX_BYTES).join(
    ".",
  );
}

/** Whether a peer is one of the proxies. */
export function isTrusted(peer: string | null, trusted: TrustedProxies): boolean {
  const address = peer === null ? null : bytesOf(peer);
  return address !== null && isIn(address, trusted);
}

function isIn(address: Uint8Array, networks: TrustedProxies): boolean {
  return networks.some((network) =>
    network.address.length === address.length &&
    isAlike(network.address, address, network.bits)
  );
}

function isAlike(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const mask = 0xff00 >> (bits & 7) & 0xff;
  return mask === 0 || (a[whole]! & mask) === (b[whole]! & mask);
}

/** Some proxies write the port too: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::[0-9]+)?$/.exec(hop)?.[1] ?? /^([0-9.]+):[0-9]+$/.exec(hop)?.[1] ?? hop;
}

/** The bytes of an address; 4 where it is IPv4 in IPv6's clothes; null where it is none. */
function bytesOf(address: string): Uint8Array | null {
  if (/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(address)) {
    const bytes = address.split(".").map(Number);
    return bytes.every((byte) => byte <= 255) ? new Uint8Array(bytes) : null;
  }
  // The URL parser knows all spellings of IPv6, and makes one of them: RFC 5952's.
  if (!/^[0-9A-Fa-f:.]+(%.*)?$/.test(address)) return null;
  const host = URL.parse(`http://[${address.replace(/%.*$/, "")}]`)?.hostname.slice(1, -1);
  if (host === undefined) return null;
  const [left, right] = host.split("::").map((half) => half === "" ? [] : half.split(":"));
  const zeros = right === undefined ? 0 : IPV6_BYTES / 2 - left!.length - right.length;
  const groups = [...left!, ...Array<string>(zeros).fill("0"), ...right ?? []];
  const bytes = new Uint8Array(groups.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.subarray(12) : bytes;
}
