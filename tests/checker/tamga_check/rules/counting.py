"""Sections 10 and 11: BallotBatch, TotalOpening, Protocol."""

from .. import ristretto
from ..crypto import b3
from .base import need
from .legal import annulled_units, of_units

MACHINE, HAND, RECOUNT, TRANSCRIBED = range(4)


def batch(state, record, _time):
    state.one_of(record, 4)
    number, cells, last = record.body
    need([cell[0] for cell in cells] == [one[0] for one in state.constituencies] and last <= 1, 160)
    unit = state.there(record.scope)
    need(unit is not None, 150)
    need(not unit.complete, 161)
    papers = sum(cell[1] for cell in cells)
    flags = [(4, unit.last_batch)] * (number != unit.last_batch + 1) + [(14, 0)] * (unit.status == "closed")
    flags += [(5, unit.with_ballot)] * (sum(unit.papers) + papers > unit.with_ballot)

    def effect(_leaf, _time):
        unit.last_batch, unit.complete = number, last == 1
        for place, (_, papers, commitment) in enumerate(cells):
            unit.papers[place] += papers
            unit.sums[place] = ristretto.total([unit.sums[place], commitment])

    return flags, effect


def opening(state, record, time):
    need(time >= state.genesis[9], 170)
    basis, number, counts, blinding = record.body
    need(basis in (MACHINE, HAND), 107)
    constituency = state.constituency(number)
    need(constituency is not None, 106)
    need(len(counts) == len(constituency[3]) + 2, 107)
    if record.scope[0] == 3:
        return own_opening(state, record, basis, number, counts, blinding)
    need(record.scope[0] == 1 and record.scope[1] == number, 106)
    state.commission_alone(record)
    earlier = state.totals.get((basis, number), [])
    need(len(earlier) < 8, 174)
    for one in earlier:
        changed = changed_cells(state, basis, number, one, time)
        need(changed, 174)
        need(len(changed) >= 3 and state.may_show(sum(changed)), 171)
    covered = covered_cells(state, basis, number, time)
    need(covered is not None, 172)
    papers, commitments = covered
    need(papers == 0 or state.may_show(papers), 171)
    check_opens(counts, blinding, papers, ristretto.total(commitments))
    made = {"counts": counts, "without": annulled_units(state, time)}

    def effect(leaf, _time):
        state.totals.setdefault((basis, number), []).append({**made, "leaf": leaf})

    return [(28, one["leaf"]) for one in earlier[-1:]], effect


def changed_cells(state, basis, number, opened, time):
    """Papers of each covered cell of a unit that was annulled then or is now, but not both."""
    cells = (hidden_cell(state, basis, number, *unit) for unit in opened["without"] ^ annulled_units(state, time))
    return [cell[0] for cell in cells if cell and cell[0]]


def own_opening(state, record, basis, number, counts, blinding):
    state.member_quorum(record)
    need(basis == MACHINE and state.home(record.scope[1]) == number, 106)
    unit = state.there(record.scope)
    need(unit is not None, 150)
    need(unit.complete, 172)
    need(unit.opened is None, 174)
    papers = unit.papers[number - 1]
    need(state.may_show(papers), 171)
    check_opens(counts, blinding, papers, unit.sums[number - 1])

    def effect(_leaf, _time):
        unit.opened = counts

    return [], effect


def check_opens(counts, blinding, papers, commitment):
    need(all(count <= 1 << 32 for count in counts), 107)
    need(sum(counts) == papers and ristretto.opens(commitment, counts, blinding), 173)


def covered_cells(state, basis, number, time):
    papers, commitments, gone = 0, [], annulled_units(state, time)
    for station in sorted(state.stations):
        for one in state.stations[station][6]:
            if (station, one) in gone:
                continue
            cell = hidden_cell(state, basis, number, station, one)
            if cell is None:
                return None
            papers += cell[0] if cell else 0
            commitments += [cell[1]] if cell else []
    return papers, commitments


def hidden_cell(state, basis, number, station, one):
    """Papers and commitment of a cell that is not shown by itself; () where there is none, None where it is not in yet."""
    unit = state.there([3, station, one])
    if unit is None:
        return None
    if basis == MACHINE:
        if not unit.complete:
            return None
        papers = unit.papers[number - 1]
        own = state.home(station) == number and state.may_show(papers)
        return () if own else (papers, unit.sums[number - 1])
    protocol = unit.protocols.get(HAND)
    if protocol is None or protocol["blocked"]:
        return None
    return protocol["cells"].get(number, ())


