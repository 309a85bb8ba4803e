/**
 * The SRTP keys of a call, in stacks that others wrote: what werift encrypts GStreamer and FFmpeg decrypt,
 * and the other way round; and none of them anything under another call's keys.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  ProtectionProfileAeadAes128Gcm,
  ProtectionProfileAes128CmHmacSha1_80,
  RtpHeader,
  RtpPacket,
  SrtpSession,
} from "werift";
import { srtpKeys, type SrtpMasterKey, type SrtpProfile } from "../../client/adapters/srtp.ts";
import { concat, toHex } from "../../crypto/bytes.ts";
import { hasPrograms, startProgram } from "../support/media_program.ts";
import { type PacketSocket, packetSocket } from "../support/packet_socket.ts";
import { keysOf } from "../support/call_keys.ts";
import { eventually } from "../support/werift.ts";

/** How a profile is called in each stack. */
const PROFILES = [
  {
    profile: "AES_CM_128_HMAC_SHA1_80",
    werift: ProtectionProfileAes128CmHmacSha1_80,
    cipher: "aes-128-icm",
    auth: "hmac-sha1-80",
  },
  {
    profile: "AEAD_AES_128_GCM",
    werift: ProtectionProfileAeadAes128Gcm,
    cipher: "aes-128-gcm",
    auth: "null",
  },
] as const;

const SSRC = 0x5eed;
/** PCMU, whose number and clock need no description (RFC 3551, section 6). */
const PCMU = 0;
/** Packets that say enough about a direction. */
const ENOUGH = 25;
/** 20 ms of PCMU. */
const FRAME_BYTES = 160;

/** werift leaves the ciphers of a session, which nobody can close, to the collector. */
const OPEN_CIPHERS = { sanitizeResources: false };

for (const named of PROFILES) {
  Deno.test(
    `${named.profile}: GStreamer decrypts what werift encrypts, and the other way round`,
    OPEN_CIPHERS,
    async () => {
      if (!await hasPrograms("gst-launch-1.0")) return;
      const [alice, bob] = sides("call", named.profile);
      const ours = await gstDecrypts(named, alice.send, bob.recv);
      assert.ok(ours.length >= ENOUGH);
      assert.deepEqual(ours, frames(ours.length));
      const theirs = await gstEncrypts(named, bob.send, alice.recv);
      assert.ok(theirs.length >= ENOUGH);
      assert.deepEqual(theirs, frames(theirs.length));

      // Another call's key, the other direction's key: nothing.
      const [stranger] = sides("another call", named.profile);
      assert.deepEqual(await gstDecrypts(named, alice.send, stranger.send, 0), []);
      assert.deepEqual(await gstDecrypts(named, alice.send, bob.send, 0), []);
      assert.deepEqual(await gstEncrypts(named, bob.send, stranger.recv), []);
    },
  );
}

Deno.test(
  "FFmpeg decrypts what werift encrypts, and the other way round",
  OPEN_CIPHERS,
  async () => {
    if (!await hasPrograms("ffmpeg")) return;
    const [named] = PROFILES;
    const [alice, bob] = sides("call", named.profile);
    const [stranger] = sides("another call", named.profile);
    const ours = await ffmpegDecrypts(alice.send, bob.recv);
    assert.ok(ours.length >= ENOUGH * FRAME_BYTES);
    // It may have begun to listen later than we to speak.
    const all = Buffer.concat(frames(200));
    assert.ok(all.includes(ours.subarray(0, ENOUGH * FRAME_BYTES)));
    assert.equal((await ffmpegDecrypts(alice.send, stranger.recv)).length, 0);

    const theirs = await ffmpegEncrypts(bob.send, alice.recv);
    assert.deepEqual(theirs, Buffer.concat(frames(ENOUGH)));
    assert.equal((await ffmpegEncrypts(bob.send, stranger.recv)).length, 0);
  },
);

function sides(call: string, profile: SrtpProfile) {
  return [srtpKeys(keysOf(call, 0), profile), srtpKeys(keysOf(call, 1), profile)] as const;
}

/** Payloads that are all different. */
function frames(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.alloc(FRAME_BYTES, i + 1));
}

function session(profile: 1 | 7, send: SrtpMasterKey, recv: SrtpMasterKey): SrtpSession {
  const keys = {
    localMasterKey: Buffer.from(send.key),
    localMasterSalt: Buffer.from(send.salt),
    remoteMasterKey: Buffer.from(recv.key),
    remoteMasterSalt: Buffer.from(recv.salt),
  };
  return new SrtpSession({ keys, profile });
}

function header(i: number): RtpHeader {
  return new RtpHeader({
    version: 2,
    payloadType: PCMU,
    sequenceNumber: 1_000 + i,
    timestamp: i * FRAME_BYTES,
    ssrc: SSRC,
  });
}

