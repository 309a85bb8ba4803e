"""Comes into a managed room by an invite's link, as a guest, says a line and prints the first reply.

    pip install websockets cryptography
    python3 room_client.py 'https://app.example/meet#…' 'Hello, everybody'

Without the SDK: what is signed and sealed is step by step at `/docs`, and to the byte in PROTOCOL.md.
"""

import base64, json, os, sys, time
from hashlib import sha256
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from websockets.sync.client import connect


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def now_ms():
    return time.time_ns() // 1_000_000


def labelled(name, *parts):
    """Whatever is signed or derived has a label in front."""
    return b"countersign/1 " + name + b"\0" + b"".join(parts)


def derive(*info):
    return HKDF(SHA256(), 32, room, labelled(*info)).derive(secret)


def proof(method, url, nonce, token=None):
    """A DPoP proof (RFC 9449): our key asks for this, here and now."""
    claims = {"jti": b64(os.urandom(16)), "htm": method, "htu": url, "iat": int(time.time())}
    claims |= {"nonce": nonce} | ({"ath": b64(sha256(token.encode()).digest())} if token else {})
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}
    signed = b64(compact(header)) + "." + b64(compact(claims))
    return signed + "." + b64(key.sign(signed.encode()))


def room_token(nonce=""):
    """The invite's own key gives its word for ours; the answer is a token of an hour."""
    origin = json.load(urlopen(service + "/.well-known/countersign"))["origin"].encode()
    inviting, ts_ms = Ed25519PrivateKey.from_private_bytes(derive(b"invite-key", seed)), now_ms()
    thumbprint = sha256(compact(jwk)).digest()  # RFC 7638; a guest is called `~` and this
    word = bytes([len(origin)]) + origin + room + thumbprint + ts_ms.to_bytes(8, "big")
    signature = b64(inviting.sign(labelled(b"invite", word)))
    invite_key = b64(inviting.public_key().public_bytes_raw())
    body = compact({"invite": {"key": invite_key, "ts_ms": ts_ms, "signature": signature}})
    url = f"{service}/v1/rooms/{b64(room)}/tokens"
    headers = {"DPoP": proof("POST", url, nonce), "Content-Type": "application/json"}
    try:
        return json.load(urlopen(Request(url, body, headers)))["token"]
    except HTTPError as error:
        problem = json.load(error)
        if nonce or problem["code"] != "use_dpop_nonce":
            sys.exit(problem["title"])
        return room_token(error.headers["DPoP-Nonce"])  # the first time it says which it wants


def seal(text):
    """An envelope that the service can't read, the first of a stream of its own."""
    stream = os.urandom(16)
    clear = b"\x40" + stream + bytes(4)
    body = now_ms().to_bytes(8, "big") + bytes(32) + b"\0\0" + text.encode()
    content = own + key.sign(labelled(b"room-envelope", room, clear, body)) + body + b"\x80"
    size = next(size for size in (512, 2048, 8192, 16384) if size >= len(content))
    cipher = AESGCM(derive(b"room-message", stream))
    return clear + cipher.encrypt(bytes(12), content.ljust(size, b"\0"), room + clear)


def unseal(envelope):
    """What it says, signed by `sender`: a guest's thumbprint is its name, accounts are in the log."""
    clear, sealed = envelope[:21], envelope[21:]
    cipher = AESGCM(derive(b"room-message", clear[1:17]))
    content = cipher.decrypt(bytes(8) + clear[17:], sealed, room + clear).rstrip(b"\0")[:-1]
    sender, signature, body = content[:32], content[32:96], content[96:]
    signed = labelled(b"room-envelope", room, clear, body)
    Ed25519PublicKey.from_public_bytes(sender).verify(signature, signed)  # raises
    return body[42 + body[41] :].decode()


link, text = sys.argv[1:]
invite = unb64(link.split("#")[1])
room, secret, seed, service = invite[1:17], invite[17:49], invite[49:65], invite[66:].decode()
key = Ed25519PrivateKey.generate()
own = key.public_key().public_bytes_raw()
jwk = {"crv": "Ed25519", "kty": "OKP", "x": b64(own)}
token = room_token()

with connect(service.replace("http", "ws", 1) + "/v1/ws", subprotocols=["rooms.v1"]) as socket:
    for frame in map(json.loads, socket):
        answer = None
        match frame["t"]:
            case "hello":
                signed_in = proof("GET", service + "/v1/ws", frame["nonce"], token)
                answer = {"t": "auth", "token": token, "proof": signed_in}
            case "welcome":
                answer = {"t": "join", "id": "join-1", "room": b64(room), "token": token}
            case "joined":
                sealed = b64(seal(text))
                answer = {"t": "signal", "id": "1", "room": b64(room), "to": "*", "ct": sealed}
            case "ping":
                answer = {"t": "pong"}
            case "signal":
                print(unseal(unb64(frame["ct"])))
                answer = {"t": "bye"}
            case "lobby":
                sys.exit("This link leads to the room's door, where one has to knock")
            case "error":
                sys.exit(frame["title"])
        if answer:
            socket.send(json.dumps(answer))
