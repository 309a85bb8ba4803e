/**
 * Countersign's clients: accounts that the log holds, with tokens and proofs.
 *
 * Beforehand, because the protocol allows it, and not in the figures: accounts are registered, access
 * tokens (good for 10 minutes) are issued, and each connection's DPoP proof is made over a nonce of the
 * last minute. The figures have everything that the service does at a sign-in: it knows the token as one
 * that it issued, checks the proof, its nonce, and that it is new, looks whether the device is still one of
 * the account's and whether mail waits, and tells its limits.
 *
 * @module
 */

import { ACK_FRAMES } from "../../wire/limits.ts";
import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { toBase64Url } from "../../crypto/base64.ts";
import { utf8 } from "../../crypto/bytes.ts";
import { generateDeviceKeys, parseVerifyingKey, type SigningKeyPair } from "../../crypto/keys.ts";
import { ed25519FromSeed, sha256 } from "../../crypto/primitives.ts";
import { freshNonce, makeProof, sendJson, tokenOf } from "../../tests/support/dpop.ts";
import { type TestService } from "../../tests/support/service.ts";
import { newAccount, type TestAccount } from "../../tests/support/service_core.ts";
import { type Contender, ID_HOLE } from "./contender.ts";

/** How many of the limit of 10 an account has at most: a place is given back some time after the close. */
const CONNECTIONS_PER_ACCOUNT = 8;

interface Ready {
  readonly token: string;
  readonly proof: string;
}

const devices: { readonly signing: SigningKeyPair; readonly token: string }[] = [];
const ready: Ready[] = [];

/** The service of this repository. */
export const countersign: Contender = {
  name: "countersign",
  runtime: "deno",
  seed,
  includes: "token and proof, schemas, numbers, confirmations, repeats told apart",
  protocol: {
    subprotocol: SUBPROTOCOL,
    prepare,
    path: () => SOCKET,
    enter(seat) {
      return {
        first: [],
        take(text, say) {
          const frame = JSON.parse(text);
          switch (frame.t) {
            case "hello":
              say(JSON.stringify({ t: "auth", ...takeReady() }));
              return false;
            case "welcome":
              say(JSON.stringify({ t: "join", id: "join", room: seat.room }));
              return false;
            case "joined":
              seat.name = frame.mid;
              return true;
            case "presence":
              return false;
            default:
              throw new Error(`a client was told ${text}`);
          }
        },
      };
    },
    messages(seat, ct) {
      const others = seat.mates.filter((mate) => mate !== seat);
      const to = others.length === 1 ? others[0]!.name : "*";
      return [JSON.stringify({ t: "signal", id: ID_HOLE, room: seat.room, to, ct })];
    },
    acknowledge(seat, delivery) {
      if (seat.heard % ACK_FRAMES !== 0) return null;
      const [, seq] = /"seq":([0-9]+)/.exec(delivery.toString("latin1"))!;
      return `{"t":"ack","seq":${seq}}`;
    },
  },
};

function takeReady(): Ready {
  const one = ready.pop();
  if (one === undefined) throw new Error("bug: more connections than were prepared");
  return one;
}

/** Registers as many accounts as so many connections need. */
async function seed(url: string, connections: number): Promise<void> {
  const service = serviceAt(url);
  await Promise.all(
    Array.from({ length: Math.ceil(connections / CONNECTIONS_PER_ACCOUNT) }, async (_, i) => {
      const keys = { ...await generateDeviceKeys(), signing: await signingKey(i) };
      const account = await newAccount(nameOf(i), { keys });
      const body = { record: toBase64Url(account.record) };
      const response = await sendJson(service, "PUT", `/v1/directory/${nameOf(i)}`, body);
      if (response.status !== 200) throw new Error(`not registered: ${await response.text()}`);
      await response.body?.cancel();
    }),
  );
}

async function prepare(url: string, connections: number, standing: number): Promise<void> {
  const service = serviceAt(url);
  const wanted = Math.ceil((standing + connections) / CONNECTIONS_PER_ACCOUNT);
  for (let i = devices.length; i < wanted; i++) {
    const signing = await signingKey(i);
    const account = { label: nameOf(i), keys: { signing } } as unknown as TestAccount;
    devices.push({ signing, token: await tokenOf(service, account) });
  }
  const nonce = await freshNonce(service);
  ready.length = 0;
  for (let i = standing; i < standing + connections; i++) {
    const { signing, token } = devices[Math.floor(i / CONNECTIONS_PER_ACCOUNT)]!;
    const proof = await makeProof(signing, { method: "GET", url: url + SOCKET, nonce, token });
    ready.push({ token, proof });
  }
}

/** The same in every process: keys are no secret here. */
async function signingKey(i: number): Promise<SigningKeyPair> {
  const { publicKey, privateKey } = await ed25519FromSeed(sha256(utf8(nameOf(i))));
  return { publicKey: parseVerifyingKey(publicKey), privateKey };
}

function nameOf(i: number): string {
  return `bench${i}`;
}

function serviceAt(url: string): TestService {
  return { url, now: Date.now } as unknown as TestService;
}
