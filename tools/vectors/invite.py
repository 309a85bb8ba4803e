"""Invites into managed rooms (PROTOCOL.md, "Invites"): links, keys, words, sealed metadata."""

import base64

from devices import ORIGIN
from primitives import (
    aes_gcm, draw, ed25519_public, ed25519_sign, hkdf_expand, hmac_sha256, label, sha256, u64, u8, v8,
)

TS_MS = 1_790_000_000_000


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _thumbprint(key: bytes) -> bytes:
    """RFC 7638 of an Ed25519 key (RFC 8037)."""
    return sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{_url64(key)}"}}'.encode())


def _invite(name: str, room: bytes, secret: bytes, service: str) -> dict:
    seed = draw(f"{name}: seed", 16)
    prk = hmac_sha256(room, secret)
    meta = hkdf_expand(prk, label("room-meta"), 32)
    key_seed = hkdf_expand(prk, label("invite-key") + seed, 32)
    asker = ed25519_public(draw(f"{name}: asker", 32))
    thumbprint = _thumbprint(asker)
    word = label("invite") + v8(ORIGIN.encode()) + room + thumbprint + u64(TS_MS)
    nonce, payload = draw(f"{name}: nonce", 12), f"room of {name}".encode()
    padded = payload + b"\x80" + bytes(511 - len(payload))
    context = label("room-meta") + room + v8(b"room")
    body = u8(1) + room + secret + seed + v8(service.encode())
    return {
        "name": name,
        "origin": ORIGIN,
        "page": "https://app.example/meet",
        "service": service,
        "room": room.hex(),
        "secret": secret.hex(),
        "seed": seed.hex(),
        "link": f"https://app.example/meet#{_url64(body)}",
        "meta_key": meta.hex(),
        "psk": hkdf_expand(prk, label("room-psk"), 32).hex(),
        "invite_seed": key_seed.hex(),
        "invite_key": ed25519_public(key_seed).hex(),
        "asker_key": asker.hex(),
        "thumbprint": thumbprint.hex(),
        "ts_ms": TS_MS,
        "word": ed25519_sign(key_seed, word).hex(),
        "nonce": nonce.hex(),
        "payload": payload.hex(),
        "sealed": (nonce + aes_gcm(meta, nonce, context, padded)).hex(),
    }


def vectors() -> dict:
    room, secret = draw("invite room", 16), draw("invite secret", 32)
    other, hidden = draw("other invite room", 16), draw("other invite secret", 32)
    return {"invites": [
        _invite("first", room, secret, ""),
        _invite("second", room, secret, "https://calls.example"),
        _invite("elsewhere", other, hidden, "http://127.0.0.1:8787"),
    ]}
