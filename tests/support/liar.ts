/**
 * A lying service: a real proxy in front of the real service, which rewrites what it is told to and
 * remembers every byte that passed.
 *
 * @module
 */

import { Numbering } from "./numbering.ts";

/** Rewrites the JSON of an answer, or gives it back as it is. */
export type AnswerLie = (path: string, value: unknown) => unknown | Promise<unknown>;
/** Rewrites a frame: none, one or several take its place. */
export type FrameLie = (direction: "up" | "down", frame: Frame) => readonly Frame[];
/** A frame of the socket, as JSON. */
export type Frame = { readonly t: string } & Record<string, unknown>;

/** A proxy that may lie. */
export interface Liar {
  /** Where clients think the service is. */
  readonly url: string;
  /** The service behind it. */
  target: string;
  /** Another service for some requests, by path and by whose access token they carry; or null. */
  routeFor: ((path: string, account: string | null) => string | null) | null;
  /** How answers are rewritten, or null for the truth. */
  answerLie: AnswerLie | null;
  /** Answers a request by itself, given its path and body, or null to pass it on; or null for never. */
  answering: ((path: string, body: string) => Promise<unknown>) | null;
  /** The status of the answer that is being rewritten, or null for its own; taken once. */
  nextStatus: number | null;
  /** Which paths are answered with 503, or null for none. */
  refusing: ((path: string) => boolean) | null;
  /** How frames are rewritten, or null for the truth. */
  frameLie: FrameLie | null;
  /** Whether no WebSocket gets through, as with some proxies. */
  blocksSockets: boolean;
  /** Whether frames keep the service's numbers, also where some are dropped or added. */
  keepsNumbers: boolean;
  /** Every text that passed: bodies and frames, both ways. */
  readonly passed: string[];
  /** Every URL that was asked for. */
  readonly urls: string[];
  /** What every WebSocket named as its subprotocols. */
  readonly subprotocols: string[];
  /** Sends a frame of the liar's own to every socket; a `seq` in it is replaced by the next one. */
  inject(frame: Frame): void;
  /** Cuts every socket, without a word, or with a code. */
  cut(code?: number): void;
  /** Cuts some sockets, each by this chance, with all that is on its way. @returns how many */
  cutSome(chance: number): number;
  close(): Promise<void>;
}

/** Tests take chance out of the sources' waits; the liar keeps its own. */
const unstubbedRandom = Math.random;

