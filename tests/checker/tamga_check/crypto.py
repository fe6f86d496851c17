"""BLAKE3 contexts (FORMAT.md §1) and Ed25519 acceptance (§4)."""

from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
SMALL = {
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
}


def b3(context, data, length=32):
    return blake3(data, derive_key_context=context).digest(length=length)


def key_id(key):
    return b3("tamga 2025 key id v1", key, 16)


def record_id(record):
    return b3("tamga 2025 record id v1", record)


def roll_leaf(tag):
    return b3("tamga 2025 roll leaf v1", tag, 16)


def _canonical(point):
    number = int.from_bytes(point, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return False
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    square = u * pow(v, P - 2, P) % P
    if square == 0:
        return sign == 0
    return pow(square, (P - 1) // 2, P) == 1


def acceptable(key):
    """Whether a public key may be registered: canonical, not of small order."""
    return key not in SMALL and _canonical(key)


def verify_bytes(key, message, signature):
    """The library checks S < L and the equation without cofactor; encodings and small order are checked here."""
    if len(signature) != 64 or signature[:32] in SMALL or not _canonical(signature[:32]) or not acceptable(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(key, domain, message, signature):
    return verify_bytes(key, b"tamga/%s/v1\n" % domain.encode() + message, signature)
