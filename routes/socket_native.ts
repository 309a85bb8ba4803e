/**
 * A WebSocket of the runtime's own server, for where there is no other: Deno Deploy.
 *
 * The traps that it hides: an exception in a handler would kill the process, `onclose` may come
 * twice, frames are lost if their handler is attached late, and sending on a closing socket throws.
 * What it cannot hide: the runtime takes a whole message in before anybody can refuse its length,
 * tells nobody of pings, reads on whether or not anybody listens, and cannot cut a peer off that does
 * not answer a close.
 *
 * @module
 */

import { guarded, type Socket, type Upgrade } from "./socket.ts";

/** How long a peer may leave the runtime's own pings unanswered, in seconds. */
const IDLE_TIMEOUT_S = 60;

/** Upgrades a request of the runtime's server. */
export function nativeUpgrade(request: Request): Upgrade {
  return (protocol, given) => {
    const idle = { idleTimeout: IDLE_TIMEOUT_S };
    const options = protocol === null ? idle : { ...idle, protocol };
    const { socket: native, response } = Deno.upgradeWebSocket(request, options);
    const events = guarded(given);
    native.binaryType = "arraybuffer";
    native.onopen = () => events.opened(socketOf(native));
    native.onmessage = ({ data }) => {
      if (typeof data === "string") events.text(data);
      else events.binary();
    };
    native.onclose = () => events.closed();
    // An error is always followed by a close, except where the socket never opened.
    native.onerror = () => {
      if (native.readyState !== WebSocket.OPEN) events.closed();
    };
    return response;
  };
}

function socketOf(native: WebSocket): Socket {
  const close = (code?: number, reason?: string): void => {
    if (native.readyState > WebSocket.OPEN) return;
    try {
      native.close(code, reason);
    } catch {
      // It closed in between, and `closed` says so.
    }
  };
  return {
    send(text) {
      if (native.readyState !== WebSocket.OPEN) return;
      try {
        native.send(text);
      } catch {
        // Likewise.
      }
    },
    ignore: () => {},
    close,
    waitingBytes: () => native.bufferedAmount,
    terminate: () => close(),
  };
}
