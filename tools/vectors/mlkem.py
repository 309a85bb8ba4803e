"""ML-KEM-768 (FIPS 203) in the open: made from seeds, so that its outputs can be written down.

    keygen(d, z) -> (ek[1184], dk[2400])        algorithm 16
    encaps(ek, m) -> (shared[32], ct[1088])     algorithm 17
    decaps(dk, ct) -> shared[32]                algorithm 18

It is for vectors and for nothing else: it is slow, and its time depends on secrets.
"""

from hashlib import sha3_256, sha3_512, shake_128, shake_256

Q = 3329
K = 3
ETA = 2
DU = 10
DV = 4
EK_BYTES = 1184
CT_BYTES = 1088


def _bit_reversed(i: int) -> int:
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, _bit_reversed(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * _bit_reversed(i) + 1, Q) for i in range(128)]


def _encode(values: list[int], bits: int) -> bytes:
    """ByteEncode, algorithm 5: the first value stands in the lowest bits."""
    packed = sum(value << bits * i for i, value in enumerate(values))
    return packed.to_bytes(32 * bits, "little")


def _decode(data: bytes, bits: int) -> list[int]:
    """ByteDecode, algorithm 6; with 12 bits the values are taken modulo Q."""
    packed = int.from_bytes(data, "little")
    modulus = Q if bits == 12 else 1 << bits
    return [(packed >> bits * i & (1 << bits) - 1) % modulus for i in range(256)]


def _compress(values: list[int], bits: int) -> list[int]:
    return [((value << bits + 1) + Q) // (2 * Q) % (1 << bits) for value in values]


def _decompress(values: list[int], bits: int) -> list[int]:
    return [(value * Q + (1 << bits - 1)) >> bits for value in values]


def _sample_uniform(seed: bytes) -> list[int]:
    """SampleNTT, algorithm 7: three bytes give two candidates."""
    values: list[int] = []
    stream = shake_128(seed).digest(3 * 1024)
    for i in range(0, len(stream), 3):
        a, b, c = stream[i : i + 3]
        values += [value for value in (a | (b & 15) << 8, b >> 4 | c << 4) if value < Q]
        if len(values) >= 256:
            return values[:256]
    raise AssertionError("3072 bytes gave no 256 values below Q")


def _sample_binomial(seed: bytes, n: int) -> list[int]:
    """SamplePolyCBD of PRF(seed, n), algorithm 8."""
    bits = int.from_bytes(shake_256(seed + bytes([n])).digest(64 * ETA), "little")

    def ones(at: int) -> int:
        return (bits >> at & (1 << ETA) - 1).bit_count()

    return [(ones(2 * ETA * i) - ones(2 * ETA * i + ETA)) % Q for i in range(256)]


def _ntt(poly: list[int]) -> list[int]:
    """Algorithm 9."""
    f, i, width = list(poly), 1, 128
    while width >= 2:
        for start in range(0, 256, 2 * width):
            zeta, i = ZETAS[i], i + 1
            for j in range(start, start + width):
                t = zeta * f[j + width] % Q
                f[j], f[j + width] = (f[j] + t) % Q, (f[j] - t) % Q
        width //= 2
    return f


def _inverse_ntt(poly: list[int]) -> list[int]:
    """Algorithm 10."""
    f, i, width = list(poly), 127, 2
    while width <= 128:
        for start in range(0, 256, 2 * width):
            zeta, i = ZETAS[i], i - 1
            for j in range(start, start + width):
                t = f[j]
                f[j], f[j + width] = (t + f[j + width]) % Q, zeta * (f[j + width] - t) % Q
        width *= 2
    return [value * 3303 % Q for value in f]


def _multiply(f: list[int], g: list[int]) -> list[int]:
    """MultiplyNTTs, algorithm 11."""
    h: list[int] = []
    for i, gamma in enumerate(GAMMAS):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h += [(a0 * b0 + a1 * b1 * gamma) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def _add(*polys: list[int]) -> list[int]:
    return [sum(values) % Q for values in zip(*polys)]


def _dot(row: list[list[int]], column: list[list[int]]) -> list[int]:
    return _add(*(_multiply(f, g) for f, g in zip(row, column)))


def _matrix(rho: bytes) -> list[list[list[int]]]:
    return [[_sample_uniform(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def keygen(d: bytes, z: bytes) -> tuple[bytes, bytes]:
    """The key pair of two 32-byte seeds."""
    seeds = sha3_512(d + bytes([K])).digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [_ntt(_sample_binomial(sigma, n)) for n in range(K)]
    e = [_ntt(_sample_binomial(sigma, K + n)) for n in range(K)]
    t = [_add(_dot(row, s), noise) for row, noise in zip(_matrix(rho), e)]
    ek = b"".join(_encode(poly, 12) for poly in t) + rho
    secret = b"".join(_encode(poly, 12) for poly in s)
    return ek, secret + ek + sha3_256(ek).digest() + z


def _encrypt(ek: bytes, m: bytes, r: bytes) -> bytes:
    """K-PKE.Encrypt, algorithm 14."""
    t = [_decode(ek[384 * i : 384 * i + 384], 12) for i in range(K)]
    a = _matrix(ek[384 * K :])
    y = [_ntt(_sample_binomial(r, n)) for n in range(K)]
    e1 = [_sample_binomial(r, K + n) for n in range(K)]
    e2 = _sample_binomial(r, 2 * K)
    columns = [[a[j][i] for j in range(K)] for i in range(K)]
    u = [_add(_inverse_ntt(_dot(column, y)), noise) for column, noise in zip(columns, e1)]
    v = _add(_inverse_ntt(_dot(t, y)), e2, _decompress(_decode(m, 1), 1))
    c1 = b"".join(_encode(_compress(poly, DU), DU) for poly in u)
    return c1 + _encode(_compress(v, DV), DV)


def encaps(ek: bytes, m: bytes) -> tuple[bytes, bytes]:
    """Shared secret and ciphertext for a key, from 32 bytes of randomness."""
    if len(ek) != EK_BYTES or b"".join(
        _encode(_decode(ek[384 * i : 384 * i + 384], 12), 12) for i in range(K)
    ) != ek[: 384 * K]:
        raise ValueError("not an encapsulation key")
    seeds = sha3_512(m + sha3_256(ek).digest()).digest()
    return seeds[:32], _encrypt(ek, m, seeds[32:])


def decaps(dk: bytes, ct: bytes) -> bytes:
    """The shared secret in a ciphertext, or an unrelated one."""
    secret, ek, h, z = dk[:1152], dk[1152:2336], dk[2336:2368], dk[2368:]
    if len(ct) != CT_BYTES:
        raise ValueError("not a ciphertext")
    width = 32 * DU
    u = [_ntt(_decompress(_decode(ct[width * i : width * (i + 1)], DU), DU)) for i in range(K)]
    v = _decompress(_decode(ct[width * K :], DV), DV)
    s = [_decode(secret[384 * i : 384 * i + 384], 12) for i in range(K)]
    noisy = _inverse_ntt(_dot(s, u))
    m = _encode(_compress([(a - b) % Q for a, b in zip(v, noisy)], 1), 1)
    seeds = sha3_512(m + h).digest()
    if _encrypt(ek, m, seeds[32:]) == ct:
        return seeds[:32]
    return shake_256(z + ct).digest(32)
