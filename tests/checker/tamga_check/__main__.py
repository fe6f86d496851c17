"""python -m tamga_check vectors FOLDER | shapes CDDL FOLDER | audit FOLDER GENESIS_DIGEST"""

import sys

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
        case _:
            print(__doc__)
            return 2


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