def protocol(state, record, time):
    code, version, stated, lines, counts, cells, seals, present, dissenting, explanation, scan, _ = record.body
    need(stated in (MACHINE, HAND, RECOUNT, TRANSCRIBED), 107)
    if stated != TRANSCRIBED or record.signers != [state.commission()]:
        state.member_quorum(record)
    basis = MACHINE if stated == MACHINE else HAND
    need((stated != TRANSCRIBED or scan) and explanation <= 7, 107)
    form = state.forms.get((code, version))
    need(form is not None, 180)
    need([line[0] for line in lines] == [line[0] for line in form[2]], 181)
    need(time >= state.genesis[9] or not discloses(form, lines, counts), 170)
    need(max(len(seals), len(present), len(dissenting)) <= 64, 107)
    home = state.home(record.scope[1])
    check_shown(state, form, lines, counts, home)
    due = [one[0] for one in state.constituencies if not (counts and one[0] == home)] if basis == HAND else []
    need([cell[0] for cell in cells] == due, 160)
    unit = state.there(record.scope)
    before = unit.protocols.get(basis) if unit else None
    need(record.supersedes == (before["id"] if before else b""), 109)
    rank = rank_of(state, record.scope, stated, time)
    need(before is None or rank >= before["rank"], 109)
    broken = broken_relations(form, lines, counts)
    flags = [(6 if hard else 7, number) for number, hard in broken]
    if before is not None:
        flags.append((20, before["leaf"]))
        flags += [(37, 0)] * (explanation == 0)
    flags += [(35, 0)] * (stated == TRANSCRIBED) + [(36, 0)] * (stated == RECOUNT and rank == 1)
    flags += [(19, len(dissenting))] * bool(dissenting)
    flags += compared(record, basis, counts, cells, unit)
    made = {
        "id": record.id, "blocked": any(hard for _, hard in broken), "counts": counts, "lines": lines, "rank": rank,
        "cells": {number: (papers, commitment) for number, papers, commitment in cells},
    }

    def effect(leaf, _time):
        state.unit(record.scope).protocols[basis] = {**made, "leaf": leaf}

    return flags, effect


def discloses(form, lines, counts):
    codes = {line[0] for line in form[2] if line[2] == 1}
    return bool(counts) or any(value and code in codes for code, value in lines)


def check_shown(state, form, lines, counts, home):
    need(all(value < 1 << 32 for _, value in lines), 107)
    if not counts:
        need(not discloses(form, lines, counts), 171)
        return
    own = state.constituency(home)
    need(own is not None and len(counts) == len(own[3]) + 2 and all(count < 1 << 32 for count in counts), 107)
    need(state.may_show(sum(counts)), 171)


def rank_of(state, scope, stated, time):
    unit = (scope[1], scope[2])
    issuers = [one["body"][2] for id_, one in of_units(state, 6, time) if id_ == unit]
    if stated != RECOUNT or not issuers:
        return 1
    return 3 if max(issuers) >= 5 else 2


def compared(record, basis, counts, cells, unit):
    if basis == MACHINE:
        digest = unit.closing_digest if unit else None
        other = digest is not None and digest != b3("tamga 2025 closing digest v1", record.body_bytes)
        opened = unit.opened if unit else None
        return [(13, 0)] * other + [(18, 0)] * (opened is not None and bool(counts) and opened != counts)
    papers = sum(unit.papers) if unit else 0
    return [(17, papers)] * (sum(counts) + sum(cell[1] for cell in cells) != papers)


def broken_relations(form, lines, counts):
    values = dict(map(tuple, lines))
    discloses = {line[0] for line in form[2] if line[2] == 1}
    figures = {}
    if counts:
        figures = {
            "@invalid": counts[-1], "@against_all": counts[-2], "@valid": sum(counts[:-1]), "@candidates": sum(counts[:-2]),
        }
    broken = []
    for number, (left, comparator, right, hard) in enumerate(form[3]):
        named = [term[1] for term in left + right]
        if not counts and any(one.startswith("@") or one in discloses for one in named):
            continue
        a, b = (sum(n * (figures[one] if one.startswith("@") else values[one]) for n, one in side) for side in (left, right))
        if not (a == b if comparator == 0 else a >= b if comparator == 1 else a <= b):
            broken.append((number, hard == 1))
    return broken
