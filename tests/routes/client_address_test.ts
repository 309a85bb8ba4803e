import { equal, notEqual } from "node:assert/strict";
import { clientPrefix, readProxies } from "../../routes/client_address.ts";

Deno.test("an IPv4 address is one client, and so are 64 bits of an IPv6 address", () => {
  const of = (peer: string | null) => clientPrefix(peer, null, []);
  notEqual(of("192.0.2.1"), of("192.0.2.2"));
  equal(of("2001:db8::1"), of("2001:0DB8:0:0:ffff::2"));
  notEqual(of("2001:db8::1"), of("2001:db8:0:1::1"));
  equal(of("::ffff:192.0.2.1"), of("192.0.2.1"));
  equal(of("::ffff:c000:201"), of("192.0.2.1"));
  equal(of("fe80::1%eth0"), of("fe80::2"));
  for (const none of [null, "", "x", "256.1.1.1", "1.2.3", "::1::", "1:2:3:4:5:6:7:8:9", "a.b"]) {
    equal(of(none), "unknown", `${none}`);
  }
});

Deno.test("X-Forwarded-For is believed of named proxies, from its right end", () => {
  const proxies = readProxies("10.0.0.0/8, 192.0.2.9,2001:db8:f::/48")!;
  const of = (peer: string, forwarded: string | null) => clientPrefix(peer, forwarded, proxies);
  equal(of("10.1.2.3", "198.51.100.7"), "198.51.100.7");
  equal(of("10.1.2.3", "203.0.113.1, 198.51.100.7"), "198.51.100.7");
  equal(of("10.1.2.3", "203.0.113.1, 198.51.100.7, 192.0.2.9"), "198.51.100.7");
  equal(of("2001:db8:f::5", "198.51.100.7:4711"), "198.51.100.7");
  equal(of("10.1.2.3", "[2001:db8::1]:4711"), of("2001:db8::2", null));
  // A stranger's word is nobody's, and so is what is none.
  equal(of("198.51.100.7", "203.0.113.1"), "198.51.100.7");
  equal(of("10.1.2.3", "unknown"), "10.1.2.3");
  equal(of("10.1.2.3", "203.0.113.1, x"), "10.1.2.3");
  equal(of("10.1.2.3", null), "10.1.2.3");
  equal(of("10.1.2.3", "10.9.9.9, 10.8.8.8"), "10.9.9.9");
  equal(of("11.0.0.1", "203.0.113.1"), "11.0.0.1");
});

Deno.test("what is no list of addresses and networks is none", () => {
  for (
    const none of ["x", "10.0.0.0/33", "::/129", "10.0.0.0/8/8", "10.0.0.0/", "/8", "1.2.3.4 "]
  ) {
    equal(readProxies(none) === null, none !== "1.2.3.4 ", none);
  }
  equal(readProxies("")?.length, 0);
  equal(readProxies("::1, 127.0.0.1")?.length, 2);
  equal(clientPrefix("10.1.2.3", "192.0.2.1", readProxies("0.0.0.0/0")!), "192.0.2.1");
});
