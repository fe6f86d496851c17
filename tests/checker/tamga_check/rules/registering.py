"""Sections 4 to 7: Election, DefinitionPart, Key, KeyRevocation, RollChunk, RollAmendment."""

import re

from .. import Fault, cbor, shapes
from ..crypto import acceptable, b3, key_id, verify
from ..note import Policy, is_key_name
from .base import Key, need

MAY = {
    1: {2, 3, 4, 11, 12, 13, 15, 16, 17, 18, 20, 21}, 2: {5, 6, 8}, 3: {8}, 4: {10}, 5: {7, 9, 11, 12, 13, 15, 17, 18}, 6: {22},
    7: {13, 17}, 8: {18},
}
OPERANDS = {"@valid", "@invalid", "@candidates", "@against_all"}


def signing(keys):
    return keys[2:6]


def election(state, record, _time):
    body = record.body
    need(state.genesis is None and state.size == 0, 112)
    need(genesis_holds(body, record), 112)

    def effect(_leaf, _time):
        state.genesis, state.election_id = body, b3("tamga 2025 election id v1", record.bytes)
        state.cluster_epoch = body[8]
        for place, (name, _, key, standby, nodes) in enumerate(body[6]):
            state.keys[key_id(key)] = Key(key, 1, [0, 0, 0], sorted(MAY[1]) if place == 0 else [4, 13, 16, 17, 20])
            state.organisations[name] = (key, standby, 0)
            state.own_keys_ever |= {key, standby}
            for one in nodes:
                add_node(state, name, one, 2)

    return [], effect


def add_node(state, organisation, keys, role):
    state.nodes[keys[0]] = {"organisation": organisation, "keys": keys, "role": role, "removed": False, "changes": 0}
    use_node_keys(state, keys)
    register_promise_key(state, keys)


def register_promise_key(state, keys):
    if key_id(keys[4]) not in state.keys:
        state.keys[key_id(keys[4])] = Key(keys[4], 6, [0, 0, 0], sorted(MAY[6]))


def use_node_keys(state, keys):
    state.node_keys_ever |= set(signing(keys))
    state.tls_ever.add(keys[6])
    if keys[3] not in state.log_keys_ever:
        state.log_keys_ever.append(keys[3])


def genesis_holds(body, record):
    real, _, prefix, _, rules, parts, organisations, policy = body[:8]
    hours, interval, smallest, quorum = body[10], body[11], body[12], body[14]
    if rules != 1 or real > 1 or not is_key_name(prefix) or prefix.startswith("rehearsal.") != (real == 0):
        return False
    times = [at for _, at in hours]
    if len(hours) > 64 or any(a >= b for a, b in zip(times, times[1:])):
        return False
    if interval == 0 or not 1 <= len(parts) <= 256 or not 1 <= quorum <= 32 or smallest < 2:
        return False
    if not 1 <= len(organisations) <= 16 or any(not one[4] for one in organisations):
        return False
    names = [one[0] for one in organisations]
    if len(set(names)) != len(names) or any(not re.fullmatch("[A-Za-z0-9-]{1,64}", name) for name in names):
        return False
    keys = [key for one in organisations for key in [one[2], one[3]] + [k for n in one[4] for k in signing(n)]]
    ids = [node[0] for one in organisations for node in one[4]]
    if len(set(keys)) != len(keys) or not all(map(acceptable, keys)) or 0 in ids or len(set(ids)) != len(ids):
        return False
    if record.signers != sorted(key_id(one[2]) for one in organisations) or record.scope != [0, 0, 0]:
        return False
    return record.election == bytes(32) and policy_holds(policy, organisations)


def policy_holds(text, organisations):
    try:
        policy = Policy(text)
    except Fault:
        return False
    if policy.logs or not policy.intersects() or set(policy.organisations) != {one[0] for one in organisations}:
        return False
    for name, _, _, standby, nodes in organisations:
        listed = {policy.witnesses[witness].key for witness in policy.organisations[name]}
        if listed != {standby} | {node[2] for node in nodes}:
            return False
    return True


def part(state, record, _time):
    state.commission_alone(record)
    kind, number, content = record.body
    need(state.parts < len(state.genesis[5]) and number == state.parts, 110)
    need(b3("tamga 2025 definition part v1", record.body_bytes) == state.genesis[5][number], 111)
    try:
        value = cbor.decode(content)
    except Fault:
        need(False, 107)
    need(len(content) <= 57_344 and kind in shapes.PARTS and shapes.PARTS[kind](value), 107)
    check = {1: constituencies, 2: stations, 3: forms, 4: lambda state, _: state.seat_rule is None}[kind]
    need(check(state, value), 107)
    last = state.parts + 1 == len(state.genesis[5])
    need(not last or kind == 4 or state.seat_rule is not None, 107)

    def effect(_leaf, _time):
        if kind == 1:
            state.constituencies += value
        elif kind == 2:
            state.stations.update({one[0]: one for one in value})
        elif kind == 3:
            state.forms.update({(one[0], one[1]): one for one in value})
        else:
            state.seat_rule = value
        state.parts += 1

    return [], effect


def constituencies(state, value):
    if len(state.constituencies) + len(value) > 512:
        return False
    for due, (number, _, seats, candidates) in enumerate(value, len(state.constituencies) + 1):
        positions = [one[0] for one in candidates]
        if number != due or not 1 <= len(candidates) <= 62 or positions != list(range(1, len(candidates) + 1)):
            return False
        if any(one[3] > 1 for one in candidates) or not 1 <= seats <= len(candidates):
            return False
    return True