/** Sends packet after packet, 10 ms apart, until enough came back or two hundred are out. */
async function sendAll(
  packets: (i: number, payload: Buffer) => Uint8Array,
  socket: PacketSocket,
  to: number,
  isEnough: () => boolean,
): Promise<void> {
  for (const [i, payload] of frames(200).entries()) {
    if (isEnough()) return;
    socket.send(packets(i, payload), to);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function freePort(): Promise<number> {
  await using socket = await packetSocket();
  return socket.port;
}

/** What GStreamer makes of werift's packets. @param wanted 0 to send all that there is */
async function gstDecrypts(
  { werift, cipher, auth }: typeof PROFILES[number],
  send: SrtpMasterKey,
  recv: SrtpMasterKey,
  wanted = ENOUGH,
): Promise<Buffer[]> {
  await using socket = await packetSocket();
  const port = await freePort();
  const caps = [
    `application/x-srtp,payload=(int)${PCMU},ssrc=(uint)${SSRC}`,
    `srtp-key=(buffer)${toHex(concat(recv.key, recv.salt))},roc=(uint)0`,
    `srtp-cipher=(string)${cipher},srtp-auth=(string)${auth}`,
    `srtcp-cipher=(string)${cipher},srtcp-auth=(string)${auth}`,
  ].join();
  const source = ["udpsrc", "address=127.0.0.1", `port=${port}`, `caps=${caps}`];
  const sink = ["udpsink", "host=127.0.0.1", `port=${socket.port}`, "sync=false"];
  await using gst = startProgram("gst-launch-1.0", [...source, "!", "srtpdec", "!", ...sink]);
  await gst.said("Setting pipeline to PLAYING");
  const sealing = session(werift, send, recv);
  await sendAll(
    (i, payload) => sealing.encrypt(payload, header(i)),
    socket,
    port,
    () => wanted > 0 && socket.packets.length >= wanted,
  );
  return inOrder(socket.packets.map((packet) => RtpPacket.deSerialize(packet)));
}

/** What werift makes of GStreamer's packets. */
async function gstEncrypts(
  { werift, cipher, auth }: typeof PROFILES[number],
  send: SrtpMasterKey,
  recv: SrtpMasterKey,
): Promise<Buffer[]> {
  await using socket = await packetSocket();
  const port = await freePort();
  const caps = `application/x-rtp,payload=(int)${PCMU},clock-rate=(int)8000,ssrc=(uint)${SSRC}`;
  const source = ["udpsrc", "address=127.0.0.1", `port=${port}`, `caps=${caps}`];
  const sealing = [
    "srtpenc",
    `key=${toHex(concat(send.key, send.salt))}`,
    ...["rtp", "rtcp"].flatMap((kind) => [`${kind}-cipher=${cipher}`, `${kind}-auth=${auth}`]),
  ];
  const sink = ["udpsink", "host=127.0.0.1", `port=${socket.port}`, "sync=false"];
  await using gst = startProgram("gst-launch-1.0", [...source, "!", ...sealing, "!", ...sink]);
  await gst.said("Setting pipeline to PLAYING");
  const clear = (i: number, payload: Buffer) => new RtpPacket(header(i), payload).serialize();
  await sendAll(clear, socket, port, () => socket.packets.length >= ENOUGH);
  assert.ok(socket.packets.length >= ENOUGH);
  return opened(session(werift, send, recv), socket.packets);
}

/** What FFmpeg makes of werift's packets. */
async function ffmpegDecrypts(send: SrtpMasterKey, recv: SrtpMasterKey): Promise<Buffer> {
  await using socket = await packetSocket();
  const port = await freePort();
  const description = [
    "v=0",
    "o=- 0 0 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    `m=audio ${port} RTP/SAVP ${PCMU}`,
    `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${recv.inline}`,
    "",
  ].join("\r\n");
  const reading = "-protocol_whitelist pipe,file,udp,rtp,srtp".split(
    " ",
  );
  const probing = "-analyzeduration 0 -probesize 32 -f sdp -i pipe:0".split(" ");
  const writing = ["-c", "copy", "-f", "mulaw", `udp://127.0.0.1:${socket.port}?pkt_size=160`];
  const args = [...reading, ...probing, ...writing, "-y"];
  // It says nothing before packets came, or for ten seconds where none opens.
  await using _ffmpeg = startProgram("ffmpeg", args, description);
  const sealing = session(ProtectionProfileAes128CmHmacSha1_80, send, recv);
  await sendAll(
    (i, payload) => sealing.encrypt(payload, header(i)),
    socket,
    port,
    () => socket.packets.length >= 2 * ENOUGH,
  );
  return Buffer.concat(socket.packets);
}

/** What werift makes of FFmpeg's packets. */
async function ffmpegEncrypts(send: SrtpMasterKey, recv: SrtpMasterKey): Promise<Buffer> {
  await using socket = await packetSocket();
  const file = await Deno.makeTempFile({ suffix: ".mulaw" });
  try {
    await Deno.writeFile(file, Buffer.concat(frames(ENOUGH)));
    const reading = ["-nostdin", "-f", "mulaw", "-ar", "8000", "-i", file, "-c", "copy"];
    const sealing = ["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", send.inline];
    const to = `srtp://127.0.0.1:${socket.port}?rtcpport=${await freePort()}&pkt_size=172`;
    await using ffmpeg = startProgram("ffmpeg", [...reading, "-f", "rtp", ...sealing, to]);
    await ffmpeg.said("video:0kB");
    await eventually(() => socket.packets.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
  } finally {
    await Deno.remove(file);
  }
  const profile = ProtectionProfileAes128CmHmacSha1_80;
  return Buffer.concat(opened(session(profile, send, recv), socket.packets));
}

/** The payloads of the packets that open. */
function opened(opening: SrtpSession, packets: readonly Buffer[]): Buffer[] {
  const clear: RtpPacket[] = [];
  for (const packet of packets) {
    try {
      clear.push(RtpPacket.deSerialize(opening.decrypt(packet)));
    } catch {
      // Not for this key.
    }
  }
  return inOrder(clear);
}

function inOrder(packets: readonly RtpPacket[]): Buffer[] {
  return [...packets].sort((a, b) => a.header.sequenceNumber - b.header.sequenceNumber)
    .map(({ payload }) => payload);
}
