"""Call keys and frames (PROTOCOL.md, "Media"; RFC 9605, suite 5: AES_256_GCM_SHA512_128)."""

import hmac
import re

from handshake import export
from primitives import aes_gcm, draw, hkdf_expand, label, u8, u16, u64

SUITE = 5
MEDIA = ("mic", "camera", "screen", "screenAudio", "data", "backup")
STEP = 0
# The last has the KIDs of the first.
LATER_EPOCHS = (2, 15, 16, 17)

CLEAR = {
    ("opus", "key"): "",
    ("vp9", "key"): "",
    ("vp8", "key"): "1000009d012a8002e001",
    ("vp8", "delta"): "11",
    ("av1", "key"): "0a",
    ("av1", "delta"): "32",
    ("h264", "key"): "000000016742e01fda0280f6806d044235" + "0000000168ce3880" + "00000001658880",
    ("h264", "delta"): "00000001419a80",
}


def envelope(codec: str, kind: str, frame: bytes) -> bytes:
    clear = bytes.fromhex(CLEAR[codec, kind])
    if codec == "av1":
        return clear + _leb128(len(frame)) + frame
    if codec == "h264":
        # Emulation prevention (H.264, 7.4.1), and the stop bit of the slice.
        return clear + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", frame) + b"\x80"
    return clear + frame


def _leb128(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return u8(low) if rest == 0 else u8(low | 0x80) + _leb128(rest)


def frame_key(
    exp: bytes, index: int, ctx: int, epoch: int = 1
) -> tuple[int, bytes, bytes, bytes]:
    """KID, base key, and the key and salt that SFrame derives from it (RFC 9605, 4.4.2)."""
    base = hkdf_expand(export(exp, "call", b"", 32), label("sender") + u16(index) + u8(ctx), 64)
    kid = index << 11 | ctx << 8 | (epoch & 15) << 4 | STEP & 15
    key, salt = sframe_key(base, kid)
    return kid, base, key, salt


def sframe_key(base: bytes, kid: int) -> tuple[bytes, bytes]:
    """The key and salt of a base key (RFC 9605, 4.4.2)."""
    secret = hmac.digest(b"", base, "sha512")
    context = u64(kid) + u16(SUITE)
    key = hkdf_expand(secret, b"SFrame 1.0 Secret key " + context, 32, "sha512")
    salt = hkdf_expand(secret, b"SFrame 1.0 Secret salt " + context, 12, "sha512")
    return key, salt


def sframe(exp: bytes, index: int, ctx: int, ctr: int, plaintext: bytes) -> bytes:
    kid, _, key, salt = frame_key(exp, index, ctx)
    header = _header(kid, ctr)
    nonce = bytes(a ^ b for a, b in zip(salt, ctr.to_bytes(12, "big")))
    return header + aes_gcm(key, nonce, header, plaintext)


def _header(kid: int, ctr: int) -> bytes:
    """RFC 9605, section 4.3: values below 8 stand in the first byte."""
    k, kid_bytes = _field(kid)
    c, ctr_bytes = _field(ctr)
    return u8(k << 4 | c) + kid_bytes + ctr_bytes


def _field(value: int) -> tuple[int, bytes]:
    if value < 8:
        return value, b""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return 8 | len(data) - 1, data


def _frame(
    exp: bytes, codec: str, kind: str, index: int, ctx: int, ctr: int, plaintext: bytes
) -> dict:
    frame = sframe(exp, index, ctx, ctr, plaintext)
    return {
        "codec": codec,
        "frame_type": kind,
        "sender": index,
        "ctx": ctx,
        "ctr": ctr,
        "frame": plaintext.hex(),
        "sframe": frame.hex(),
        "wire": envelope(codec, kind, frame).hex(),
    }


def _keys(exp: bytes, epoch: int) -> list[dict]:
    keys = []
    for index in (0, 1):
        for ctx, medium in enumerate(MEDIA):
            kid, base, key, salt = frame_key(exp, index, ctx, epoch)
            keys.append(
                {
                    "sender": index,
                    "medium": medium,
                    "ctx": ctx,
                    "kid": kid,
                    "base": base.hex(),
                    "sframe_key": key.hex(),
                    "sframe_salt": salt.hex(),
                }
            )
    return keys


def vectors() -> dict:
    exp = draw("media exp", 32)
    later = []
    for epoch in LATER_EPOCHS:
        later_exp = draw(f"media exp of epoch {epoch}", 32)
        later.append({"epoch": epoch, "exp": later_exp.hex(), "keys": _keys(later_exp, epoch)})
    frames = [
        _frame(exp, "opus", "key", 0, 0, 0, b"sound"),
        _frame(exp, "opus", "key", 1, 0, 0x0102030405, b"sound"),
        _frame(exp, "vp8", "key", 0, 1, 7, b"key frame"),
        _frame(exp, "vp8", "delta", 1, 1, 8, b"delta frame"),
        _frame(exp, "vp9", "key", 1, 2, 256, draw("media frame", 100)),
        _frame(exp, "av1", "key", 0, 1, 9, b"key frame"),
        _frame(exp, "av1", "delta", 1, 1, 10, draw("media frame", 200)),
        _frame(exp, "h264", "key", 0, 1, 1 << 32, b"key frame"),
        _frame(exp, "h264", "delta", 1, 1, 1 << 40, b"delta frame"),
    ]
    es = export(exp, "call", b"", 32)
    return {"exp": exp.hex(), "ES": es.hex(), "keys": _keys(exp, 1), "later": later, "frames": frames}
