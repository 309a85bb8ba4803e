/**
 * RTP packets in bytes (RFC 3550, section 5.1), for stacks that hand over whole packets.
 *
 *     packet = V=2 P X CC | M PT | sequence number | timestamp | SSRC | CSRC... | extension | payload | padding
 *
 * A reader gets the payload alone: what an authenticated frame is never holds padding or header
 * extensions, which are nobody's word. RTCP, on the same port, is no packet here.
 *
 * @module
 */

import { type Bytes } from "../../crypto/bytes.ts";
import { type VideoPacket } from "./vp8_payload.ts";

const HEADER_BYTES = 12;
/** Payload-specific feedback, and its kinds that ask for a key frame (RFC 4585, 6.3.1; RFC 5104, 4.3.1). */
const PSFB = { type: 206, pli: 1, fir: 4 } as const;
/** RTCP's packet types stand where RTP has its marker and payload type (RFC 5761, section 4). */
const RTCP_TYPES = { from: 192, to: 223 } as const;

/** A packet without extensions and without padding. */
export function rtpPacket(
  { header: { sequenceNumber, timestamp, marker }, payload }: VideoPacket,
  stream: { readonly ssrc: number; readonly payloadType: number },
): Bytes {
  const packet = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 2 << 6);
  view.setUint8(1, (marker ? 0x80 : 0) | stream.payloadType);
  view.setUint16(2, sequenceNumber);
  view.setUint32(4, timestamp);
  view.setUint32(8, stream.ssrc);
  packet.set(payload, HEADER_BYTES);
  return packet;
}

/** What a packet says, its payload as a view of it, or null for what is no RTP packet. */
export function readRtp(packet: Uint8Array): VideoPacket | null {
  if (packet.length < HEADER_BYTES || packet[0]! >> 6 !== 2) return null;
  if (packet[1]! >= RTCP_TYPES.from && packet[1]! <= RTCP_TYPES.to) return null;
  const [hasPadding, hasExtension] = [(packet[0]! & 0x20) !== 0, (packet[0]! & 0x10) !== 0];
  let start = HEADER_BYTES + 4 * (packet[0]! & 0x0f);
  if (hasExtension) {
    if (packet.length < start + 4) return null;
    start += 4 + 4 * (packet[start + 2]! << 8 | packet[start + 3]!);
  }
  const padding = hasPadding ? packet[packet.length - 1]! : 0;
  const end = packet.length - padding;
  // The last byte of padding counts itself.
  if (hasPadding && padding === 0 || end < start) return null;
  const view = new DataView(packet.buffer, packet.byteOffset);
  const header = {
    sequenceNumber: view.getUint16(2),
    timestamp: view.getUint32(4),
    marker: packet[1]! >= 0x80,
  };
  return { header, payload: packet.subarray(start, end) };
}

/** Asks the sender of a stream for a key frame. */
export function pictureLossIndication(ssrc: number, stream: number): Bytes {
  const packet = new Uint8Array(12);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 2 << 6 | PSFB.pli);
  view.setUint8(1, PSFB.type);
  view.setUint16(2, packet.length / 4 - 1);
  view.setUint32(4, ssrc);
  view.setUint32(8, stream);
  return packet;
}

/** Whether something that came asks for a key frame; RTCP packets come several at a time. */
export function asksForKeyFrame(compound: Uint8Array): boolean {
  const view = new DataView(compound.buffer, compound.byteOffset, compound.byteLength);
  for (let at = 0; at + 4 <= compound.length; at += 4 * (view.getUint16(at + 2) + 1)) {
    const [first, type] = [compound[at]!, compound[at + 1]!];
    if (first >> 6 !== 2 || type < RTCP_TYPES.from || type > RTCP_TYPES.to) return false;
    const kind = first & 0x1f;
    if (type === PSFB.type && (kind === PSFB.pli || kind === PSFB.fir)) return true;
  }
  return false;
}

/** The stream that a packet is of. */
export function streamOf(packet: Uint8Array): number {
  return new DataView(packet.buffer, packet.byteOffset).getUint32(8);
}
