"""Holds docs/tamga.cddl to real bytes, with zcbor (an implementation of CDDL that nobody here wrote)."""

import contextlib
import io
import re

from . import cbor
from .vectors import Run, hex_


DECISIONS = {
    1: "node-add", 2: "node-role", 3: "node-remove", 4: "node-rotate-keys", 5: "organisation-keys", 16: "policy-epoch",
    18: "new-cluster-epoch",
}


def run_all(cddl, folder):
    import zcbor

    text = open(cddl, encoding="utf-8").read()
    types = zcbor.DataTranslator.from_cddl(cddl_string=text, default_max_qty=1 << 20).my_types
    run = Run(folder)

    used = set()

    def fits(rule, data):
        used.add(rule)
        # The library prints what does not fit.
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                types[rule].validate_str(bytes(data))
                return True
            except zcbor.CddlValidationError:
                return False

    for case in run.load("ledger.json")["entries"] + run.load("second.json")["entries"]:
        what, submission = f"leaf {case['leaf']}", hex_(case["submission"])
        run.same(f"{what}: submission", fits("submission", submission), True)
        (record, signatures), confidential = cbor.decode(submission)
        run.same(f"{what}: signed", fits("signed", cbor.encode([record, signatures])), True)
        run.same(f"{what}: record", fits("record", record), True)
        header = cbor.decode(record)
        run.same(f"{what}: body", fits(f"body-{header[2]}", header[11]), True)
        place = ("of-election", "of-constituency", "of-station", "of-unit")[header[4][0]]
        run.same(f"{what}: scope", fits(place, cbor.encode(header[4])), True)
        if header[2] == 20:
            decision = cbor.decode(header[11])
            run.same(f"{what}: decision", fits(DECISIONS[decision[0]], header[11]), True)
        if confidential:
            run.same(f"{what}: confidential", fits(f"confidential-{header[2]}", confidential), True)
        if header[2] == 2 and case["code"] != 111:
            kind, _, content = cbor.decode(header[11])
            run.same(f"{what}: part", fits(f"part-{kind}", content), True)
        run.same(f"{what}: entry", fits("entry", hex_(case["entry"])), True)
        if case["form"] == 1:
            run.same(f"{what}: stub", fits("stub", cbor.decode(hex_(case["entry"]))[6]), True)
        run.same(f"{what}: a body of another arity", fits(f"body-{header[2]}", cbor.encode([])), False)
    checkpoints = run.load("checkpoints.json")
    for section, rule in (("receipts", "receipt"), ("histories", "history"), ("bundles", "bundle")):
        for case in checkpoints[section]:
            due = case["what"] != "version 2"
            run.same(f"{section}: {case['what']}", fits(rule, hex_(case[rule])), due)
            if rule == "bundle":
                run.same(case["what"], fits(f"bundle-{cbor.decode(hex_(case[rule]))[0]}", hex_(case[rule])), True)
    messages = run.load("messages.json")
    for case in messages["signed_messages"]:
        rule = case["domain"].split("/")[1]
        run.same(case["what"], fits("sealed", hex_(case["bytes"])), True)
        run.same(case["what"], fits(rule, cbor.decode(hex_(case["bytes"]))[0]), True)
    for section, rule in (("possessions", "possession-message"), ("attestations", "attestation-message")):
        for case in messages[section]:
            run.same(rule, fits(rule, hex_(case["message"])), True)
            run.same(f"{rule}, a field less", fits(rule, cbor.encode(cbor.decode(hex_(case["message"]))[1:])), False)
    for name in ("ledger.json", "second.json"):
        tally = hex_(run.load(name)["tally"])
        run.same("tally", fits("tally", tally), True)
        run.same("tally of another shape", fits("tally", cbor.encode([cbor.decode(tally)])), False)
    for case in run.load("evidence.json")["evidence"]:
        due = case["what"] != "another version"
        data = hex_(case["evidence"])
        run.same(case["what"], fits("evidence", data), due)
        kind, content = cbor.decode(data)[4:]
        run.same(case["what"], fits(f"evidence-{kind}", content), True)
        run.same(f"{case['what']}: a field less", fits(f"evidence-{kind}", cbor.encode(cbor.decode(content)[1:])), False)
    for case in run.load("courts.json")["courts"]:
        due = case["what"] not in ("another version", "no checkpoint")
        run.same(case["what"], fits("court", hex_(case["court"])), due)
    for rule, bad in (("scope", "83040000"), ("scope", "8300000100"), ("maybe-32", "4100"), ("receipt", "80")):
        run.same(f"{rule}: {bad}", fits(rule, hex_(bad)), False)
    for rule in unreached(text, used):
        run.same(f"the rule {rule}", "no bytes of the vectors are held to it", "some bytes are")
    return run


def unreached(text, used):
    """Rules that nothing was held to, neither by name nor as a part of a rule that something was held to."""
    rules = {}
    for line in text.splitlines():
        line = re.sub('"[^"]*"', "", line.split(";")[0])
        named = re.match(r"([a-z][a-z0-9-]*) +=", line)
        if named:
            rules[last := named[1]] = set()
            line = line[named.end() :]
        # Member names are followed by a colon; they are no rules. Of a choice between rules each has to be met by itself.
        if rules and not re.fullmatch(r"\s*[a-z0-9-]+( / [a-z0-9-]+)+\s*", line):
            rules[last] |= set(re.findall(r"[a-z][a-z0-9-]*", re.sub(r"[a-z][a-z0-9-]* *:", "", line)))
    reached, waiting = set(), list(used)
    while waiting:
        rule = waiting.pop()
        if rule in rules and rule not in reached:
            reached.add(rule)
            waiting += rules[rule]
    return sorted(set(rules) - reached)
