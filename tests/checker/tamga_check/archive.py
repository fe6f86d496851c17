"""What a copy has beside its entries (FORMAT.md §9): the archive of checkpoints, and who was admitted."""

import bisect
import re

from . import Fault
from .trees import Blake3, verify_inclusion


def tile_path(kind, index, width):
    groups = []
    while True:
        groups.insert(0, f"{index % 1000:03}")
        index //= 1000
        if not index:
            break
    name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"{kind}/{name}" + (f".p/{width}" if width < 256 else "")


def sizes(data):
    """The sizes that an index names."""
    text = data.decode("utf-8", "replace")
    if not re.fullmatch("([1-9][0-9]*\n)*", text):
        raise Fault("not a list of sizes, one a line")
    found = [int(line) for line in text.split("\n")[:-1]]
    if any(a >= b for a, b in zip(found, found[1:])) or any(size >= 1 << 53 for size in found):
        raise Fault("sizes do not ascend, or are too large")
    return found


def admitted(files, count, root):
    """Every (roll leaf, leaf index), after the files have been held to each other and to the root."""
    rows = []
    for first in range(0, count, 256):
        rows += bucket(files, count, first // 256)
    if files["admitted/index"] != b"".join(leaf for leaf, _ in rows[::256]):
        raise Fault("the index is not of these buckets")
    if any(a >= b for (a, _), (b, _) in zip(rows, rows[1:])):
        raise Fault("leaves do not ascend")
    reader = Tiles(files, count)
    for place, (leaf, _) in enumerate(rows):
        if reader.hash(0, place) != Blake3.leaf(leaf):
            raise Fault("a tile is not of these buckets")
    if reader.root(0, count) != root:
        raise Fault("another root")
    return rows


def bucket(files, count, number):
    width = min(256, count - 256 * number)
    data = files[tile_path("admitted/leaves", number, width)]
    if len(data) != 24 * width:
        raise Fault("a bucket of another length")
    return [(data[at : at + 16], int.from_bytes(data[at + 16 : at + 24], "big")) for at in range(0, len(data), 24)]


class Tiles:
    """Hashes of complete subtrees out of the tiles."""

    def __init__(self, files, count):
        self.files, self.count = files, count

    def hash(self, level, index):
        """Of the complete subtree over the leaves [index << level, (index + 1) << level)."""
        if level % 8:
            return Blake3.node(self.hash(level - 1, 2 * index), self.hash(level - 1, 2 * index + 1))
        tile = index // 256
        width = min(256, (self.count >> level) - 256 * tile)
        data = self.files[tile_path(f"admitted/tile/{level // 8}", tile, width)]
        return data[32 * (index % 256) : 32 * (index % 256) + 32]

    def root(self, first, size):
        """RFC 9162 §2.1.1 over leaves [first, first + size)."""
        if size == 0:
            return Blake3.empty
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self.hash(level, first >> level)
        split = 1 << ((size - 1).bit_length() - 1)
        return Blake3.node(self.root(first, split), self.root(first + split, size - split))

    def path(self, place):
        """RFC 9162 §2.1.3.1."""
        path, first, size = [], 0, self.count
        while size > 1:
            split = 1 << ((size - 1).bit_length() - 1)
            if place < first + split:
                path.insert(0, self.root(first + split, size - split))
                size = split
            else:
                path.insert(0, self.root(first, split))
                first, size = first + split, size - split
        return path


def presence(files, count, root, leaf):
    """The leaf index of the admission, or None if two proven neighbours (or one end) leave no place for `leaf`."""
    index = files["admitted/index"]
    firsts = [index[at : at + 16] for at in range(0, len(index), 16)]
    number = max(bisect.bisect_right(firsts, leaf) - 1, 0)
    rows = bucket(files, count, number)
    leaves = [one for one, _ in rows]
    at = bisect.bisect_left(leaves, leaf)
    place = 256 * number + at
    if at < len(rows) and leaves[at] == leaf:
        proven(files, count, root, place, leaf)
        return rows[at][1]
    # Its neighbours: in front, and behind, which may be the first of the next bucket.
    if place > 0:
        proven(files, count, root, place - 1, leaves[at - 1] if at else bucket(files, count, number - 1)[-1][0])
    if place < count:
        proven(files, count, root, place, leaves[at] if at < len(rows) else bucket(files, count, number + 1)[0][0])
    return None


def proven(files, count, root, place, leaf):
    verify_inclusion(Blake3, Blake3.leaf(leaf), place, count, root, Tiles(files, count).path(place))
