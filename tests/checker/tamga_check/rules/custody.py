"""Section 11c: Custody."""

import re

from .base import need

ENTER, SEAL, UNSEAL, STORE, MOVE, HAND_OVER, CHECK, DEPLOY, TAKE_BACK, LOSE, FIND, RETIRE = range(1, 13)
HELD, STORED, MOVING, DEPLOYED, LOST, RETIRED = range(6)
POINTS = 8
NAME = re.compile("[A-Za-z0-9 \\-/.№\u0400-\u04ff]+")


def is_name(value):
    return len(value.encode()) <= 64 and NAME.fullmatch(value) is not None


def fits(stand, event):
    if stand == RETIRED:
        return False
    if stand == LOST or event == FIND:
        return stand == LOST and event == FIND
    if stand == DEPLOYED:
        return event not in (STORE, MOVE, DEPLOY, RETIRE)
    return event != TAKE_BACK


def after(stand, event):
    if event == HAND_OVER and stand == MOVING:
        return HELD
    news = {ENTER: HELD, TAKE_BACK: HELD, FIND: HELD, STORE: STORED, MOVE: MOVING, DEPLOY: DEPLOYED, LOSE: LOST, RETIRE: RETIRED}
    return news.get(event, stand)


def not_deployed(state, scope, serials):
    if not state.pieces:
        return 0
    there = {serial for serial, piece in state.pieces.items() if piece["stand"] == DEPLOYED and piece["scope"] == scope}
    return sum(serial not in there for serial in serials)


def well_formed(state, record):
    item, serial, event, giver, taker, seals, checks, place, key = record.body
    giving = bool(giver) and bool(taker) and giver != taker and {giver, taker} <= set(record.signers)
    nothing = not giver and not taker
    return (
        1 <= event <= RETIRE and 1 <= item <= 8 and is_name(serial) and (place == "" or is_name(place))
        and len(seals) <= 64 and (event != SEAL or bool(seals))
        and checks < 1 << POINTS and (event == CHECK or checks == 0)
        and (event != DEPLOY or record.scope[0] == 3)
        and (giving if event == HAND_OVER else nothing)
        and (not key or event == ENTER and key in state.keys and state.keys[key].holder in (3, 4))
    )


def custody(state, record, _time):
    need(all(state.keys[signer].holder in (1, 5, 8) for signer in record.signers), 100)
    need(len(record.signers) >= 2, 141)
    need(well_formed(state, record), 107)
    item, serial, event, giver, taker, seals, checks, place, key = record.body
    seals = sorted(seals) or None
    old = state.pieces.get(serial)
    if old is None:
        need(event == ENTER, 230)
        need(len(state.pieces) < 65_536, 221)
        new = {
            "item": item, "scope": record.scope, "holder": record.author, "stand": HELD, "seals": seals, "key": key,
            "checks": None,
        }
        return [], lambda leaf, _time: state.pieces.update({serial: {**new, "leaf": leaf}})
    need(event != ENTER, 231)
    need(item == old["item"], 107)
    flags = []
    holds = giver == old["holder"] if giver else event == FIND or old["holder"] in record.signers
    flags += [(41, old["leaf"])] * (not holds)
    flags += [(42, old["leaf"])] * (not fits(old["stand"], event))
    intact = old["seals"] is None if event == SEAL else event == LOSE or seals == old["seals"]
    flags += [(31, 0)] * (not intact)
    if event in (CHECK, DEPLOY):
        missing = POINTS - (checks if event == CHECK else old["checks"] or 0).bit_count()
        flags += [(43, missing)] * (missing > 0)
    revokes = event == LOSE and state.commission() in record.signers
    if event == LOSE and not revokes:
        flags += [(44, 0)] * (bool(old["key"]) and not state.keys[old["key"]].revoked)
    new = {**old, "scope": record.scope, "holder": taker or old["holder"], "stand": after(old["stand"], event)}
    if event in (SEAL, UNSEAL):
        new["seals"] = seals if event == SEAL else None
    if event in (CHECK, DEPLOY):
        new["checks"] = checks if event == CHECK else None

    def effect(leaf, _time):
        state.pieces[serial] = {**new, "leaf": leaf}
        if revokes and old["key"]:
            state.keys[old["key"]].revoked = True

    return flags, effect
