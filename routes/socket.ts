/**
 * A WebSocket behind a small interface, on Deno's own server.
 *
 * The traps that it hides: an exception in a handler would kill the process, `onclose` may come
 * twice, frames are lost if their handler is attached late, and sending on a closing socket throws.
 * What it cannot hide: the runtime takes a whole message in before anybody can refuse its length,
 * and cannot cut a peer off that does not answer a close.
 *
 * @module
 */

/** The sending half of a WebSocket; nothing here throws. */
export interface Socket {
  /** Hands a text to the socket; nothing when it is no longer open. */
  send(text: string): void;
  /** Starts the closing; nothing when it was started before. */
  close(code: number, reason: string): void;
  /** Bytes that wait for the peer to read. */
  waitingBytes(): number;
}

/** What becomes of a socket; each is called with nothing awaited before. */
export interface SocketEvents {
  /** It is open: called first and once. */
  opened(socket: Socket): void;
  /** A text frame. */
  text(text: string): void;
  /** A binary frame. */
  binary(): void;
  /** It is gone: called once, also where it never opened. */
  closed(): void;
  /** One of these handlers threw. */
  failed(error: unknown): void;
}

/** How long a peer may leave the runtime's own pings unanswered, in seconds. */
const IDLE_TIMEOUT_S = 60;

/**
 * Upgrades a request.
 *
 * @param protocol the subprotocol to confirm, or null for none
 * @throws TypeError where the request is no upgrade
 */
export function upgrade(
  request: Request,
  protocol: string | null,
  events: SocketEvents,
): Response {
  const idle = { idleTimeout: IDLE_TIMEOUT_S };
  const options = protocol === null ? idle : { ...idle, protocol };
  const { socket: native, response } = Deno.upgradeWebSocket(request, options);
  const socket: Socket = {
    send(text) {
      if (native.readyState !== WebSocket.OPEN) return;
      try {
        native.send(text);
      } catch {
        // It closed in between, and `closed` says so.
      }
    },
    close(code, reason) {
      if (native.readyState > WebSocket.OPEN) return;
      try {
        native.close(code, reason);
      } catch {
        // Likewise.
      }
    },
    waitingBytes: () => native.bufferedAmount,
  };
  const guarded = (act: () => void) => () => {
    try {
      act();
    } catch (error) {
      events.failed(error);
    }
  };
  let isClosed = false;
  const closed = guarded(() => {
    if (isClosed) return;
    isClosed = true;
    events.closed();
  });
  native.binaryType = "arraybuffer";
  native.onopen = guarded(() => events.opened(socket));
  native.onmessage = ({ data }) => {
    guarded(() => typeof data === "string" ? events.text(data) : events.binary())();
  };
  native.onclose = closed;
  // An error is always followed by a close, except where the socket never opened.
  native.onerror = () => {
    if (native.readyState !== WebSocket.OPEN) closed();
  };
  return response;
}
