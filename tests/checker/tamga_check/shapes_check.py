"""Holds docs/tamga.cddl to real bytes, with zcbor (an implementation of CDDL that nobody here wrote)."""

import contextlib
import io

from . import cbor
from .vectors import Run, hex_


def run_all(cddl, folder):
    import zcbor

    text = open(cddl, encoding="utf-8").read()
    types = zcbor.DataTranslator.from_cddl(cddl_string=text, default_max_qty=1 << 20).my_types
    run = Run(folder)

    def fits(rule, data):
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
    for case in run.load("messages.json")["signed_messages"]:
        rule = case["domain"].split("/")[1]
        run.same(case["what"], fits("sealed", hex_(case["bytes"])), True)
        run.same(case["what"], fits(rule, cbor.decode(hex_(case["bytes"]))[0]), True)
    for rule, bad in (("scope", "83040000"), ("scope", "8300000100"), ("maybe-32", "4100"), ("receipt", "80")):
        run.same(f"{rule}: {bad}", fits(rule, hex_(bad)), False)
    return run
