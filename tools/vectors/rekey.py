"""Rekeys (PROTOCOL.md, "Rekeys"): two after one handshake, one offered by either side."""

from dataclasses import dataclass

import mlkem
from handshake import WITH_OPK, Call, Epoch, exports, later_epoch
from primitives import draw, hkdf, label, sha256, u8, u32, x25519, x25519_public
from sealed import Chain

APPLICATION = u8(0x00)
DONE = u8(0x22)


@dataclass
class Sides:
    """An epoch in use: index 0 is the call's caller, 1 its callee."""

    epoch: Epoch
    chains: tuple[Chain, Chain]


def _enter(epoch: Epoch, first: int) -> Sides:
    chains = (epoch.chain_a(), epoch.chain_b())
    for chain in chains:
        chain.skip(first)
    return Sides(epoch, chains)


def _sealed(sides: Sides, sender: int, what: str, content: bytes) -> dict:
    chain = sides.chains[sender]
    n = chain.n
    box = chain.box(content)
    return {
        "what": what,
        "sender": sender,
        "epoch": chain.epoch,
        "n": n,
        "content": content.hex(),
        "box": box.hex(),
    }


def _rekey(call: Call, now: Sides, offerer: int) -> tuple[dict, Sides]:
    identities = (call.caller, call.callee)
    answerer, number = 1 - offerer, now.epoch.number + 1
    name = f"{call.name}: epoch {number}"
    x, y, m = draw(f"{name}: x", 32), draw(f"{name}: y", 32), draw(f"{name}: m", 32)
    seed = draw(f"{name}: seed", 64)
    ek = mlkem.keygen(seed[:32], seed[32:])[0]
    part = u8(0x20) + u32(number) + x25519_public(x) + ek
    static = x25519(identities[offerer].identity, identities[answerer].identity_key)
    info = label("rekey-offer") + u8(offerer) + now.epoch.th + part
    offer = part + hkdf(static, now.epoch.root, info, 32)
    ss, ct = mlkem.encaps(ek, m)
    header = u8(0x21) + u32(number) + x25519_public(y) + ct
    th = sha256(label("rekey") + now.epoch.th + offer + header)
    dhs = [
        x25519(x, x25519_public(y)),
        x25519(identities[offerer].identity, x25519_public(y)),
        x25519(x, identities[answerer].identity_key),
        static,
    ]
    after = _enter(later_epoch(number, th, now.epoch, b"".join(dhs) + ss), 0)
    answer = header + after.epoch.tag("answer-confirm")
    late = f"still in epoch {number - 1}".encode()
    new = f"in epoch {number}".encode()
    messages = [
        _sealed(now, offerer, "offer", offer),
        _sealed(now, answerer, "answer", answer),
        _sealed(now, answerer, "application", APPLICATION + late),
        _sealed(after, offerer, "done", DONE),
        _sealed(after, answerer, "done", DONE),
        _sealed(after, offerer, "application", APPLICATION + new),
        _sealed(after, answerer, "application", APPLICATION),
    ]
    return {
        "epoch": number,
        "offerer": offerer,
        "x_private": x.hex(),
        "ek_seed": seed.hex(),
        "y_private": y.hex(),
        "m": m.hex(),
        "dh": [dh.hex() for dh in dhs],
        "ss": ss.hex(),
        "th": th.hex(),
        "secrets": after.epoch.json(),
        "exports": exports(after.epoch.exp),
        "messages": messages,
    }, after


def vectors() -> dict:
    _, epoch_1 = WITH_OPK.run()
    # Answer and confirm were message 0 of either chain.
    sides = _enter(epoch_1, 1)
    first = [
        _sealed(sides, 0, "application", APPLICATION + b"hello"),
        _sealed(sides, 1, "application", APPLICATION + b"\0" * 3),
    ]
    by_caller, sides = _rekey(WITH_OPK, sides, 0)
    by_callee, sides = _rekey(WITH_OPK, sides, 1)
    return {"call": WITH_OPK.name, "messages": first, "rekeys": [by_caller, by_callee]}
