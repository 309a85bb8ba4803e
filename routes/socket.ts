/**
 * A WebSocket behind a small interface, which two implementations have: `socket_ws.ts`, which can
 * refuse and cut off, and `socket_native.ts`, which is there where nothing else is.
 *
 * What both promise: nothing of the sending half throws, each event is called with nothing awaited
 * before, and whatever a handler throws ends that one socket and never the process.
 *
 * @module
 */

/** The sending half of a WebSocket; nothing here throws. */
export interface Socket {
  /** Hands a text to the socket; nothing when it is no longer open. */
  send(text: string): void;
  /** Reads no more of what the peer sends, where the implementation can, until the closing starts. */
  ignore(): void;
  /** Starts the closing; nothing when it was started before. */
  close(code: number, reason: string): void;
  /** Bytes that wait for the peer to read. */
  waitingBytes(): number;
  /** Cuts the peer off; where the implementation cannot, starts the closing. */
  terminate(): void;
}

/** What becomes of a socket; each is called with nothing awaited before. */
export interface SocketEvents {
  /** It is open: called first and once. */
  opened(socket: Socket): void;
  /** A text frame. */
  text(text: string): void;
  /** A binary frame. */
  binary(): void;
  /** A ping or a pong of the peer's, where the implementation tells. */
  control(): void;
  /**
   * The peer sent what no frame may be, and is read no further.
   *
   * @param code the close code that says so
   */
  broken(code: number, reason: string): void;
  /** It is gone: called once, also where it never opened. */
  closed(): void;
  /** One of these handlers threw. */
  failed(error: unknown): void;
}

/**
 * Makes a WebSocket of a request.
 *
 * @param protocol the subprotocol to confirm, or null for none
 * @returns the answer to the request, where it is not on its way already
 * @throws TypeError where the request is no handshake
 */
export type Upgrade = (protocol: string | null, events: SocketEvents) => Response | null;

/** The same handlers, none of which throws, and each of `opened` and `closed` is called once. */
export function guarded(events: SocketEvents): SocketEvents {
  let socket: Socket | null = null;
  let isClosed = false;
  const failed = (error: unknown): void => {
    try {
      events.failed(error);
    } catch {
      // Who cannot even fail is not spoken to any more.
      socket?.terminate();
    }
  };
  const guard = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      failed(error);
    }
  };
  return {
    opened(opened) {
      if (socket !== null) return;
      socket = opened;
      guard(() => events.opened(opened));
    },
    text: (text) => guard(() => events.text(text)),
    binary: () => guard(() => events.binary()),
    control: () => guard(() => events.control()),
    broken: (code, reason) => guard(() => events.broken(code, reason)),
    closed() {
      if (isClosed) return;
      isClosed = true;
      guard(() => events.closed());
    },
    failed,
  };
}
