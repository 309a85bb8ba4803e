/**
 * Countersign's clients: accounts that the log holds, with tokens and proofs.
 *
 * Beforehand, because the protocol allows it, and not in the figures: accounts are registered, access
 * tokens (good for 10 minutes) are issued, and each connection's DPoP proof is made over a nonce of the
 * last minute. The figures have everything that the service does at a sign-in: it checks the token, the
 * proof, its nonce, that it is new, and that the device is one of the account's.
 *
 * @module
 */

import { ACK_FRAMES } from "../../wire/limits.ts";
import { SOCKET, SUBPROTOCOL } from "../../wire/paths.ts";
import { freshNonce, makeProof, registered, tokenOf } from "../../tests/support/dpop.ts";
import { type TestService } from "../../tests/support/service.ts";
import { type TestAccount } from "../../tests/support/service_core.ts";
import { type Contender, ID_HOLE } from "./contender.ts";

/** How many of the limit of 10 an account has at most: a place is given back some time after the close. */
const CONNECTIONS_PER_ACCOUNT = 8;

interface Ready {
  readonly token: string;
  readonly proof: string;
}

const accounts: { readonly account: TestAccount; readonly token: string }[] = [];
const ready: Ready[] = [];

/** The service of this repository. */
export const countersign: Contender = {
  name: "countersign",
  runtime: "deno",
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

async function prepare(url: string, connections: number): Promise<void> {
  const service = { url, now: Date.now } as unknown as TestService;
  const wanted = Math.ceil(connections / CONNECTIONS_PER_ACCOUNT);
  const missing = Array.from({ length: wanted - accounts.length }, (_, i) => accounts.length + i);
  accounts.push(
    ...await Promise.all(missing.map(async (i) => {
      const account = await registered(service, `bench${i}`);
      return { account, token: await tokenOf(service, account) };
    })),
  );
  const nonce = await freshNonce(service);
  ready.length = 0;
  for (let i = 0; i < connections; i++) {
    const { account, token } = accounts[i % accounts.length]!;
    const proof = await makeProof(account.keys.signing, {
      method: "GET",
      url: url + SOCKET,
      nonce,
      token,
    });
    ready.push({ token, proof });
  }
}
