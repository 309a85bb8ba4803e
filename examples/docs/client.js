// A client of Countersign without its SDK: what a browser or any runtime with WebCrypto has is enough.
// `/docs` shows this file step by step, and a test runs it against the service.

// ---- text: Text and bytes

const utf8 = (text) => new TextEncoder().encode(text);

/** Base64url without padding, as every byte string is written. */
export function b64(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function unb64(text) {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

function concat(...parts) {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** A number in so many bytes, the highest first. */
function number(value, bytes) {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value));
  return new Uint8Array(view.buffer).slice(8 - bytes);
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Whatever is signed or derived has a label in front. */
function labelled(name, ...body) {
  return concat(utf8(`countersign/1 ${name}\0`), ...body);
}

// ---- key: A key that says who you are

/** An Ed25519 key: of a guest, or of a device that the log knows. */
export async function newKey() {
  const { privateKey, publicKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign"]);
  return await described(
    privateKey,
    new Uint8Array(await crypto.subtle.exportKey("raw", publicKey)),
  );
}

/** A key with what is said of it. */
export async function described(privateKey, publicKey) {
  const jwk = { crv: "Ed25519", kty: "OKP", x: b64(publicKey) };
  // RFC 7638: the members in alphabetic order, without spaces.
  const thumbprint = await sha256(utf8(JSON.stringify(jwk)));
  return { privateKey, publicKey, jwk, thumbprint };
}

async function sign(key, bytes) {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, bytes));
}

// ---- proof: A proof for each request

/** A DPoP proof (RFC 9449): that the key asks for this, here and now. */
export async function makeProof(key, { method, url, nonce, token }) {
  const header = { typ: "dpop+jwt", alg: "EdDSA", jwk: key.jwk };
  const claims = {
    jti: crypto.randomUUID(),
    htm: method,
    htu: url, // without the query
    iat: Math.floor(Date.now() / 1000),
    nonce,
    ...(token ? { ath: b64(await sha256(utf8(token))) } : {}),
  };
  const signed = [header, claims].map((part) => b64(utf8(JSON.stringify(part)))).join(".");
  return `${signed}.${b64(await sign(key, utf8(signed)))}`;
}

// ---- ask: A request, and a second try with the nonce

let nonce; // every answer of the API brings the next one

/** Asks the service; the first time it says which nonce the proof has to hold. */
export async function ask(service, key, method, path, { token, body } = {}) {
  for (let isFirst = true;; isFirst = false) {
    const url = service + path.split("?")[0];
    const headers = { dpop: await makeProof(key, { method, url, nonce, token }) };
    if (token) headers.authorization = `DPoP ${token}`;
    if (body) headers["content-type"] = "application/json";
    const response = await fetch(service + path, { method, headers, body: JSON.stringify(body) });
    nonce = response.headers.get("dpop-nonce") ?? nonce;
    const answer = response.status === 204 ? null : await response.json();
    if (response.ok) return answer;
    if (answer.code !== "use_dpop_nonce" || !isFirst) throw new Error(answer.code);
  }
}

// ---- account: Sign in as an account's device

/** An access token of ten minutes, bound to the key: useless to whoever steals it. */
export async function signIn(service, key, account) {
  const answer = await ask(service, key, "POST", "/v1/tokens", { body: { account } });
  return answer.access_token;
}

// ---- invite: Come in as a guest

/** What an invite's link holds behind its `#`; it never leaves this program. */
export function readInvite(link) {
  const bytes = unb64(link.split("#")[1]);
  const [room, secret, seed] = [bytes.slice(1, 17), bytes.slice(17, 49), bytes.slice(49, 65)];
  return { room, secret, seed, service: new TextDecoder().decode(bytes.slice(66)) };
}

/** HKDF-SHA-256 of the room's secret. */
async function derive({ room, secret }, info) {
  const from = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: room, info };
  return new Uint8Array(await crypto.subtle.deriveBits(how, from, 256));
}

/** The invite's own key: the service knows its public half alone. */
async function inviteKey(invite) {
  const seed = await derive(invite, labelled("invite-key", invite.seed));
  const pkcs8 = concat(unb64("MC4CAQAwBQYDK2VwBCIEIA"), seed);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  return await described(key, unb64(x));
}

