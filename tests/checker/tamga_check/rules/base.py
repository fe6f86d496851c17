"""Refusals, and what the state is made of."""

NEVER = (1 << 53) - 1


class Refused(Exception):
    """The record is refused with this code."""


def need(holds, code):
    if not holds:
        raise Refused(code)


class Key:
    def __init__(self, key, holder, scope, kinds, since=0, until=NEVER):
        self.key, self.holder, self.scope, self.kinds = key, holder, scope, list(kinds)
        self.since, self.until, self.revoked = since, until, False
        self.highest, self.used, self.counter = 0, set(), 0

    def use(self, number):
        self.highest = max(self.highest, number)
        self.used.add(number)


class Unit:
    def __init__(self, constituencies):
        self.status, self.offline = "not opened", False
        self.local = self.remote = self.identified_offline = self.last_batch = 0
        self.complete, self.closing_digest, self.opened = False, None, None
        self.papers, self.sums = [0] * constituencies, [bytes(32)] * constituencies
        self.protocols = {}
        self.admissions, self.voided, self.reported = set(), {}, None
        self.box_seals = self.pause_seals = None
        self.equipment = set()
        self.countersigned = 0

    @property
    def identified(self):
        return self.local + self.remote

    @property
    def with_ballot(self):
        return max(self.identified - len(self.voided), 0)
