"""Canonical bytes (FORMAT.md §2)."""

from . import Fault

INTEGER_MAX = (1 << 53) - 1
NESTING_MAX = 8


def decode(data):
    """The one item that `data` is: int, bytes, str or list."""
    value, at = _item(data, 0, 0)
    if at != len(data):
        raise Fault("trailing", at)
    return value


def _item(data, at, depth):
    if at >= len(data):
        raise Fault("truncated", at)
    start, major, info = at, data[at] >> 5, data[at] & 31
    if major not in (0, 2, 3, 4):
        raise Fault("type", start)
    at += 1
    if info < 24:
        number = info
    elif info < 28:
        width = 1 << (info - 24)
        if at + width > len(data):
            raise Fault("truncated", start)
        number = int.from_bytes(data[at : at + width], "big")
        if number < (24 if width == 1 else 1 << (4 * width)):
            raise Fault("not-shortest", start)
        at += width
    else:
        raise Fault("not-shortest", start)
    if major == 0:
        if number > INTEGER_MAX:
            raise Fault("integer-too-large", start)
        return number, at
    if major == 4:
        if depth == NESTING_MAX:
            raise Fault("too-deep", start)
        items = []
        for _ in range(number):
            item, at = _item(data, at, depth + 1)
            items.append(item)
        return items, at
    content = data[at : at + number]
    if len(content) != number:
        raise Fault("truncated", start)
    if major == 2:
        return bytes(content), at + number
    try:
        return content.decode("utf-8"), at + number
    except UnicodeDecodeError:
        raise Fault("not-utf8", start) from None


def encode(value):
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, (bytes, bytearray)):
        return _head(2, len(value)) + bytes(value)
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    return _head(4, len(value)) + b"".join(encode(item) for item in value)


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes([major << 5 | info]) + number.to_bytes(width, "big")
    raise Fault("integer-too-large")
