/**
 * The tests of the socket once more, on the runtime's own WebSockets, which Deno Deploy has.
 *
 * @module
 */

import { useSockets } from "../support/service.ts";

useSockets("native");
await import("./rooms_test.ts");
await import("./host_test.ts");
await import("./hostile_sockets_test.ts");