/** A room token: the invite gives its word for this key, in this room, for a minute. */
export async function enter(service, key, invite) {
  const { origin } = await (await fetch(`${service}/.well-known/countersign`)).json();
  const room = b64(invite.room);
  const inviting = await inviteKey(invite);
  const ts_ms = Date.now();
  const log = utf8(origin);
  const word = concat(number(log.length, 1), log, invite.room, key.thumbprint, number(ts_ms, 8));
  const signature = b64(await sign(inviting, labelled("invite", word)));
  const body = { invite: { key: b64(inviting.publicKey), ts_ms, signature } };
  const { token } = await ask(service, key, "POST", `/v1/rooms/${room}/tokens`, { body });
  return token;
}

// ---- socket: Open the socket

/** A signed-in socket: hello, auth, welcome. `hear` gets every frame that follows. */
export function connect(service, key, token, hear) {
  const socket = new WebSocket(`${service.replace(/^http/, "ws")}/v1/ws`, "rooms.v1");
  const send = (frame) => socket.send(JSON.stringify(frame));
  let acking;
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code }) => {
      clearTimeout(acking);
      resolve(code); // below 4500: connect again; from 4500 on: stop
    };
  });
  return new Promise((resolve, reject) => {
    closed.then((code) => reject(new Error(`closed with ${code}`)));
    socket.onmessage = async ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.t === "hello") {
        const { nonce } = frame;
        const proof = await makeProof(key, {
          method: "GET",
          url: `${service}/v1/ws`,
          nonce,
          token,
        });
        return send({ t: "auth", token, proof });
      }
      if (frame.t === "ping") return send({ t: "pong" });
      if (frame.t === "welcome") resolve({ send, closed, close: () => send({ t: "bye" }) });
      // What has a number is kept by the service until it is acked.
      if (frame.seq && frame.t !== "welcome") {
        clearTimeout(acking);
        acking = setTimeout(() => send({ t: "ack", seq: frame.seq }), 2_000);
      }
      hear(frame);
    };
  });
}

// ---- message: Say something that the service can't read

async function messageKey(invite, stream, use) {
  const raw = await derive(invite, labelled("room-message", stream));
  return await crypto.subtle.importKey("raw", raw, "AES-GCM", false, [use]);
}

/** The first envelope of a stream: sealed for the room, signed by the sender. */
export async function seal(invite, key, text) {
  const stream = crypto.getRandomValues(new Uint8Array(16));
  const clear = concat([0x40], stream, number(0, 4));
  const body = concat(number(Date.now(), 8), new Uint8Array(32), [0], [0], utf8(text));
  const signature = await sign(key, labelled("room-envelope", invite.room, clear, body));
  const content = concat(key.publicKey, signature, body, [0x80]);
  const padded = new Uint8Array([512, 2_048, 8_192, 16_384].find((size) => size >= content.length));
  padded.set(content);
  const how = {
    name: "AES-GCM",
    iv: new Uint8Array(12),
    additionalData: concat(invite.room, clear),
  };
  const secret = await messageKey(invite, stream, "encrypt");
  return b64(concat(clear, new Uint8Array(await crypto.subtle.encrypt(how, secret, padded))));
}

/** What an envelope says, and whose key says so; that its number is the next one, you check too. */
export async function open(invite, ct) {
  const envelope = unb64(ct);
  const clear = envelope.slice(0, 21);
  const iv = concat(new Uint8Array(8), clear.slice(17));
  const how = { name: "AES-GCM", iv, additionalData: concat(invite.room, clear) };
  const secret = await messageKey(invite, clear.slice(1, 17), "decrypt");
  const padded = new Uint8Array(await crypto.subtle.decrypt(how, secret, envelope.slice(21)));
  const content = padded.slice(0, padded.lastIndexOf(0x80));
  const [sender, signature, body] = [
    content.slice(0, 32),
    content.slice(32, 96),
    content.slice(96),
  ];
  const verifying = await crypto.subtle.importKey("raw", sender, "Ed25519", false, ["verify"]);
  const signed = labelled("room-envelope", invite.room, clear, body);
  const isTrue = await crypto.subtle.verify("Ed25519", verifying, signature, signed);
  if (!isTrue) throw new Error("nobody in this room signed that");
  return { sender, text: new TextDecoder().decode(body.slice(42 + body[41])) };
}

// ---- all: All of it

/** Comes into a room by its invite, says something to everybody, and hears what is said. */
export async function say(link, text, hear) {
  const invite = readInvite(link);
  const { service } = invite; // empty where the page knows it
  const room = b64(invite.room);
  const key = await newKey();
  const token = await enter(service, key, invite);
  const socket = await connect(service, key, token, hear);
  // The token again: a room does not know whoever has to knock, and gives them "lobby".
  socket.send({ t: "join", id: "join-1", room, token });
  socket.send({ t: "signal", id: "say-1", room, to: "*", ct: await seal(invite, key, text) });
  return socket;
}
