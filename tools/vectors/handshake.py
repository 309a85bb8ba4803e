"""The handshake (PROTOCOL.md, "Handshake" and "Devices"), from the offer to the confirm."""

from dataclasses import dataclass

import mlkem
from devices import ALICE, BOB, BOBS_TABLET, NOW_MS, Device, record_of
from prekeys import OF_ALICE, OF_BOB, OF_BOBS_TABLET, SUITE, Prekeys
from primitives import draw, hkdf, hkdf_expand, hmac_sha256, label, sha256, u8, u16, u32, u64
from primitives import v16, x25519, x25519_public
from sealed import Chain


@dataclass(frozen=True)
class Epoch:
    """What HKDF gave, cut into pieces of 32 bytes; `exp` is empty in epoch 0."""

    number: int
    th: bytes
    root: bytes
    ck_a: bytes
    ck_b: bytes
    kc: bytes
    exp: bytes

    def tag(self, name: str) -> bytes:
        return hmac_sha256(self.kc, label(name) + self.th)

    def chain_a(self) -> Chain:
        return Chain(self.number, self.th, self.ck_a)

    def chain_b(self) -> Chain:
        return Chain(self.number, self.th, self.ck_b)

    def json(self) -> dict:
        secrets = {name: getattr(self, name) for name in ("root", "ck_a", "ck_b", "kc", "exp")}
        return {name: secret.hex() for name, secret in secrets.items() if secret}


def epoch_0(th: bytes, secret: bytes) -> Epoch:
    return Epoch(0, th, *_cut(hkdf(secret, bytes(32), label("epoch0") + th, 128)), b"")


def later_epoch(number: int, th: bytes, before: Epoch, secret: bytes) -> Epoch:
    info = label("epoch") + u32(number) + th
    return Epoch(number, th, *_cut(hkdf(secret, before.root, info, 160)))


def _cut(data: bytes) -> list[bytes]:
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def export(exp: bytes, use: str, context: bytes, length: int) -> bytes:
    info = label("exp") + v16(use.encode()) + v16(context)
    return hkdf_expand(exp, info, length)


def exports(exp: bytes) -> list[dict]:
    """A few uses, of which "call" is that of the media keys."""
    uses = [("call", b"", 32), ("srtp", b"", 60), ("dtls-bind", b"context", 1), ("ü", b"\0", 100)]
    return [
        {
            "label": use,
            "context": context.hex(),
            "length": length,
            "value": export(exp, use, context, length).hex(),
        }
        for use, context, length in uses
    ]


@dataclass(frozen=True)
class Call:
    """One handshake, with everything that is random in it drawn by its name."""

    name: str
    caller: Device
    callee: Device
    prekeys: Prekeys
    opk: int | None
    has_psk: bool
    payloads: tuple[bytes, bytes, bytes]

    def draw(self, what: str, length: int = 32) -> bytes:
        return draw(f"{self.name}: {what}", length)

    def run(self) -> tuple[dict, Epoch]:
        """The vector, and epoch 1."""
        room_id, call_id = self.draw("room", 16), self.draw("call id", 16)
        kem_seed, ea, eb = self.draw("KA", 64), self.draw("EA"), self.draw("EB")
        kem_ek = mlkem.keygen(kem_seed[:32], kem_seed[32:])[0]
        common = u8(0x10) + u8(1) + u16(SUITE) + call_id + u64(NOW_MS) + u32(60)
        common += sha256(room_id) + self.caller.entry_hash + record_of(self.caller).hash
        common += record_of(self.callee).hash + kem_ek
        common_hash = sha256(label("call") + common)

        ss1, ct1 = mlkem.encaps(self.prekeys.kpk, self.draw("m1"))
        header = u8(0x11) + common_hash + u32(self.callee.number) + self.callee.entry_hash
        header += self.prekeys.hash + u8(self.opk is not None) + u16(self.opk or 0)
        header += x25519_public(ea) + ct1
        spk = x25519_public(self.prekeys.spk)
        dhs = [x25519(self.caller.identity, spk), x25519(ea, self.callee.identity_key)]
        dhs += [x25519(ea, spk)]
        opk = bytes(32)
        if self.opk is not None:
            opk = x25519_public(self.prekeys.opks[self.opk])
            dhs += [x25519(ea, opk)]
        psk = self.draw("psk") if self.has_psk else b""
        entries = v16(self.caller.entry) + v16(self.callee.entry)
        th0 = sha256(label("offer") + common + header + entries + self.prekeys.bytes + opk)
        first = epoch_0(th0, b"".join(dhs) + ss1 + psk)
        chain_a = first.chain_a()
        offer = header + first.tag("offer-confirm") + chain_a.box(self.payloads[0])

        ss2, ct2 = mlkem.encaps(kem_ek, self.draw("m2"))
        header = u8(0x12) + common_hash + u32(self.callee.number) + x25519_public(eb) + ct2
        th1 = sha256(label("answer") + th0 + header)
        fresh = [x25519(eb, x25519_public(ea)), x25519(eb, self.caller.identity_key)]
        second = later_epoch(1, th1, first, b"".join(fresh) + ss2)
        answer_box = second.chain_b().box(self.payloads[1])
        confirm_box = second.chain_a().box(self.payloads[2])

        return {
            "name": self.name,
            "caller": self.caller.name,
            "callee": self.callee.name,
            "opk": self.opk,
            "psk": psk.hex() if self.has_psk else None,
            "room_id": room_id.hex(),
            "call_id": call_id.hex(),
            "sent_ms": NOW_MS,
            "ttl_s": 60,
            "KA_seed": kem_seed.hex(),
            "EA_private": ea.hex(),
            "m1": self.draw("m1").hex(),
            "EB_private": eb.hex(),
            "m2": self.draw("m2").hex(),
            "offer_payload": self.payloads[0].hex(),
            "answer_payload": self.payloads[1].hex(),
            "confirm_payload": self.payloads[2].hex(),
            "refusal_payload": b"refused".hex(),
            "withdrawal_payload": b"withdrawn".hex(),
            "common": common.hex(),
            "common_hash": common_hash.hex(),
            "dh_offer": [dh.hex() for dh in dhs],
            "ss1": ss1.hex(),
            "th0": th0.hex(),
            "epoch_0": first.json(),
            "offer": offer.hex(),
            "refusal": first.chain_b().box(b"refused").hex(),
            "withdrawal": chain_a.box(b"withdrawn").hex(),
            "dh_answer": [dh.hex() for dh in fresh],
            "ss2": ss2.hex(),
            "th1": th1.hex(),
            "epoch_1": second.json(),
            "answer": (header + second.tag("answer-confirm") + answer_box).hex(),
            "confirm": (u8(0x13) + second.tag("confirm") + confirm_box).hex(),
            "exports": exports(second.exp),
        }, second


SHORT = (b"offer", b"answer", b"confirm")
LONG = (draw("long offer", 512), b"", draw("full confirm", 511))

PLAIN = Call("no one-time prekey", ALICE, BOB, OF_BOB, None, False, SHORT)
WITH_OPK = Call("a one-time prekey", ALICE, BOB, OF_BOB, 3, False, LONG)
WITH_PSK = Call("an invite's psk", ALICE, BOBS_TABLET, OF_BOBS_TABLET, None, True, SHORT)
WITH_BOTH = Call("a one-time prekey and a psk", BOB, ALICE, OF_ALICE, 0, True, SHORT)


def vectors() -> dict:
    return {"calls": [call.run()[0] for call in (PLAIN, WITH_OPK, WITH_PSK, WITH_BOTH)]}