def stations(state, value):
    seen = set(state.stations)
    for number, kind, constituency, _, opens, closes, units in value:
        if number == 0 or number in seen or kind > 2 or opens >= closes:
            return False
        if (kind == 0) != (constituency != 0) or (kind == 0 and state.constituency(constituency) is None):
            return False
        if not units or 0 in units or any(a >= b for a, b in zip(units, units[1:])):
            return False
        seen.add(number)
    return True


def forms(state, value):
    seen = set(state.forms)
    for code, version, lines, relations in value:
        codes = {line[0] for line in lines}
        if (code, version) in seen or not lines or len(codes) != len(lines) or len(relations) > 32:
            return False
        for left, comparator, right, hard in relations:
            operands = {term[1] for term in left + right}
            known = all(one in OPERANDS if one.startswith("@") else one in codes for one in operands)
            if comparator > 2 or hard > 1 or not known:
                return False
        seen.add((code, version))
    return True


def keys(state, record, _time):
    state.commission_alone(record)
    grants = record.body[0]
    need(1 <= len(grants) <= 64, 107)
    made = {}
    for key, holder, scope, kinds, since, until, possession in grants:
        id_ = key_id(key)
        need(id_ not in state.keys and key not in state.node_keys_ever | state.own_keys_ever and id_ not in made, 120)
        need(holder in MAY, 107)
        need(acceptable(key), 122)
        ascending = all(a < b for a, b in zip(kinds, kinds[1:]))
        need(kinds and ascending and set(kinds) <= MAY[holder], 107)
        need(grant_scope_fits(state, holder, scope, kinds) and since <= until, 107)
        message = cbor.encode([state.election_id, key, holder, scope])
        need(verify(key, "possession", message, possession), 121)
        made[id_] = Key(key, holder, scope, kinds, since, until)
    return [], lambda _leaf, _time: state.keys.update(made)


def grant_scope_fits(state, holder, scope, kinds):
    level, first, second = scope
    if level == 0:
        return holder in (2, 7, 8)
    if level == 1:
        return holder == 5 and kinds == [15] and (not state.defined or state.constituency(first) is not None)
    if level == 2:
        return holder in (5, 7, 8) and (not state.defined or first in state.stations)
    if level == 3:
        return holder in (3, 4, 5, 7) and (not state.defined or state.has_unit(first, second))
    return False


def revocation(state, record, _time):
    if record.signers != [state.commission()]:
        need(state.policy().satisfied_by_organisations(state.signed_organisations(record)), 200)
    ids, reason = record.body
    ascending = all(a < b for a, b in zip(ids, ids[1:]))
    need(1 <= len(ids) <= 64 and ascending and 1 <= reason <= 3, 107)
    for id_ in ids:
        need(id_ in state.keys and not state.keys[id_].revoked, 124)
        need(state.keys[id_].holder != 1, 107)

    def effect(_leaf, _time):
        for id_ in ids:
            state.keys[id_].revoked = True

    return [], effect


def amendment(state, record, _time):
    state.one_of(record, 2)
    version, basis, _document, gone, come, total = record.body
    need(len(gone) % 16 == 0 and len(come) % 16 == 0, 107)
    gone, come = ([data[at : at + 16] for at in range(0, len(data), 16)] for data in (gone, come))
    need(1 <= basis <= 5 and 1 <= len(gone) + len(come) <= 256, 107)
    need(all(a < b for row in (gone, come) for a, b in zip(row, row[1:])), 107)
    now = state.rolls.get(record.scope[1])
    need(now is not None and 0 < now["received"] == now["chunks"] and now["version"] == version, 130)
    for leaf in gone:
        need(leaf in now["leaves"], 131)
        need(now["leaves"][leaf] is None, 156)
    need(not any(leaf in roll["leaves"] for leaf in come for roll in state.rolls.values()), 131)
    need(len(now["leaves"]) - len(gone) + len(come) == total, 107)

    def effect(_leaf, _time):
        for leaf in gone:
            del now["leaves"][leaf]
        now["leaves"].update({leaf: None for leaf in come})
        now["total"] = total

    return [], effect


def roll(state, record, _time):
    state.one_of(record, 2)
    version, number, chunks, total, data = record.body
    need(len(data) % 16 == 0, 107)
    leaves = [data[at : at + 16] for at in range(0, len(data), 16)]
    empty = {"version": version, "chunks": chunks, "received": 0, "total": total, "leaves": {}}
    now = state.rolls.get(record.scope[1], empty)
    same = (version, chunks, total) == (now["version"], now["chunks"], now["total"])
    need(number == now["received"] and number < chunks and same, 130)
    after = [max(now["leaves"])] if now["leaves"] else []
    row = after + leaves
    need(all(a < b for a, b in zip(row, row[1:])) and len(leaves) <= 3_400, 130)
    count = len(now["leaves"]) + len(leaves)
    need(count <= total and (number + 1 < chunks or count == total), 107)

    def effect(_leaf, _time):
        now["received"] += 1
        now["leaves"].update({leaf: None for leaf in leaves})
        state.rolls[record.scope[1]] = now

    return [], effect
