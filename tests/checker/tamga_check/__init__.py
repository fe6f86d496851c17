"""An independent verifier of Tamga ledgers, written from FORMAT.md, docs/RULES.md and docs/tamga.cddl alone."""


class Fault(Exception):
    """Something does not hold. The first argument is a short name where the format gives one."""

    @property
    def name(self):
        return self.args[0]
