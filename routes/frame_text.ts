/**
 * A client's frame as text: measured, parsed, checked.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";
import { type ClientFrame } from "../wire/client_frames.ts";
import { parseJson } from "../wire/json_text.ts";
import { MAX_FRAME_ID_CHARS } from "../wire/limits.ts";
import { clientFrame } from "../wire/schema.ts";
import { requireShape } from "./json_shape.ts";

/** What a text turned out to be. */
export type Reading =
  | { readonly kind: "frame"; readonly frame: ClientFrame }
  /** `id` is the frame's, where it has one that can be told. */
  | { readonly kind: "unreadable"; readonly id: string | null; readonly refusal: ServiceError }
  | { readonly kind: "too_large" };

/** Reads a frame. @param mostBytes how long it may be, in bytes of UTF-8 */
export function readFrame(text: string, mostBytes: number): Reading {
  if (isLonger(text, mostBytes)) return { kind: "too_large" };
  const value = parseJson(text);
  try {
    return { kind: "frame", frame: requireShape(clientFrame, value, "The frame") };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { kind: "unreadable", id: idOf(value), refusal: error };
  }
}

function isLonger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}

function idOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || !("id" in value)) return null;
  const { id } = value;
  const isId = typeof id === "string" && id.length <= MAX_FRAME_ID_CHARS &&
    /^[A-Za-z0-9_-]+$/.test(id);
  return isId ? id : null;
}
