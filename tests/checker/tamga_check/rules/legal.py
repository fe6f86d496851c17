"""Section 14: LegalAct, Case, and what acts in force make of a result."""

import re

from .base import need

ANNUL, CANCEL, SUSPEND, STRIKE, WITHDRAW, RECOUNT, LOT, EXTEND, ELECT, SUCCEED = range(1, 11)
HAND = 1
MOST = 16_384


def act(state, record, time):
    from .deciding import quorum

    if record.signers != [state.commission()]:
        quorum(state, record)
    need(len(state.acts) < MOST, 221)
    number, date, issuer, issuer_number, effect, effective, final, document = record.body
    need(1 <= issuer <= 7 and 1 <= len(number.encode()) <= 64, 107)
    need(re.fullmatch("[A-Za-z0-9 \\-/.№\u0400-\u04ff]+", number) is not None, 107)
    parts = re.fullmatch("[0-9]{4}-([0-9]{2})-([0-9]{2})", date)
    need(parts is not None and 1 <= int(parts[1]) <= 12 and 1 <= int(parts[2]) <= 31 and final <= 1, 107)
    check_effect(state, effect, record.scope)
    flags = effect_flags(state, issuer, effect, record.scope, time)
    same = [
        one for one in state.acts
        if (one["body"][0], one["body"][2], one["body"][3]) == (number, issuer, issuer_number) and one["body"][7] != document
    ]
    flags += [(21, same[0]["leaf"])] if same else []
    made = {"id": record.id, "scope": record.scope, "body": record.body}
    return flags, lambda leaf, _time: state.acts.append({**made, "leaf": leaf})


def find(state, id_):
    return next((one for one in state.acts if one["id"] == id_), None)


def check_effect(state, effect, scope):
    action, content = effect
    place = scope[0] in (2, 3)
    constituency = state.constituency(scope[1]) if scope[0] == 1 else None
    if action in (CANCEL, SUSPEND):
        need(scope[0] == 0, 106)
        need(find(state, content[0]) is not None, 220)
    elif action == ANNUL:
        need(place or constituency is not None, 106)
    elif action == RECOUNT or action == EXTEND:
        need(place and (action == RECOUNT or content[0] > 0), 106)
    else:
        need(constituency is not None, 106)
        named = content[0] if action in (LOT, ELECT) else content
        need(all(1 <= one <= len(constituency[3]) for one in named), 107)
        if action == LOT:
            need(len(named) >= 2 and len(set(named)) == len(named), 107)
        elif action == ELECT:
            need(all(a < b for a, b in zip(named, named[1:])) and len(named) <= constituency[2], 107)
        elif action == SUCCEED:
            need(named[0] != named[1], 107)


def effect_flags(state, issuer, effect, scope, time):
    action, content = effect
    if action in (CANCEL, SUSPEND):
        other = find(state, content[0])
        return [(22, other["leaf"])] * (other["body"][2] > issuer)
    if action == ELECT:
        return [(23, 0)] * (seats(state, scope[1], time)[0] != content[0])
    if action == LOT:
        elected, tied = seats(state, scope[1], time)
        return [(24, 0)] * (elected is not None or tied is None or not set(tied) <= set(content[0]))
    if action == SUCCEED:
        return [(25, 0)] * (not succession_fits(state, scope[1], content[0], content[1], time))
    return []


def in_force(state, time):
    aside, standing = set(), []
    for one in reversed(state.acts):
        if one["id"] in aside or one["body"][5] > time:
            continue
        action, content = one["body"][4]
        if action in (CANCEL, SUSPEND):
            aside.add(content[0])
        standing.insert(0, one)
    return standing


def of_units(state, action, time):
    """(unit, act) of the acts in force with this effect on stations and units."""
    for one in in_force(state, time):
        if one["body"][4][0] == action and one["scope"][0] == 2:
            yield from (((one["scope"][1], unit), one) for unit in state.stations[one["scope"][1]][6])
        elif one["body"][4][0] == action and one["scope"][0] == 3:
            yield (one["scope"][1], one["scope"][2]), one


def annulled_units(state, time):
    return {unit for unit, _ in of_units(state, ANNUL, time)}


def extended_until(state, scope, time):
    unit = (scope[1], scope[2])
    return max([one["body"][4][1][0] for id_, one in of_units(state, EXTEND, time) if id_ == unit], default=0)


def of_constituency(state, action, number, time):
    return [
        one for one in in_force(state, time) if one["body"][4][0] == action and one["scope"][:2] == [1, number]
    ]


def elect_by(counts, candidates, free, same_sex_max, lots):
    """The elected in no order, or None; those who tie, or None."""
    elected, by_sex = [], [0, 0]
    for votes in sorted({votes for votes in counts if votes > 0}, reverse=True):
        if len(elected) == free:
            break
        may = lambda sex: same_sex_max == 0 or by_sex[sex] < same_sex_max  # noqa: E731
        group = [one for one, count in zip(candidates, counts) if count == votes and may(one[3])]
        each_sex = all(
            same_sex_max == 0 or by_sex[sex] + sum(one[3] == sex for one in group) <= same_sex_max for sex in (0, 1)
        )
        if len(elected) + len(group) > free or not each_sex:
            names = [one[0] for one in group]
            lot = next((lot for lot in reversed(lots) if set(names) <= set(lot)), None)
            if lot is None:
                return None, names
            group.sort(key=lambda one: lot.index(one[0]))
        for one in group:
            if len(elected) < free and may(one[3]):
                by_sex[one[3]] += 1
                elected.append(one[0])
    return sorted(elected), None


