"""Courts' bundles (FORMAT.md §18), from the pinned genesis digest on."""

from . import Fault, shapes
from .crypto import key_id
from .history import Trust
from .record import Entry, admit_parts, shaped
from .trees import BOTH, verify_consistency


# Definition parts, keys, revocations, custody, governance, seals.
CONTEXT = {2, 3, 4, 18, 20, 21}


def verify_court(data, pinned):
    """The leaves that are asked for; raises if anything does not hold."""
    fields = shaped(data, shapes.COURT, "court", 256 << 20)
    version, tool, subject, order, way, links, items, *hashes = fields
    if version != "tamga/court/v1" or len(tool.encode()) > 1_024 or len(order.encode()) > 1_024:
        raise Fault("court", "another version, or words too long")
    if not items or items[0][0] != 0 or not 1 <= len(links) <= 256:
        raise Fault("court", "no genesis record, or no checkpoint")
    trust = Trust(items[0][2], pinned)
    if way:
        trust.follow(way)
    last = walk(trust, links)
    leaves = [item[0] for item in items]
    if any(a >= b for a, b in zip(leaves, leaves[1:])) or leaves[-1] >= last.size:
        raise Fault("items do not ascend, or lie beyond the tree")
    for tree, root, given in zip(BOTH, last.roots, hashes):
        if several(tree, [(item[0], tree.leaf(item[2])) for item in items], last.size, given) != root:
            raise Fault("the shared proof leads to another root")
    return read(trust, subject, order, items, pinned)


def walk(trust, links):
    before = None
    for note, *paths in links:
        now, _ = trust.verify(note)
        if before is None:
            if any(paths):
                raise Fault("the first checkpoint extends nothing")
        elif now.size <= before.size:
            raise Fault("sizes do not ascend")
        else:
            for tree, path, old, new in zip(BOTH, paths, before.roots, now.roots):
                verify_consistency(tree, before.size, old, now.size, new, path)
        before = now
    return before


def several(tree, leaves, size, hashes):
    """The root over a range of which some leaves are known, the other subtrees being the next hash of the list."""
    rest = iter(hashes)

    def root(first, length, inside):
        if not inside:
            hash_ = next(rest, None)
            if hash_ is None:
                raise Fault("a hash is missing")
            return hash_
        if length == 1:
            return inside[0][1]
        split = 1 << ((length - 1).bit_length() - 1)
        left = [one for one in inside if one[0] < first + split]
        right = [one for one in inside if one[0] >= first + split]
        hash_ = root(first, split, left)
        return tree.node(hash_, root(first + split, length - split, right))

    found = root(0, size, leaves)
    if next(rest, None) is not None:
        raise Fault("a hash too many")
    return found


def read(trust, subject, order, items, pinned):
    keys = {key_id(key): key for key in trust.author_keys()}
    homes, there, asked = {}, set(), []
    for leaf, said, data, body in items:
        entry = Entry(data)
        if body and not order:
            raise Fault("a body without an order")
        record = None
        if entry.signed is not None:
            election = pinned if leaf else bytes(32)
            record = admit_parts(*entry.signed, body, election, keys, withheld=True)
            if not entry.code and record.kind == 3:
                keys.update({key_id(grant[0]): grant[0] for grant in record.body[0]})
            if not entry.code and record.kind == 2 and record.body[0] == 2:
                stations = shaped(record.body[2], shapes.PARTS[2], "body-invalid")
                homes.update({station[0]: station[2] for station in stations})
        elif body:
            raise Fault("a body of a stub")
        there.add(entry.record_id)
        if concerns(subject, record, entry.record_id, homes) != (said == 1):
            raise Fault("asked for, and not about the subject, or the other way round")
        if said:
            asked.append(leaf)
        elif body or (leaf and (record is None or record.kind not in CONTEXT)):
            raise Fault("not about the subject, and nothing that the others need")
    if not asked or (subject[0] == 3 and not there.issuperset(subject[2])):
        raise Fault("not all that is asked for")
    return asked


def concerns(subject, record, id_, homes):
    what, number, ids = subject
    if what == 3:
        return id_ in ids
    if record is None:
        return False
    level, place, _ = record.scope
    if level == 0:
        return False
    if level == 1:
        return place == number if what == 2 else record.kind in (16, 17) and homes.get(number) == place
    return place == number if what == 1 else homes.get(place) == number
