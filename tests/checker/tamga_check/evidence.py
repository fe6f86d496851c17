"""Evidence files (FORMAT.md §13): who is convicted by them, from the pinned genesis digest on."""

from . import Fault, cbor, shapes
from .crypto import b3, key_id, verify, verify_bytes
from .history import Trust, prove, read_receipt
from .note import Checkpoint
from .record import Entry, admit, shaped
from .trees import BOTH, Frontier, verify_consistency

CLASSES = {2: "registry", 3: "device", 4: "scanner", 5: "member", 7: "observer", 8: "custodian"}
AUTHORS = {"record", *CLASSES.values()}
RIGHTFUL = {
    "record": AUTHORS, "possession": AUTHORS, "attestation": {"registry"}, "inquiry": {"registry", "device"},
    "promise": {"promise"}, "refusal": {"promise"}, "answer": {"promise"}, "batch": {"batch"},
    "cosignature": {"cosigner", "standby"}, "checkpoint": {"log"},
}


class Holders:
    """What each known key is for; by whoever says most: policy, organisation, node, Key record."""

    def __init__(self, trust):
        self.uses = {}
        for _, policy in trust.policies:
            self.uses.update({witness.key: "cosigner" for witness in policy.witnesses.values()})
        for _, record, standby in trust.own_ever:
            self.uses.update({standby: "standby", record: "record"})
        for keys in trust.nodes_ever:
            self.uses.update(dict(zip(keys[2:6], ("cosigner", "log", "promise", "batch"))))

    def register(self, entry, election):
        if entry.code or entry.signed is None:
            return
        fields = shaped(entry.signed[0], shapes.RECORD, "not-canonical")
        if fields[1] != election or fields[2] != 3:
            return
        for key, holder, *_ in shaped(fields[11], shapes.BODIES[3], "body-invalid")[0]:
            if holder in CLASSES:
                self.uses.setdefault(key, CLASSES[holder])


class File:
    """A file, with what may be trusted by it."""

    def __init__(self, data, pinned):
        version, election, genesis, receipts, kind, content = shaped(data, shapes.EVIDENCE, "evidence", 16 << 20)
        if version != "tamga/evidence/v1" or kind not in shapes.EVIDENCE_CONTENTS or len(receipts) > 64:
            raise Fault("evidence", "another version or kind, or too much of it")
        if election != pinned:
            raise Fault("another election")
        self.kind, self.content = kind, shaped(content, shapes.EVIDENCE_CONTENTS[kind], "evidence")
        self.trust = Trust.of_signed(genesis, pinned)
        entries = [self._receipt(receipt) for receipt in receipts]
        self.holders = Holders(self.trust)
        for entry in entries:
            self.holders.register(entry, pinned)

    def _receipt(self, data):
        leaf, entry, paths, note = read_receipt(data)
        entry = Entry(entry)
        signed = shaped(entry.signed[0], shapes.RECORD, "not-canonical") if entry.signed and not entry.code else None
        if signed and signed[2] == 20:
            checkpoint = Checkpoint(note)
            checkpoint.verify(self.trust.policies[-1][1], self.trust.origin, [])
            prove(leaf, read_receipt(data)[1], paths, checkpoint)
            self.trust.step(leaf, entry, checkpoint)
        else:
            self.trust.receipt(data)
        return entry


def verify_file(data, pinned, copy=None):
    """Key ids that are convicted, and those that contradict the published ledger, ascending; raises if nothing is proven.

    `copy` gives the first so many entries of a copy of the ledger, for files that refer to one."""
    file = File(data, pinned)
    file.copy = copy
    prove_kind = {1: contradiction, 2: two_batches, 3: unauthentic, 4: broken, 5: false_promise, 6: twice, 7: misuse}
    convicts, against = prove_kind[file.kind](file, *file.content)
    return [sorted(key_id(key).hex() for key in keys) for keys in (convicts, against)]


# ---- checkpoints


class Side:
    def __init__(self, trust, text):
        self.note = Checkpoint(text)
        if self.note.origin != trust.origin:
            raise Fault("another log's")
        keys = [key for _, policy in trust.policies for key in policy.witnesses.values()] + trust.logs()
        self.keys = {key.key for key in keys if cosigned(self.note, key) is not None}
        if not self.keys:
            raise Fault("nobody of the election has signed it")
        policy = trust.policy_at(self.note.size)
        names = {name for name, key in policy.witnesses.items() if key.key in self.keys}
        self.published = policy.satisfied_by_witnesses(names)


def cosigned(note, key):
    """The latest time at which `key` has verifiably signed, 0 for a log; None if it has not. Other lines are passed over."""
    times = []
    for name, hash_, signature in note.lines:
        if (name, hash_) == (key.name, key.hash):
            try:
                times.append(key.verify(note.text, signature))
            except Fault:
                pass
    return max(times, default=None)


def contradiction(file, first, second, link):
    first, second = Side(file.trust, first), Side(file.trust, second)
    if not link:
        if first.note.size != second.note.size or first.note.roots == second.note.roots:
            raise Fault("no contradiction")
    else:
        which, root, path = link[0]
        tree = BOTH[which]
        verify_consistency(tree, first.note.size, root, second.note.size, second.note.roots[which], path)
        if root == first.note.roots[which]:
            raise Fault("the second extends the first")
    both = first.keys & second.keys
    if both or first.published == second.published:
        return both, set()
    return set(), (second if first.published else first).keys


# ---- batches


