"""ristretto255 (RFC 9496) and the commitments of FORMAT.md §11. Slow and plain."""

from functools import cache

from . import Fault
from .crypto import D, P, b3

ORDER = 2**252 + 27742317777372353535851937790883648493
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _negative(x):
    return x & 1


def _abs(x):
    return P - x if _negative(x) else x


def _sqrt_ratio(u, v):
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, _abs(r)


INVSQRT_A_MINUS_D = _sqrt_ratio(1, (-1 - D) % P)[1]
SQRT_AD_MINUS_ONE = _sqrt_ratio((-D - 1) % P, 1)[1]
SQRT_AD_MINUS_ONE = P - SQRT_AD_MINUS_ONE if SQRT_AD_MINUS_ONE != 25063068953384623474111414158702152701244531502492656460079210482610430750235 else SQRT_AD_MINUS_ONE
ONE_MINUS_D_SQ, D_MINUS_ONE_SQ = (1 - D * D) % P, (D - 1) * (D - 1) % P
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    one, two = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    three, four = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = two - one, four - three, four + three, two + one
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    total = IDENTITY
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


def decode(data):
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or _negative(s):
        raise Fault("not a canonical group element")
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-(D * u1 * u1) - u2 * u2) % P
    square, inverse = _sqrt_ratio(1, v * u2 * u2 % P)
    x_den, y_den = inverse * u2 % P, inverse * inverse * u2 * v % P
    x, y = _abs(2 * s * x_den % P), u1 * y_den % P
    t = x * y % P
    if not square or _negative(t) or y == 0:
        raise Fault("not a canonical group element")
    return x, y, 1, t


def encode(point):
    x0, y0, z0, t0 = point
    u1, u2 = (z0 + y0) * (z0 - y0) % P, x0 * y0 % P
    inverse = _sqrt_ratio(1, u1 * u2 * u2 % P)[1]
    den1, den2 = inverse * u1 % P, inverse * u2 % P
    z_inverse = den1 * den2 * t0 % P
    x, y, den = x0, y0, den2
    if _negative(t0 * z_inverse % P):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    if _negative(x * z_inverse % P):
        y = -y % P
    return _abs(den * (z0 - y) % P).to_bytes(32, "little")


def _map(t):
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * ONE_MINUS_D_SQ % P, (-1 - r * D) * (r + D) % P
    square, s = _sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -_abs(s * t % P) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P, (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def from_uniform(data):
    half = lambda part: _map(int.from_bytes(part, "little") & ((1 << 255) - 1))
    return add(half(data[:32]), half(data[32:]))


@cache
def generator(place):
    return from_uniform(b3("tamga 2025 commitment generator v1", b"G" + place.to_bytes(2, "big"), 64))


@cache
def blinding_generator():
    return from_uniform(b3("tamga 2025 commitment generator v1", b"H", 64))


def blinding(seed, purpose, number, constituency):
    data = seed + bytes([purpose]) + number.to_bytes(8, "big") + constituency.to_bytes(2, "big")
    return int.from_bytes(b3("tamga 2025 commitment blinding v1", data, 64), "little") % ORDER


def commit(counts, blinding_number):
    total = times(blinding_number, blinding_generator())
    for place, count in enumerate(counts):
        total = add(total, times(count, generator(place)))
    return encode(total)


def total(commitments):
    point = IDENTITY
    for one in commitments:
        point = add(point, decode(one))
    return encode(point)


def opens(commitment, counts, blinding_bytes):
    number = int.from_bytes(blinding_bytes, "little")
    return number < ORDER and commit(counts, number) == commitment
