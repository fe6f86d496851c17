"""What may be trusted, from the pinned genesis digest on: receipts, histories, bundles (FORMAT.md §8, §10)."""

from . import Fault, shapes
from .crypto import b3
from .note import LOG, Checkpoint, Key, Policy
from .record import Entry, admit_parts, shaped
from .rules.state import Judge
from .trees import BOTH, verify_inclusion


class Trust:
    """The policies, from the genesis record's on, each with the leaf from which on it is in force; and every log key."""

    def __init__(self, genesis_entry, pinned):
        entry = Entry(genesis_entry)
        if entry.code or entry.signed is None:
            raise Fault("entry 0 is no accepted genesis record")
        data, signatures = entry.signed
        if b3("tamga 2025 election id v1", data) != pinned:
            raise Fault("another election")
        record = admit_parts(data, signatures, b"", bytes(32), {})
        state = Judge()
        if record.kind != 1 or state.take(entry.time, record) != genesis_entry:
            raise Fault("entry 0 is no accepted genesis record")
        self.election_id, self.origin = pinned, f"{record.body[2]}/{pinned.hex()[:16]}"
        self.policies = [(-1, Policy(record.body[7]))]
        self.log_keys = list(state.log_keys_ever)
        self.nodes = {id_: node["keys"] for id_, node in state.nodes.items()}
        self.roles, self.own = {id_: 2 for id_ in self.nodes}, {n: tuple(o[:2]) for n, o in state.organisations.items()}
        self.removed, self.notes = set(), []
        # Everything that anybody ever had: what an old key has signed, it has signed.
        self.own_ever = [(name, *keys) for name, keys in self.own.items()]
        self.nodes_ever = list(self.nodes.values())
        self.organisation_of = {id_: node["organisation"] for id_, node in state.nodes.items()}
        self.genesis_record_keys = [key for _, key, _ in self.own_ever]
        self.cluster_epoch = record.body[8]

    @classmethod
    def of_signed(cls, signed, pinned):
        """As of its entry, from a signed genesis record alone."""
        data, signatures = shaped(signed, shapes.SIGNED, "not-canonical", 59_472)
        return cls(Judge().take(0, admit_parts(data, signatures, b"", bytes(32), {})), pinned)

    def author_keys(self):
        """Keys of organisations and nodes that sign records."""
        return [key for _, key, _ in self.own_ever] + [keys[4] for keys in self.nodes_ever]

    def logs(self):
        return [Key(self.origin, LOG, key) for key in self.log_keys]

    def policy_at(self, size):
        return [policy for leaf, policy in self.policies if leaf < size][-1]

    def policies_between(self, before, size):
        """Those in force from size `before` to `size`."""
        first = sum(leaf < before for leaf, _ in self.policies) - 1
        return [policy for leaf, policy in self.policies[first:] if leaf < size]

    def verify(self, note):
        """The checkpoint and the organisations that cosigned."""
        checkpoint = Checkpoint(note)
        return checkpoint, checkpoint.verify(self.policy_at(checkpoint.size), self.origin, self.logs())

    def receipt(self, data):
        leaf, entry, paths, note = read_receipt(data)
        checkpoint, _ = self.verify(note)
        prove(leaf, entry, paths, checkpoint)
        return leaf, Entry(entry), checkpoint

    def follow(self, data):
        """Walks a history from here."""
        version, steps = shaped(data, shapes.HISTORY, "history", 8 << 20)
        if version != 1 or len(steps) > 4_096:
            raise Fault("a history of another version, or too long")
        last = 0
        for step in steps:
            leaf, data, paths, note = read_receipt(step)
            if leaf <= last:
                raise Fault("steps do not ascend")
            checkpoint = Checkpoint(note)
            checkpoint.verify(self.policies[-1][1], self.origin, [])
            prove(leaf, data, paths, checkpoint)
            self.step(leaf, Entry(data), checkpoint)
            self.notes.append(note)
            last = leaf

    def step(self, leaf, entry, checkpoint):
        if entry.code or entry.signed is None:
            raise Fault("a step that is no accepted decision")
        fields = shaped(entry.signed[0], shapes.RECORD, "not-canonical")
        if fields[1] != self.election_id or fields[2] != 20 or fields[3] != 1:
            raise Fault("a step that is no accepted decision")
        action, content = shaped(fields[11], shapes.BODIES[20], "body-invalid")
        if not self._apply(action, content, leaf, checkpoint):
            raise Fault("a step that changes nothing")

    def _apply(self, action, content, leaf, checkpoint):
        if action == 16:
            number, text = content
            if number != len(self.policies):
                return False
            policy = Policy(text)
            checkpoint.verify(policy, self.origin, [])
            self.policies.append((leaf, policy))
            return True
        if action == 18:
            if content[0] != self.cluster_epoch + 1:
                return False
            self.cluster_epoch = content[0]
            going_on = {**dict.fromkeys(content[5], 1), **dict.fromkeys(content[4], 2)}
            self.removed |= set(self.nodes) - set(going_on)
            self.roles |= going_on
            return True
        if action == 1:
            self.organisation_of.setdefault(content[2][0], content[0])
            return content[2][0] not in self.nodes and self._node(content[2])
        if action == 2:
            changed, self.roles[content[0]] = self.roles.get(content[0]) != content[1], content[1]
            return changed
        if action == 3:
            changed = content[0] in self.nodes and content[0] not in self.removed
            self.removed.add(content[0])
            return changed
        if action == 4:
            return content[0][0] in self.nodes and self._node(content[0])
        changed, self.own[content[0]] = content[0] in self.own, (content[1], content[2])
        self.own_ever.append((content[0], content[1], content[2]))
        return changed

    def _node(self, keys):
        self.nodes[keys[0]] = keys
        self.nodes_ever.append(keys)
        if keys[3] not in self.log_keys:
            self.log_keys.append(keys[3])
        return True


def read_receipt(data):
    version, leaf, entry, sha256, blake3, note = shaped(data, shapes.RECEIPT, "receipt", 262_144)
    if version != 1:
        raise Fault("a receipt of another version")
    return leaf, entry, (sha256, blake3), note


def prove(leaf, entry, paths, checkpoint):
    for tree, path, root in zip(BOTH, paths, checkpoint.roots):
        verify_inclusion(tree, tree.leaf(entry), leaf, checkpoint.size, root, path)


def bundle(data, pinned):
    """Verifies a bundle from the pinned genesis digest on; the leaf and its entry."""
    fields = shaped(data, shapes.BUNDLE, "bundle")
    trust = Trust(fields[1], pinned)
    if fields[0] == 2:
        trust.follow(fields[3])
    return trust.receipt(fields[2])
