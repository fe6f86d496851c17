"""Both hash trees (FORMAT.md §7): RFC 9162 §2.1."""

from hashlib import sha256

from blake3 import blake3

from . import Fault
from .crypto import b3

_LEAF, _NODE = b3("tamga 2025 leaf v1", b""), b3("tamga 2025 node v1", b"")


class Sha256:
    name = "sha256"
    leaf = staticmethod(lambda entry: sha256(b"\0" + entry).digest())
    node = staticmethod(lambda left, right: sha256(b"\1" + left + right).digest())
    empty = sha256(b"").digest()


class Blake3:
    name = "blake3"
    leaf = staticmethod(lambda entry: blake3(entry, key=_LEAF).digest())
    node = staticmethod(lambda left, right: blake3(left + right, key=_NODE).digest())
    empty = blake3(b"", key=_NODE).digest()


BOTH = (Sha256, Blake3)


class Frontier:
    """Roots of a growing tree: the complete subtrees at its right edge."""

    def __init__(self, tree):
        self.tree, self.size, self.edge = tree, 0, []

    def push(self, leaf):
        hash_, number = leaf, self.size
        while number & 1:
            hash_, number = self.tree.node(self.edge.pop(), hash_), number >> 1
        self.edge.append(hash_)
        self.size += 1

    def root(self):
        if not self.edge:
            return self.tree.empty
        root = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            root = self.tree.node(left, root)
        return root


def root_of(tree, leaves):
    frontier = Frontier(tree)
    for leaf in leaves:
        frontier.push(leaf)
    return frontier.root()


def verify_inclusion(tree, leaf, index, size, root, path):
    """RFC 9162 §2.1.3.2."""
    if len(path) > 64 or index >= size:
        raise Fault("the leaf is not in the tree, or the proof is too long")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise Fault("the proof is too long")
        if fn & 1 or fn == sn:
            r = tree.node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = tree.node(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Fault("the proof is too short")
    if r != root:
        raise Fault("the proof leads to another root")


def verify_consistency(tree, old, old_root, new, new_root, path):
    """RFC 9162 §2.1.4.2, with equal sizes and the empty tree as FORMAT.md §7 has them."""
    if len(path) > 64 or old > new:
        raise Fault("backwards, or too long")
    if old == 0 or old == new:
        if path or (old == 0 and old_root != tree.empty) or (old == new and old_root != new_root):
            raise Fault("the roots differ, or the proof is not empty")
        return
    path = list(path)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise Fault("the proof is too short")
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise Fault("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = tree.node(c, fr), tree.node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = tree.node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn or fr != old_root or sr != new_root:
        raise Fault("the proof does not link the two roots")
