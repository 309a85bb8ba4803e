"""Safety numbers (PROTOCOL.md, "People")."""

from hashlib import sha512

from devices import ALICE, BOB, BOBS_TABLET, Device, account_id
from primitives import ed25519_public, label


def fingerprint(devices: list[Device]) -> bytes:
    """30 bytes of one account, whose devices stand in the order of their numbers."""
    keys = label("safety-number") + account_id(devices[0].account)
    for device in devices:
        keys += ed25519_public(device.signing_seed) + device.identity_key
    state = keys
    for _ in range(5200):
        state = sha512(state + keys).digest()
    return state[:30]


def digits(half: bytes) -> str:
    chunks = [int.from_bytes(half[i : i + 5], "big") % 100_000 for i in range(0, 30, 5)]
    return "".join(f"{chunk:05}" for chunk in chunks)


def _pair(ours: list[Device], theirs: list[Device]) -> dict:
    halves = [fingerprint(ours), fingerprint(theirs)]
    return {
        "accounts": [[device.name for device in devices] for devices in (ours, theirs)],
        "fingerprints": [half.hex() for half in halves],
        "number": "".join(digits(half) for half in sorted(halves)),
    }


def vectors() -> dict:
    pairs = [_pair([ALICE], [BOB]), _pair([ALICE], [BOB, BOBS_TABLET])]
    return {"numbers": pairs}
