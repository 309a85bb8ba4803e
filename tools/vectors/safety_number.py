"""Safety numbers (PROTOCOL.md, "Verification by people")."""

from base64 import urlsafe_b64encode
from hashlib import sha512

from devices import ALICE, BOB, BOBS_TABLET, Device, account_id
from primitives import ed25519_public, label, u8, u32


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


def _half(devices: list[Device]) -> bytes:
    # The record that lists them all is of the version before the next device's number.
    version = devices[-1].number - 1
    return account_id(devices[0].account) + u32(version) + fingerprint(devices)


def code(shows: list[Device], scans: list[Device]) -> str:
    data = u8(1) + _half(shows) + _half(scans)
    return "countersign-safety:" + urlsafe_b64encode(data).decode().rstrip("=")


def _pair(ours: list[Device], theirs: list[Device]) -> dict:
    halves = [fingerprint(ours), fingerprint(theirs)]
    return {
        "accounts": [[device.name for device in devices] for devices in (ours, theirs)],
        "fingerprints": [half.hex() for half in halves],
        "number": "".join(digits(half) for half in sorted(halves)),
        "code": code(ours, theirs),
    }


def vectors() -> dict:
    pairs = [_pair([ALICE], [BOB]), _pair([ALICE], [BOB, BOBS_TABLET])]
    return {"numbers": pairs}