/** Starts a proxy on a free loopback port. */
export function startLiar(): Liar {
  const downstream = new Set<WebSocket>();
  const cids = new Map<WebSocket, string>();
  /** How each line is cut in the middle. */
  const lines = new Map<WebSocket, () => void>();
  const numbering = new Numbering();
  const upstream = new Set<WebSocket>();
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      liar.urls.push(request.url);
      if (request.headers.get("upgrade") !== "websocket") return forward(request);
      return liar.blocksSockets ? new Response(null, { status: 403 }) : relay(request);
    },
  );
  const liar: Liar = {
    url: `http://127.0.0.1:${server.addr.port}`,
    target: "",
    routeFor: null,
    answerLie: null,
    answering: null,
    nextStatus: null,
    refusing: null,
    frameLie: null,
    blocksSockets: false,
    keepsNumbers: false,
    passed: [],
    urls: [],
    subprotocols: [],
    inject: (frame) => {
      const numbered = "seq" in frame ? { ...frame, seq: 0 } : frame;
      downstream.forEach((socket) => deliver(numbered, socket));
    },
    cut: (code = 4000) => downstream.forEach((socket) => socket.close(code)),
    cutSome: (chance) => {
      const cut = [...downstream].filter(() => unstubbedRandom() < chance);
      for (const socket of cut) {
        socket.close(4000);
        // Neither side hears more of the other, from this moment on.
        lines.get(socket)?.();
        downstream.delete(socket);
      }
      return cut.length;
    },
    close: async () => {
      for (const socket of [...downstream, ...upstream]) socket.close();
      await server.shutdown();
    },
  };
  return liar;

  async function forward(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    liar.passed.push(body);
    if (liar.refusing?.(pathname)) return new Response(null, { status: 503 });
    const own = await liar.answering?.(pathname, body) ?? null;
    if (own !== null) return Response.json(own);
    const target = liar.routeFor?.(pathname, accountOf(request)) ?? liar.target;
    const answer = await fetch(target + pathname + search, {
      method: request.method,
      headers: withoutHop(request.headers),
      ...(body === "" ? {} : { body }),
    });
    let { status } = answer;
    let text = await answer.text();
    liar.passed.push(text);
    if (liar.answerLie !== null && text.startsWith("{")) {
      const lied = liar.answerLie(pathname, JSON.parse(text));
      // Taken before anything is awaited: another answer may be on its way.
      status = liar.nextStatus ?? status;
      liar.nextStatus = null;
      text = JSON.stringify(await lied);
    }
    const empty = [101, 204, 205, 304].includes(answer.status);
    return new Response(empty ? null : text, {
      status,
      headers: withoutHop(answer.headers),
    });
  }

  function relay(request: Request): Response {
    const protocol = request.headers.get("sec-websocket-protocol") ?? "";
    liar.subprotocols.push(protocol);
    const { socket: down, response } = Deno.upgradeWebSocket(request, { protocol });
    const up = new WebSocket(liar.target.replace(/^http/, "ws") + new URL(request.url).pathname, [
      protocol,
    ]);
    downstream.add(down);
    upstream.add(up);
    const early: string[] = [];
    down.onmessage = ({ data }) => {
      if (up.readyState === WebSocket.OPEN) pass("up", data, up, down);
      else early.push(data);
    };
    up.onopen = () => early.forEach((data) => pass("up", data, up, down));
    up.onmessage = ({ data }) => pass("down", data, up, down);
    up.onclose = ({ code, reason }) => {
      upstream.delete(up);
      if (down.readyState === WebSocket.OPEN) down.close(closable(code), reason);
    };
    down.onclose = ({ code }) => {
      downstream.delete(down);
      cids.delete(down);
      lines.delete(down);
      up.close(closable(code));
    };
    up.onerror = down.onerror = () => {};
    lines.set(down, () => {
      up.onmessage = down.onmessage = null;
      up.close(1000);
    });
    return response;
  }

  function pass(direction: "up" | "down", text: string, up: WebSocket, down: WebSocket): void {
    liar.passed.push(text);
    const frame = readable(text);
    if (frame === null) {
      if (up.readyState === WebSocket.OPEN) up.send(text);
      return;
    }
    const frames = liar.frameLie === null ? [frame] : liar.frameLie(direction, frame);
    for (const told of frames) {
      if (direction === "down") deliver(told, down);
      else send(numbered("up", told, down), up);
    }
  }

  function deliver(frame: Frame, down: WebSocket): void {
    if (frame.t === "welcome") cids.set(down, String(frame["cid"]));
    send(numbered("down", frame, down), down);
  }

  function numbered(direction: "up" | "down", frame: Frame, down: WebSocket): Frame {
    return liar.keepsNumbers ? frame : numbering[direction](frame, cids.get(down) ?? null);
  }

  function send(frame: Frame, to: WebSocket): void {
    if (to.readyState === WebSocket.OPEN) to.send(JSON.stringify(frame));
  }
}

/** A frame, or null where it is none. */
function readable(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "t" in value ? value as Frame : null;
  } catch {
    return null;
  }
}

/** Whose access token a request carries. */
function accountOf(request: Request): string | null {
  const [, claims] = /^DPoP [^.]+\.([^.]+)\./.exec(request.headers.get("authorization") ?? "") ??
    [];
  if (claims === undefined) return null;
  return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).sub;
}

function withoutHop(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of ["connection", "content-length", "content-encoding", "host"]) {
    kept.delete(name);
  }
  return kept;
}

function closable(code: number): number {
  return code === 1000 || code >= 3000 ? code : 1000;
}
