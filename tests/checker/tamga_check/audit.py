"""Audits a copy of a ledger (FORMAT.md §9) from the pinned genesis digest: every byte, signature, verdict, tile and root."""

from pathlib import Path

from . import Fault, archive
from .crypto import b3
from .history import Trust
from .note import Checkpoint
from .record import Entry, admit_parts
from .rules.state import Judge
from .trees import BOTH, root_of


class Report:
    def __init__(self):
        self.findings, self.entries, self.withheld, self.stubs = [], 0, 0, 0

    def find(self, leaf, text):
        self.findings.append((leaf, text))


def tile_path(prefix, kind, index, width):
    return archive.tile_path(f"{prefix}tile/{kind}", index, width)


def bundles(folder, kind, size):
    """Entries or confidential bodies in leaf order; None if there are none."""
    items = []
    for index in range((size + 255) // 256):
        width = min(256, size - 256 * index)
        path = folder / tile_path("", kind, index, width)
        if not path.exists():
            return None
        data, at = path.read_bytes(), 0
        for _ in range(width):
            length = int.from_bytes(data[at : at + 2], "big")
            if at + 2 + length > len(data):
                raise Fault(f"{path} ends inside item {len(items)}")
            items.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        if at != len(data):
            raise Fault(f"{path} has bytes behind its last item")
    return items


def first_entries(folder, count):
    """Nothing of the copy is believed: whoever asks has roots to hold them against."""
    size = Checkpoint((folder / "checkpoint").read_bytes()).size
    entries = bundles(folder, "entries", size)
    if entries is None or size < count:
        raise Fault("the copy does not have the entries")
    return entries[:count]


def tiles(report, folder, size, leaves):
    """Every tile of both trees against the leaves' own hashes."""
    for tree, prefix in zip(BOTH, ("", "blake3/")):
        level, row = 0, [tree.leaf(entry) for entry in leaves]
        while row:
            for index in range((len(row) + 255) // 256):
                due = row[256 * index : 256 * index + 256]
                path = tile_path(prefix, level, index, len(due))
                file = folder / path
                if not file.exists():
                    report.find(None, f"{path} is missing")
                elif file.read_bytes() != b"".join(due):
                    stored = file.read_bytes()
                    places = [n for n, hash_ in enumerate(due) if stored[32 * n : 32 * n + 32] != hash_]
                    place = (256 * index + (places[0] if places else 0)) << (8 * level)
                    report.find(place, f"{path} is not what the entries give")
            full = len(row) // 256
            row = [root_of(tree, row[256 * n : 256 * n + 256]) for n in range(full)]
            level += 1


def archived(report, folder, trust, latest, earlier):
    """Every published checkpoint, each by all policies that were in force since the one before it."""
    index = folder / "checkpoints" / "index"
    if not index.exists():
        return
    named, before = archive.sizes(index.read_bytes()), None
    if named[-1:] != [latest.size]:
        report.find(None, "the archive's index does not end with the copy's checkpoint")
    for size in named:
        try:
            one, _ = trust.verify((folder / "checkpoints" / str(size)).read_bytes())
            for policy in trust.policies_between(size if before is None else before, size):
                one.verify(policy, trust.origin, [])
        except (Fault, OSError) as fault:
            report.find(size - 1, f"the archived checkpoint of size {size}: {fault}")
            continue
        if one.size != size:
            report.find(size - 1, f"the archived checkpoint of size {size} is of size {one.size}")
        earlier.setdefault(size, set()).add(one.roots)
        before = size


def audit(folder, pinned):
    folder, report = Path(folder), Report()
    note = (folder / "checkpoint").read_bytes()
    trust = Trust((folder / "genesis").read_bytes(), pinned)
    if (folder / "history").exists():
        trust.follow((folder / "history").read_bytes())
    checkpoint, report.organisations = trust.verify(note)
    size = checkpoint.size
    entries = bundles(folder, "entries", size)
    if entries is None:
        raise Fault("entry bundles are missing")
    if (folder / "genesis").read_bytes() != entries[0]:
        report.find(0, "the file of the genesis record is not entry 0")
    bodies = bundles(folder, "confidential", size) or [b""] * size
    tiles(report, folder, size, entries)
    # The checkpoints under which something was decided, now with the log keys, which are all known by now.
    earlier = {}
    for note in trust.notes:
        step, _ = trust.verify(note)
        earlier.setdefault(step.size, set()).add(step.roots)
    archived(report, folder, trust, checkpoint, earlier)
    state = Judge()
    for leaf, (data, body) in enumerate(zip(entries, bodies)):
        one_leaf(report, state, leaf, data, body)
        state.push(data)
        if earlier.get(leaf + 1, {state.roots}) != {state.roots}:
            report.find(leaf, "the entries are not those of an earlier checkpoint")
    if state.roots != checkpoint.roots:
        report.find(size - 1, "the entries are not those of the checkpoint: roots differ")
    if [leaf for leaf, _ in trust.policies[1:]] != [leaf for leaf, _ in state.epochs]:
        report.find(None, "the policies are not those that the ledger puts in force")
    if b3("tamga 2025 election id v1", Entry(entries[0]).signed[0]) != pinned:
        report.find(0, "the copy does not begin with the pinned genesis record")
    report.entries, report.withheld = size, state.withheld
    return report


def one_leaf(report, state, leaf, data, body):
    try:
        entry = Entry(data)
        if entry.time < state.time:
            report.find(leaf, "sequenced time goes back")
        if entry.record_id[:16] in state.ids:
            report.find(leaf, f"a record that is leaf {state.ids[entry.record_id[:16]]} already")
        if entry.stub is not None:
            report.stubs += 1
            state.take_stub(entry)
            return
        election = state.election_id if state.genesis else bytes(32)
        record = admit_parts(*entry.signed, body, election, state.public_keys, withheld=True)
        if state.take(entry.time, record, stated=entry) != data:
            report.find(leaf, "the rules give another verdict, or other bytes")
    except Fault as fault:
        report.find(leaf, f"not authentic: {fault}")