def out_before_seats(state, number, time):
    struck = {one["body"][4][1][0] for one in of_constituency(state, STRIKE, number, time)}
    declared = of_constituency(state, ELECT, number, time)
    limit = declared[-1]["leaf"] if declared else float("inf")
    first = {}
    for one in of_constituency(state, WITHDRAW, number, time):
        first.setdefault(one["body"][4][1][0], one["leaf"])
    return struck | {position for position, leaf in first.items() if leaf < limit}


def seats(state, number, time):
    from .counting import HAND, changed_cells, covered_cells
    from .deciding import counts_of

    _, _, free, candidates = state.constituency(number)
    if of_constituency(state, ANNUL, number, time) or not counted(state, number, time):
        return None, None
    opened = state.totals.get((HAND, number), [])
    covered = covered_cells(state, HAND, number, time)
    if not opened and (covered is None or covered[0] != 0):
        return None, None
    out = out_before_seats(state, number, time)
    counts = counts_of(state, state.constituency(number), HAND, time)
    ranked = [0 if one[0] in out else count for one, count in zip(candidates, counts)]
    most = state.seat_rule[0] if state.seat_rule else 0
    lots = [one["body"][4][1][0] for one in of_constituency(state, LOT, number, time)]
    loose = sum(changed_cells(state, HAND, number, opened[-1], time)) if opened else 0
    if loose and not holds_against(ranked, candidates, free, most, loose, max(counts)):
        return None, None
    return elect_by(ranked, candidates, free, most, lots)


def counted(state, number, time):
    gone = annulled_units(state, time)
    for station, one in state.stations.items():
        for unit in one[6] if one[2] == number else []:
            there = state.there([3, station, unit])
            protocol = there.protocols.get(HAND) if there else None
            if (station, unit) not in gone and (protocol is None or protocol["blocked"]):
                return False
    return True


def holds_against(ranked, candidates, free, most, papers, top):
    """Nobody's own margin is as small as that: by trying every number of votes up to it."""
    now, _ = elect_by(ranked, candidates, free, most, [])
    if now is None:
        return False
    for place, one in enumerate(candidates):
        for change in range(1, papers + 1):
            votes = ranked[place] - change if one[0] in now else ranked[place] + change
            if votes < 0 or votes > max(top, max(ranked)) + 1:
                break
            elected, tied = elect_by(ranked[:place] + [votes] + ranked[place + 1:], candidates, free, most, [])
            sure = elected is not None and one[0] in elected
            if (one[0] in now and not sure) or (one[0] not in now and (sure or (tied and one[0] in tied))):
                return False
    return True


def succession_fits(state, number, vacated, named, time):
    from .counting import HAND
    from .deciding import counts_of

    seated, _ = seats(state, number, time)
    if seated is None:
        return False
    passed = [one["body"][4][1] for one in of_constituency(state, SUCCEED, number, time)]
    for left, came in passed:
        if left in seated:
            seated[seated.index(left)] = came
    if vacated not in seated:
        return False
    gone = {left for left, _ in passed}
    for action in (STRIKE, WITHDRAW):
        gone |= {one["body"][4][1][0] for one in of_constituency(state, action, number, time)}
    candidates, most = state.constituency(number)[3], state.seat_rule[0] if state.seat_rule else 0
    sex = {one[0]: one[3] for one in candidates}
    stay = [one for one in seated if one != vacated]
    counts = counts_of(state, state.constituency(number), HAND, time)
    may = {
        one[0]: votes for one, votes in zip(candidates, counts)
        if votes > 0 and one[0] not in gone and one[0] not in seated and (sex[vacated] == 0 or one[3] == 1)
        and (most == 0 or sum(sex[other] == one[3] for other in stay) < most)
    }
    tied = [one for one, votes in may.items() if votes == max(may.values())]
    if len(tied) > 1:
        lots = [one["body"][4][1][0] for one in of_constituency(state, LOT, number, time)]
        lot = next((lot for lot in reversed(lots) if set(tied) <= set(lot)), [])
        tied = [one for one in lot if one in tied][:1]
    return tied == [named]


def case(state, record, time):
    keys = [state.keys[signer] for signer in record.signers]
    need(len(keys) == 1 and keys[0].holder in (1, 5, 7), 100)
    category, step, opened_by, deadline, target, decided_by, _ = record.body
    need(1 <= step <= 6, 223)
    need(1 <= category <= 3 and (not target or target[:16] in state.ids), 107)
    need(not decided_by or find(state, decided_by) is not None, 220)
    if not opened_by:
        need(step == 1 and not decided_by, 223)
        need(len(state.cases) < MOST, 221)
        made = {"by": record.author, "scope": record.scope, "category": category, "state": 1, "deadline": deadline}
        return [], lambda _leaf, _time: state.cases.update({record.id: made})
    now = state.cases.get(opened_by)
    need(now is not None, 222)
    need((now["category"], now["scope"]) == (category, record.scope), 107)
    is_open, filer, commission = now["state"] not in (3, 4, 5), record.author == now["by"], record.signers == [state.commission()]
    fits = {1: False, 5: filer and is_open, 6: not is_open and (filer or commission)}.get(step, is_open and commission)
    need(fits, 223)
    flags = [(26, now["deadline"])] * bool(is_open and now["deadline"] and time > now["deadline"])
    return flags, lambda _leaf, _time: now.update(state=step, deadline=deadline or now["deadline"])


def open_cases(state):
    return sum(one["state"] not in (3, 4, 5) for one in state.cases.values())
