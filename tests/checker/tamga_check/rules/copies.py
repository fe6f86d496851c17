"""Sections 11a and 11b: Countersign, SummaryTable."""

from .base import need
from .counting import HAND, check_shown, discloses
from .legal import annulled_units


def countersign(state, record, time):
    keys = [state.keys[signer] for signer in record.signers]
    need(len({key.holder for key in keys}) == 1 and len(keys) == 1 and keys[0].holder in (1, 5, 7), 100)
    target, finding, lines, counts, _ = record.body
    need(1 <= finding <= 4 and (not target or target[:16] in state.ids) and (target or finding != 1), 107)
    need(len({code for code, _ in lines}) == len(lines) and bool(lines or counts) == (finding == 2), 107)
    unit = state.there(record.scope)
    need(unit is None or unit.countersigned < 256, 221)
    forms = [state.forms[name] for name in sorted(state.forms)]
    need(forms, 180)
    form = next((one for one in forms if discloses(one, lines, counts)), forms[0])
    need(time >= state.genesis[9] or not discloses(form, lines, counts), 170)
    check_shown(state, form, lines, counts, state.home(record.scope[1]))
    in_force = unit.protocols if unit else {}
    named = next((one for one in in_force.values() if target and one["id"] == target), None)
    flags = [(33, 0)] * (bool(target) and named is None)
    other = named or in_force.get(HAND)
    if finding == 2 and other is not None:
        own = [tuple(line) for line in other["lines"]]
        many = sum(tuple(line) not in own for line in lines)
        many += sum(a != b for a, b in zip(counts, other["counts"]))
        flags += [(34, many)] * (many > 0)

    def effect(_leaf, _time):
        state.unit(record.scope).countersigned += 1

    return flags, effect


def table(state, record, time):
    if record.signers != [state.commission()]:
        state.member_quorum(record)
    code, version, sources, lines, counts, dissenting, _ = record.body
    form = state.forms.get((code, version))
    need(form is not None, 180)
    need([line[0] for line in lines] == [line[0] for line in form[2]], 181)
    need(time >= state.genesis[9] or not discloses(form, lines, counts), 170)
    own = state.constituency(record.scope[1]) if record.scope[0] == 1 else None
    need(not counts or own is not None and len(counts) == len(own[3]) + 2, 107)
    need(1 <= len(sources) <= 1_500 and len(dissenting) <= 64, 107)
    replaced = None
    if record.supersedes:
        replaced = state.tables.get(record.supersedes)
        need(replaced is not None and replaced["scope"] == record.scope, 109)
    else:
        need(len(state.tables) < 4_096, 221)
    void, sums, own_sums, covered, hides = add_up(state, record.scope, sources, lines, counts, time)
    wrong = [line[0] for line in lines if line[1] != sums.get(line[0], 0)]
    wrong_counts = sum(a != b for a, b in zip(counts, own_sums))
    disclosing = {line[0] for line in form[2] if line[2] == 1}
    need(not hides or not wrong_counts and not disclosing & set(wrong), 171)
    due = {
        (station, unit) for station, one in state.stations.items() for unit in one[6]
        if in_scope(state, record.scope, station)
    } - annulled_units(state, time)
    figures = [(38, void), (39, len(wrong) + wrong_counts), (40, len(due - covered)), (19, len(dissenting))]
    flags = [one for one in figures if one[1]] + ([(20, replaced["leaf"])] if replaced else [])

    def effect(leaf, _time):
        state.tables.pop(record.supersedes, None)
        state.tables[record.id] = {"leaf": leaf, "scope": record.scope, "sources": sources, "lines": lines}

    return flags, effect


def in_scope(state, scope, station):
    return scope[0] == 0 or state.home(station) == scope[1]


def add_up(state, scope, sources, lines, counts, time):
    gone = annulled_units(state, time)
    protocols = {
        unit.protocols[HAND]["id"]: (place, unit.protocols[HAND]) for place, unit in state.units.items()
        if place not in gone and HAND in unit.protocols and not unit.protocols[HAND]["blocked"]
    }
    codes = [line[0] for line in lines]
    void, sums, own_sums, covered, hides = 0, {}, [0] * len(counts), set(), False
    seen = set()
    for source in sources:
        part = None if source in seen else part_of(state, scope, source, codes, protocols)
        seen.add(source)
        if part is None or part[2] & covered:
            void += 1
            continue
        for code, value in part[0]:
            sums[code] = sums.get(code, 0) + value
        own_sums = [a + b for a, b in zip(own_sums, list(part[1]) + [0] * len(own_sums))]
        covered |= part[2]
        hides = hides or not part[1]
    return void, sums, own_sums, covered, hides


def part_of(state, scope, source, codes, protocols):
    if source in protocols:
        place, protocol = protocols[source]
        fits = in_scope(state, scope, place[0]) and [line[0] for line in protocol["lines"]] == codes
        return (protocol["lines"], protocol["counts"], {place}) if fits else None
    other = state.tables.get(source)
    if scope[0] != 0 or other is None or other["scope"][0] == 0 or [line[0] for line in other["lines"]] != codes:
        return None
    return other["lines"], [], {protocols[one][0] for one in other["sources"] if one in protocols}
