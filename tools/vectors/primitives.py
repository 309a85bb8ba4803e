"""What the protocol is made of: X25519, Ed25519, AES-256-GCM, HKDF, HMAC, big-endian integers.

Everything is deterministic. Fixed randomness is drawn by name, so that a new case moves no other:

    draw(name, n) = the first n bytes of SHAKE256("countersign vectors: " || name)
"""

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RAW = (Encoding.Raw, PublicFormat.Raw)


def draw(name: str, length: int) -> bytes:
    return hashlib.shake_256(f"countersign vectors: {name}".encode()).digest(length)


def u8(n: int) -> bytes:
    return n.to_bytes(1, "big")


def u16(n: int) -> bytes:
    return n.to_bytes(2, "big")


def u32(n: int) -> bytes:
    return n.to_bytes(4, "big")


def u64(n: int) -> bytes:
    return n.to_bytes(8, "big")


def v8(data: bytes) -> bytes:
    return u8(len(data)) + data


def v16(data: bytes) -> bytes:
    return u16(len(data)) + data


def label(name: str) -> bytes:
    """A name in quotes of PROTOCOL.md."""
    return f"countersign/1 {name}".encode() + b"\0"


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def hkdf_expand(key: bytes, info: bytes, length: int, hash_name: str = "sha256") -> bytes:
    """RFC 5869, section 2.3."""
    out, block, counter = b"", b"", 0
    while len(out) < length:
        counter += 1
        block = hmac.digest(key, block + info + u8(counter), hash_name)
        out += block
    return out[:length]


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256, in PROTOCOL.md's order of arguments."""
    return hkdf_expand(hmac_sha256(salt, secret), info, length)


def x25519_public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(*RAW)


def x25519(private: bytes, public: bytes) -> bytes:
    ours = X25519PrivateKey.from_private_bytes(private)
    return ours.exchange(X25519PublicKey.from_public_bytes(public))


def ed25519_public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(*RAW)


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def aes_gcm(key: bytes, nonce: bytes, ad: bytes, plaintext: bytes) -> bytes:
    """Ciphertext with its 16-byte tag behind it."""
    return AESGCM(key).encrypt(nonce, plaintext, ad)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, over hashes of leaves."""
    if len(leaves) == 0:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return sha256(b"\1" + merkle_root(leaves[:k]) + merkle_root(leaves[k:]))


def merkle_path(leaves: Sequence[bytes], i: int) -> list[bytes]:
    """RFC 6962, section 2.1.1: from the leaf's sibling up."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if i < k:
        return merkle_path(leaves[:k], i) + [merkle_root(leaves[k:])]
    return merkle_path(leaves[k:], i - k) + [merkle_root(leaves[:k])]


def _split(n: int) -> int:
    """The largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1
