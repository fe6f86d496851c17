"""python -m tamga_check vectors FOLDER | shapes CDDL FOLDER | audit FOLDER DIGEST | court FILE DIGEST | evidence FILE DIGEST [FOLDER]

DIGEST is the pinned one of the genesis record; FOLDER a copy of the ledger, for evidence that refers to one."""

import sys
from pathlib import Path

from . import Fault


def main(arguments):
    match arguments:
        case ["vectors", folder]:
            from .vectors import run_all

            return told(run_all(folder))
        case ["shapes", cddl, folder]:
            from .shapes_check import run_all

            return told(run_all(cddl, folder))
        case ["audit", folder, digest]:
            return audited(folder, bytes.fromhex(digest))
        case ["court" | "evidence" as what, file, digest]:
            return offline(what, file, bytes.fromhex(digest))
        case ["evidence", file, digest, folder]:
            return offline("evidence", file, bytes.fromhex(digest), Path(folder))
        case _:
            print(__doc__)
            return 2


def offline(what, file, digest, folder=None):
    from .audit import first_entries
    from .court import verify_court
    from .evidence import verify_file

    with open(file, "rb") as opened:
        data = opened.read()
    try:
        if what == "court":
            print(f"holds; about its subject are the leaves {verify_court(data, digest)}")
        else:
            copy = folder and (lambda count: first_entries(folder, count))
            convicts, against = verify_file(data, digest, copy)
            print(f"holds; convicted: {convicts}; contradict the published ledger: {against}")
    except Fault as fault:
        print(f"proves nothing: {fault}")
        return 1
    return 0


def told(run):
    for line in run.wrong:
        print("WRONG", line[:400])
    print(f"{run.checked} comparisons, {len(run.wrong)} wrong")
    return 1 if run.wrong else 0


def audited(folder, digest):
    from .audit import audit

    try:
        report = audit(folder, digest)
    except (Fault, OSError) as fault:
        print(f"FOUND {fault}")
        return 1
    for leaf, text in report.findings:
        print(f"FOUND leaf {leaf}: {text}" if leaf is not None else f"FOUND {text}")
    print(
        f"{report.entries} entries, cosigned by {', '.join(report.organisations)}; "
        f"{report.withheld} verdicts taken over, {report.stubs} stubs; {len(report.findings)} findings"
    )
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
