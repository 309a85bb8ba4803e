"""Linking a device (PROTOCOL.md, "Linking a device"): the code, and the channel it opens."""

import base64

from devices import ORIGIN
from primitives import draw, hkdf, label, sha256, u8, v8, x25519, x25519_public
from sealed import Chain

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def scanned(secret: bytes) -> str:
    text = base64.urlsafe_b64encode(u8(1) + secret).decode()
    return "countersign-link:" + text.rstrip("=")


def typed(secret: bytes) -> str:
    number = int.from_bytes(secret, "big")
    text = "".join(CROCKFORD[number >> shift & 31] for shift in range(35, -1, -5))
    return f"{text[:4]}-{text[4:]}"


def _meeting(name: str, secret: bytes, code: str) -> dict:
    new, old = draw(f"{name}: EN", 32), draw(f"{name}: EO", 32)
    nonce_new, nonce_old = draw(f"{name}: nonce N", 32), draw(f"{name}: nonce O", 32)
    revealed = x25519_public(new) + nonce_new
    commit = u8(0x40) + u8(1) + sha256(label("link-commit") + revealed)
    reply = u8(0x41) + x25519_public(old) + nonce_old
    th = sha256(label("link") + v8(ORIGIN.encode()) + v8(secret) + commit + reply + revealed)
    shared = x25519(new, x25519_public(old))
    keys = hkdf(shared, secret, label("link-keys") + th, 72)
    from_new, from_old = Chain(0, th, keys[:32]), Chain(0, th, keys[32:64])
    reveal = u8(0x42) + revealed + from_new.box(b"device")
    return {
        "name": name,
        "origin": ORIGIN,
        "code": code,
        "secret": secret.hex(),
        "slot": sha256(label("link-slot") + secret)[:16].hex(),
        "EN_private": new.hex(),
        "nonce_N": nonce_new.hex(),
        "EO_private": old.hex(),
        "nonce_O": nonce_old.hex(),
        "commit": commit.hex(),
        "reply": reply.hex(),
        "dh": shared.hex(),
        "th": th.hex(),
        "kN": keys[:32].hex(),
        "kO": keys[32:64].hex(),
        "digits": f"{int.from_bytes(keys[64:], 'big') % 10**6:06}",
        "reveal_payload": b"device".hex(),
        "reveal": reveal.hex(),
        "from_old": {"payload": b"account".hex(), "box": from_old.box(b"account").hex()},
        "from_new": {"payload": b"binding".hex(), "box": from_new.box(b"binding").hex()},
    }


def vectors() -> dict:
    long, short = draw("scanned secret", 16), draw("typed secret", 5)
    return {"meetings": [
        _meeting("scanned", long, scanned(long)),
        _meeting("typed", short, typed(short)),
    ]}