def batch_of(file, data):
    message, signature = shaped(data, shapes.SEALED, "batch", 1_128_544)
    fields = shaped(message, shapes.BATCH, "batch")
    keys = [keys[5] for keys in file.trust.nodes_ever if keys[0] == fields[6]]
    digest = b3("tamga 2025 batch v1", message)
    if fields[0] != 1 or fields[1] != file.trust.election_id or not keys:
        raise Fault("a batch that binds nobody")
    if not verify(keys[0], "batch", digest, signature):
        raise Fault("the batch's signature does not verify")
    return fields, keys[0]


def two_batches(file, first, second):
    (one, key), (other, _) = batch_of(file, first), batch_of(file, second)
    place = lambda fields: (fields[6], fields[2], fields[3], fields[4])
    if place(one) != place(other) or one == other:
        raise Fault("no contradiction")
    return {key}, set()


def unauthentic(file, batch, number, keys):
    fields, key = batch_of(file, batch)
    if number >= len(fields[8]):
        raise Fault("no such item")
    known = {key_id(one): one for one in [*file.trust.genesis_record_keys, *keys]}
    item = fields[8][number]
    try:
        admit(item, file.trust.election_id, known)
    except Fault as fault:
        if fault.name in ("unknown-key", "unknown-kind") or undecided(item, fault.name):
            raise Fault("undecided") from None
        return {key}, set()
    raise Fault("the item is authentic")


def undecided(item, fault):
    """A record of a later format, or a genesis record: whether it is authentic is not to be seen from its bytes."""
    if fault not in ("header-invalid", "wrong-election"):
        return False
    fields = cbor.decode(cbor.decode(item)[0][0])
    return fields[0] != 1 if fault == "header-invalid" else fields[1] == bytes(32)


# ---- promises


def promise_of(file, data):
    message, signature = shaped(data, shapes.SEALED, "promise", 4_096)
    fields = shaped(message, shapes.PROMISE, "promise")
    if fields[0] != 1 or fields[1] != file.trust.election_id:
        raise Fault("a promise of another election or version")
    for keys in file.trust.nodes_ever:
        if keys[0] == fields[3] and verify(keys[4], "promise", message, signature):
            return fields, keys[4]
    raise Fault("the promise's signature does not verify")


def broken(file, promise, text, here, entries):
    fields, key = promise_of(file, promise)
    checkpoint, _ = file.trust.verify(text)
    policy = file.trust.policy_at(checkpoint.size)
    times = {name: cosigned(checkpoint, witness) for name, witness in policy.witnesses.items()}
    late = {name for name, time_s in times.items() if time_s is not None and time_s * 1_000 > fields[4]}
    own = file.trust.organisation_of[fields[3]]
    if not policy.satisfied_by_witnesses(late) or not Checkpoint._cosigned(policy, own, late):
        raise Fault("not due")
    if here == 0 and not entries and file.copy:
        entries = file.copy(checkpoint.size)
    elif here != 1 or sum(map(len, entries)) > 8 << 20:
        raise Fault("the entries are in a copy")
    frontiers = [Frontier(tree) for tree in BOTH]
    for data in entries:
        for frontier in frontiers:
            frontier.push(frontier.tree.leaf(data))
        try:
            found = Entry(data).record_id == fields[2]
        except Fault:
            found = False
        if found:
            raise Fault("the promise was kept")
    if len(entries) != checkpoint.size or tuple(one.root() for one in frontiers) != checkpoint.roots:
        raise Fault("not the entries that the checkpoint covers")
    return {key}, set()


def false_promise(file, promise, receipt):
    fields, key = promise_of(file, promise)
    if not fields[5]:
        raise Fault("nothing was promised")
    leaf, time_ms, verdict, code, flags = fields[5][0]
    found, entry, _ = file.trust.receipt(receipt)
    if found != leaf:
        raise Fault("another leaf")
    promised = (fields[2], time_ms, verdict, code, flags)
    if promised == (entry.record_id, entry.time, entry.verdict, entry.code, entry.flags):
        raise Fault("as promised")
    return {key}, set()


# ---- keys


def numbered(file, author, data):
    record, signatures = shaped(data, shapes.SIGNED, "not-canonical", 59_472)
    fields = shaped(record, shapes.RECORD, "not-canonical", 57_344)
    signers, place = fields[5], fields[6]
    if fields[1] != file.trust.election_id or place >= len(signers) or signers[place] != key_id(author):
        raise Fault("not a record of this author in this election")
    if len(signatures) != len(signers) or not verify(author, "record", record, signatures[place]):
        raise Fault("the signature does not verify")
    return record, fields[7]


def twice(file, author, first, second):
    (one, number), (other, same) = numbered(file, author, first), numbered(file, author, second)
    if number != same or one == other:
        raise Fault("no contradiction")
    return {author}, set()


def purpose_of(message):
    for name in ("record", "possession", "attestation", "promise", "refusal", "batch", "inquiry", "answer"):
        if message.startswith(b"tamga/%s/v1\n" % name.encode()):
            return name
    name, text = "checkpoint", message
    if message.startswith(b"cosignature/v1\ntime "):
        name, text = "cosignature", message.split(b"\n", 2)[2] if message.count(b"\n") > 1 else b""
    Checkpoint(text + "\n\u2014 x AAAAAAA=\n".encode())
    return name


def misuse(file, key, message, signature):
    use = file.holders.uses.get(key)
    if use is None:
        raise Fault("nobody's key")
    if use in RIGHTFUL[purpose_of(message)]:
        raise Fault("what the key is for")
    if not verify_bytes(key, message, signature):
        raise Fault("the signature does not verify")
    return {key}, set()
