"""Section 8: StationPhase."""

from .base import Unit, need
from .custody import not_deployed
from .legal import extended_until

OPEN, SUSPEND, RESUME, OFFLINE_START, OFFLINE_END, BALANCE, CLOSE, BOX_OUT, BOX_IN, REPLACE = range(1, 11)


def next_status(unit, phase):
    """The status and whether offline, or None."""
    status, offline, out = unit.status, unit.offline, unit.box_seals is not None
    if phase == OPEN and status == "not opened" or phase == RESUME and status == "suspended":
        return "open", offline
    if phase == SUSPEND and status == "open":
        return "suspended", offline
    if phase == OFFLINE_START and status == "open" and not offline:
        return "open", True
    if phase == OFFLINE_END and status == "open" and offline:
        return "open", False
    if status not in ("open", "suspended"):
        return None
    if phase in (BALANCE, REPLACE) or phase == BOX_OUT and status == "open" and not out or phase == BOX_IN and out:
        return status, offline
    return ("closed", False) if phase == CLOSE else None


def late(state, scope, time):
    return time >= max(state.stations[scope[1]][5], extended_until(state, scope, time))


def balance(counters, unit, close):
    """The flags of what does not add up."""
    local, remote, slips, _, own, other, spoiled, scanned = counters
    identified, papers = local + remote, sum(unit.papers)
    given = max(identified - len(unit.voided), 0)
    flags = set()
    if max(own + other - spoiled, 0) != given or not given <= slips <= identified:
        flags.add((3, 0))
    if scanned > given:
        flags.add((5, 0))
    if close:
        differ = (local, remote, scanned) != (unit.local, unit.remote, papers)
    else:
        more = not unit.offline and (local > unit.local or remote > unit.remote)
        differ = more or scanned < papers
    if differ:
        flags.add((15, unit.identified))
    if unit.reported and any(now < before for before, now in zip(unit.reported, counters)):
        flags.add((29, 0))
    return sorted(flags)


def phase(state, record, time):
    state.member_quorum(record)
    kind, list_total, counters, seals, equipment, roles, _, protocol_digest = record.body
    need(1 <= kind <= 10, 107)
    need(all(1 <= role <= 3 and key in state.keys for key, role in roles), 107)
    need(len(seals) <= 64 and len(equipment) <= 64, 107)
    need(kind != REPLACE or len(equipment) == 2 and equipment[0] != equipment[1], 107)
    unit = state.there(record.scope) or Unit(len(state.constituencies))
    status = next_status(unit, kind)
    need(status is not None, 140)
    seals, flags = sorted(seals), []
    if kind == OPEN:
        roll = state.rolls.get(record.scope[1])
        flags += [(1, 0)] * (list_total != (roll["total"] if roll else 0))
        flags += [(2, 0)] * any(counters)
        flags += [(8, 0)] * late(state, record.scope, time)
    if kind in (BALANCE, CLOSE):
        flags += balance(counters, unit, kind == CLOSE)
    if kind == CLOSE:
        flags += [(30, 0)] * (unit.box_seals is not None)
    if kind in (RESUME, BOX_IN):
        before = unit.pause_seals if kind == RESUME else unit.box_seals
        flags += [(31, 0)] * (before is not None and before != seals)
    if kind == REPLACE:
        flags += [(32, 0)] * (equipment[0] not in unit.equipment)

    used = {OPEN: equipment, REPLACE: equipment[1:]}.get(kind, [])
    elsewhere = not_deployed(state, record.scope, used)
    flags += [(45, elsewhere)] * (elsewhere > 0)

    def effect(_leaf, _time):
        unit = state.unit(record.scope)
        unit.status, unit.offline = status
        if kind == OPEN:
            unit.equipment = set(equipment)
        elif kind in (SUSPEND, RESUME):
            unit.pause_seals = seals if kind == SUSPEND else None
        elif kind in (BOX_OUT, BOX_IN):
            unit.box_seals = seals if kind == BOX_OUT else None
        elif kind in (BALANCE, CLOSE):
            unit.reported = counters
        elif kind == REPLACE:
            unit.equipment.discard(equipment[0])
            if len(unit.equipment) < 64:
                unit.equipment.add(equipment[1])
        if kind == CLOSE:
            unit.closing_digest = protocol_digest or None

    return flags, effect
