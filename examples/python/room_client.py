"""Comes into a managed room by an invite's link, as a guest, says a line, prints the first reply.

    pip install cryptography httpx jwcrypto websockets
    python3 room_client.py 'https://app.example/meet#…' 'Hello, everybody'

Without the SDK: what is signed and sealed is step by step at `/docs`, to the byte in PROTOCOL.md.
A client that stays longer also looks up in the log whose key it hears (R60), takes nothing twice
(R61, R62), and seals what is longer than 373 bytes in the larger sizes (M3).
"""

import json, sys
from hashlib import sha256
from secrets import token_bytes
from time import time, time_ns
from uuid import uuid4
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwcrypto.common import base64url_decode as unb64, base64url_encode as b64
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT
from websockets.sync.client import connect

DOOR = "This link leads to the room's door, where one has to knock"


def derive(label):
    """A key that whoever has the room's secret can make, and the service can't."""
    return HKDF(SHA256(), 32, room, b"countersign/1 " + label).derive(secret)


def proof(method, url, nonce, **claims):
    """A DPoP proof (RFC 9449): our key asks for this, here and now."""
    claims |= {"jti": str(uuid4()), "iat": int(time()), "htm": method, "htu": url, "nonce": nonce}
    jwt = JWT({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.export_public(as_dict=True)}, claims)
    jwt.make_signed_token(key)
    return jwt.serialize()


def ask_token(nonce):
    """Whoever comes with an old nonce, or none, is told in a header which one to come with."""
    return httpx.post(tokens, json={"invite": word}, headers={"DPoP": proof("POST", tokens, nonce)})


def ask(awaited, **frame):
    """Sends a frame and waits for the one that answers it; what others do meanwhile passes by."""
    socket.send(json.dumps(frame))
    while (answer := json.loads(socket.recv()))["t"] not in (awaited, "lobby", "error"):
        if answer["t"] == "ping":
            socket.send(json.dumps({"t": "pong"}))
    return answer if answer["t"] == awaited else sys.exit(answer.get("title", DOOR))


invite = unb64(sys.argv[1].split("#")[1])
room, secret, seed, service = invite[1:17], invite[17:49], invite[49:65], invite[66:].decode()
key, now_ms = JWK.generate(kty="OKP", crv="Ed25519"), time_ns() // 1_000_000

# What we say: an envelope that the service can't read, signed by our key, in a stream of its own.
clear = b"\x40" + token_bytes(16) + bytes(4)
body = now_ms.to_bytes(8, "big") + bytes(32) + b"\0\0" + sys.argv[2].encode()
signature = key.get_op_key("sign").sign(b"countersign/1 room-envelope\0" + room + clear + body)
content = unb64(key["x"]) + signature + body + b"\x80"
cipher = AESGCM(derive(b"room-message\0" + clear[1:17]))
envelope = clear + cipher.encrypt(bytes(12), content + bytes(512 - len(content)), room + clear)

# The invite's own key gives its word for ours; the answer is a token of an hour.
origin = httpx.get(service + "/.well-known/countersign").json()["origin"].encode()
inviting = JWK.from_pyca(Ed25519PrivateKey.from_private_bytes(derive(b"invite-key\0" + seed)))
said = bytes([len(origin)]) + origin + room + unb64(key.thumbprint()) + now_ms.to_bytes(8, "big")
signature = inviting.get_op_key("sign").sign(b"countersign/1 invite\0" + said)
word = {"key": inviting["x"], "ts_ms": now_ms, "signature": b64(signature)}
tokens = f"{service}/v1/rooms/{b64(room)}/tokens"
answer = ask_token(ask_token(nonce="").headers["DPoP-Nonce"]).json()
token = answer.get("token") or sys.exit(answer["title"])

with connect(service.replace("http", "ws", 1) + "/v1/ws", subprotocols=["rooms.v1"]) as socket:
    nonce = json.loads(socket.recv())["nonce"]
    signed_in = proof("GET", service + "/v1/ws", nonce, ath=b64(sha256(token.encode()).digest()))
    ask("welcome", t="auth", token=token, proof=signed_in)
    ask("joined", t="join", id="1", room=b64(room), token=token)
    reply = unb64(ask("signal", t="signal", id="2", room=b64(room), to="*", ct=b64(envelope))["ct"])
    socket.send(json.dumps({"t": "bye"}))

# The reply is an envelope as well: in it is its sender's key, which has to have signed it.
clear, nonce, sealed = reply[:21], bytes(8) + reply[17:21], reply[21:]
content = AESGCM(derive(b"room-message\0" + clear[1:17])).decrypt(nonce, sealed, room + clear)
sender, body = Ed25519PublicKey.from_public_bytes(content[:32]), content[96:].rstrip(b"\0")[:-1]
sender.verify(content[32:96], b"countersign/1 room-envelope\0" + room + clear + body)  # or raises
print(body[42 + body[41] :].decode())
