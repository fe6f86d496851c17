"""Sections 1 to 3: the state, what every leaf does, what every record has to keep."""

from ..crypto import key_id
from ..note import Policy
from ..record import entry_bytes
from ..trees import BOTH, Blake3, Frontier, root_of
from . import copies, counting, custody, deciding, legal, phases, registering, voting
from .base import Refused, Unit, need

CLOSES = {1: {2, 5, 6}, 2: {7, 8, 9, 10}, 3: {11, 12, 15}}
DECIDE = {
    1: registering.election, 2: registering.part, 3: registering.keys, 4: registering.revocation, 5: registering.roll,
    6: registering.amendment,
    7: phases.phase, 8: voting.identification, 9: voting.void, 10: counting.batch, 11: counting.opening, 12: counting.protocol,
    13: copies.countersign, 15: copies.table, 18: custody.custody,
    16: legal.act, 17: legal.case,
    20: deciding.governance, 21: deciding.seal, 22: deciding.refusals,
}


class Judge:
    """The state of RULES.md §1. `take` judges one record and makes the entry's bytes."""

    def __init__(self):
        self.election_id, self.genesis, self.parts = bytes(32), None, 0
        self.constituencies, self.stations, self.forms, self.seat_rule = [], {}, {}, None
        self.keys, self.rolls, self.units, self.totals, self.seals = {}, {}, {}, {}, {}
        self.nodes, self.organisations, self.epochs = {}, {}, []
        self.node_keys_ever, self.log_keys_ever, self.tls_ever, self.own_keys_ever = set(), [], set(), set()
        self.nonces, self.heads, self.time, self.ids = [], [], 0, {}
        self.acts, self.cases, self.tables, self.pieces = [], {}, {}, {}
        self.cluster_epoch = 0
        self.frontiers = [Frontier(tree) for tree in BOTH]
        self.withheld = self.admitted_unseen = 0

    # ---- what is asked of the state

    @property
    def size(self):
        return self.frontiers[0].size

    @property
    def roots(self):
        return tuple(frontier.root() for frontier in self.frontiers)

    @property
    def defined(self):
        return self.genesis is not None and self.parts == len(self.genesis[5])

    @property
    def public_keys(self):
        return {id_: key.key for id_, key in self.keys.items()}

    def policy(self):
        return Policy(self.epochs[-1][1] if self.epochs else self.genesis[7])

    def unit(self, scope):
        return self.units.setdefault((scope[1], scope[2]), Unit(len(self.constituencies)))

    def there(self, scope):
        return self.units.get((scope[1], scope[2]))

    def constituency(self, number):
        return self.constituencies[number - 1] if 1 <= number <= len(self.constituencies) else None

    def home(self, station):
        return self.stations[station][2] if station in self.stations else 0

    def has_unit(self, station, unit):
        return station in self.stations and unit in self.stations[station][6]

    def may_show(self, papers):
        return papers >= self.genesis[12]

    def commission(self):
        return key_id(self.organisations[self.genesis[6][0][0]][0])

    def admitted_root(self):
        leaves = sorted(leaf for roll in self.rolls.values() for leaf, by in roll["leaves"].items() if by is not None)
        return root_of(Blake3, [Blake3.leaf(leaf) for leaf in leaves])

    # ---- who has signed

    def commission_alone(self, record):
        need(record.signers == [self.commission()], 100)

    def one_of(self, record, holder):
        need(len(record.signers) == 1 and self.keys[record.signers[0]].holder == holder, 100)
        return self.keys[record.signers[0]]

    def member_quorum(self, record):
        need(all(self.keys[signer].holder == 5 for signer in record.signers), 100)
        need(len(record.signers) >= self.genesis[14], 141)

    def two_members(self, record):
        need(all(self.keys[signer].holder == 5 for signer in record.signers), 100)
        need(len(record.signers) >= 2, 141)

    def signed_organisations(self, record):
        return [name for name, (key, _, _) in self.organisations.items() if key_id(key) in record.signers]

    # ---- a leaf

    def crosses(self, time):
        if self.genesis is None:
            return False
        return time // self.genesis[11] > self.time // self.genesis[11]

    def _begin(self, time):
        time = max(time, self.time)
        if self.crosses(time):
            self.heads = (self.heads + [(self.size, *self.roots)])[-4096:]
        return time

    def take(self, time, record, stated=None):
        """Judges. Returns the entry's bytes, or those of `stated` (an Entry) as far as the record's body is withheld."""
        time = self._begin(time)
        leaf, code, flags, effect = self.size, 0, [], None
        if record.kind == 8 and record.secret is None and stated is not None:
            self.withheld += 1
            code, flags = stated.code, [tuple(flag) for flag in stated.flags]
            effect = None if code else voting.stated(self, record, flags)
        else:
            try:
                if record.kind != 1:
                    self.every_record(time, record)
                flags, effect = DECIDE[record.kind](self, record, time)
            except Refused as refused:
                code = refused.args[0]
        self._note(record, code)
        self.time, self.ids[record.id[:16]] = time, leaf
        if effect:
            effect(leaf, time)
        return entry_bytes(time, code, flags, record)

    def push(self, entry):
        for frontier in self.frontiers:
            frontier.push(frontier.tree.leaf(entry))

    def take_stub(self, entry):
        self.time = self._begin(entry.time)
        id_, _, signers, author, sequence = entry.stub
        if author < len(signers) and signers[author] in self.keys:
            self.keys[signers[author]].use(sequence)
        self.ids[id_[:16]] = self.size

    def _note(self, record, code):
        author = self.keys.get(record.author)
        if author is None:
            return
        if code not in (102, 103):
            author.use(record.sequence)
        if record.kind == 8:
            author.counter = max(author.counter, record.body[2])

    # ---- section 3

    def every_record(self, time, record):
        for signer in record.signers:
            key = self.keys.get(signer)
            need(key is not None and covers(key.scope, record.scope) and record.kind in key.kinds, 100)
            need(not key.revoked, 123)
            need(key.since <= time <= key.until, 101)
        author = self.keys[record.author]
        if record.sequence <= author.highest:
            need(author.highest - record.sequence < 256, 103)
            need(record.sequence not in author.used, 102)
        need(record.not_after == 0 or time <= record.not_after, 104)
        closed = any(stage == 4 or record.kind in CLOSES[stage] for stage in self.seals)
        need(not closed, 105)
        need(record.kind in (2, 3, 4, 20, 22) or self.defined, 108)
        need(not record.supersedes or record.kind in (12, 15), 109)
        need(self.scope_fits(record.kind, record.scope), 106)

    def scope_fits(self, kind, scope):
        level, first, second = scope
        if kind in (1, 2, 3, 4, 20, 21, 22):
            return level == 0
        if kind in (5, 6):
            return level == 2 and first in self.stations
        if kind in (16, 17, 18) and level in (0, 2):
            return level == 0 or first in self.stations
        if kind == 15:
            return level == 0 or level == 1 and self.constituency(first) is not None
        if kind in (11, 16, 17) and level == 1:
            return self.constituency(first) is not None
        return level == 3 and self.has_unit(first, second)


def covers(own, other):
    if own[0] == 0:
        return True
    if own[0] == 2 and other[0] in (2, 3):
        return own[1] == other[1]
    return own == other
