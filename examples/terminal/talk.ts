/**
 * The media of the demo: both ends of a call, and what is shown of the frames between them.
 *
 * @module
 */

import * as werift from "werift";
import { type WeriftAdapter, weriftAdapter } from "../../client/adapters/werift.ts";
import { CTX } from "../../client/mod.ts";
import { after, MARKER, openStream, play, type Stream } from "./media.ts";
import { hexLine, type Screen, withCommas } from "./screen.ts";
import { shows, type Tap, tapped } from "./tap.ts";

const SECONDS = 2;

/** A person's end of the call. */
export interface End {
  readonly adapter: WeriftAdapter;
  readonly tap: Tap;
  /** What this person says, as it came out at the other end. */
  readonly says: Stream;
}

/** Both ends, each with its tap. */
export function openEnds(): [End, End] {
  const [aliceSays, bobSays] = [openStream("alice"), openStream("bob")];
  return [openEnd(aliceSays, bobSays), openEnd(bobSays, aliceSays)];
}

function openEnd(says: Stream, hears: Stream): End {
  const tap = tapped(werift, MARKER);
  const adapter = weriftAdapter({ werift: tap.werift, onFrame: (frame) => hears.take(frame) });
  return { adapter, tap, says };
}

/** Both talk for a while; gives one line for each direction. */
export async function talk(screen: Screen, alice: End, bob: End): Promise<string[]> {
  await screen.step(`Both talk and film for ${SECONDS} s: 50 + 30 frames a second`, async () => {
    await Promise.all([alice, bob].map((end) => play(end.adapter, end.says, SECONDS)));
    await settled([alice, bob]);
  });
  return [
    await showDirection(screen, "alice -> bob", alice, bob),
    await showDirection(screen, "bob -> alice", bob, alice),
  ];
}

async function showDirection(screen: Screen, line: string, from: End, to: End): Promise<string> {
  const { sent, sentBytes, intact } = from.says;
  const { framesProtected, bytesProtected } = await from.adapter.stats();
  const { framesOpened, refused } = await to.adapter.stats();
  const [clear, sealed] = [sentBytes, bytesProtected].map(withCommas);
  const overhead = ((bytesProtected - sentBytes) / sent).toFixed(1);
  screen.fact("media", `${line}: ${clear} bytes in, ${sealed} protected (+${overhead} a frame)`);
  const isWhole = framesProtected === sent && framesOpened === sent && intact === sent;
  screen.check(
    `${line}: ${sent} frames sent, ${intact} came out exactly as they went in`,
    isWhole && Object.keys(refused).length === 0,
  );
  return `${line}: ${intact} frames, ${sealed} bytes protected`;
}

/** Waits until the last frames have arrived, or should have. */
async function settled(ends: readonly End[]): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if (ends.every(({ says }) => says.intact === says.sent)) return;
    await after(10);
  }
}

/** Shows one frame and what becomes of it. */
export async function lookAtOneFrame(screen: Screen, { adapter, tap, says }: End): Promise<void> {
  const frame = says.next(CTX.mic, 100);
  const before = tap.payloads;
  await screen.step("One voice frame, before and after", () => adapter.send(CTX.mic, frame));
  screen.fact("frame", hexLine(frame));
  screen.fact("payload", hexLine(tap.last));
  screen.fact("size", `${frame.length} bytes in, ${tap.last.length} bytes in the RTP packet`);
  const isSeen = tap.payloads === before + 1 && shows(frame, MARKER);
  screen.check(`the marker "${MARKER}" is in the frame`, isSeen);
  screen.check(`it is in ${tap.clear} of all ${tap.payloads} RTP payloads`, tap.clear === 0);
}

/** Changes a frame behind the sender's back. */
export async function tamper(screen: Screen, from: End, to: End): Promise<void> {
  await settled([from]);
  const before = await to.adapter.stats();
  from.tap.flipNext();
  await screen.step("Somebody flips one bit of a frame on its way", async () => {
    await from.adapter.send(CTX.mic, openStream("mallory").next(CTX.mic, 100));
    await after(100);
  });
  const { framesOpened, refused } = await to.adapter.stats();
  screen.fact("refused", JSON.stringify(refused));
  const isRefused = refused.bad_frame === (before.refused.bad_frame ?? 0) + 1;
  screen.check("it is refused and heard by nobody", isRefused);
  screen.check("nothing else was opened meanwhile", framesOpened === before.framesOpened);
}
