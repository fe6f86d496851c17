"""Sections 12 to 13a: Governance, Seal, the tally, RefusalSummary."""

import re

from .. import Fault, cbor
from ..crypto import acceptable, b3, key_id, verify
from ..note import Policy, is_key_name
from .counting import HAND, MACHINE
from .registering import add_node, register_promise_key, signing, use_node_keys
from .base import Key, need
from .legal import annulled_units, open_cases


def quorum(state, record):
    need(state.policy().satisfied_by_organisations(state.signed_organisations(record)), 200)


def governance(state, record, _time):
    quorum(state, record)
    action, content = record.body
    decide = {1: node_add, 2: node_role, 3: node_remove, 4: node_keys, 5: organisation_keys, 16: policy_epoch,
              18: cluster_epoch}[action]
    return [], decide(state, record, *content)


def member(state, node):
    need(node in state.nodes and not state.nodes[node]["removed"], 205)
    return state.nodes[node]


def signed_by(state, record, organisation):
    need(key_id(state.organisations[organisation][0]) in record.signers, 202)


def used(state, key):
    return key_id(key) in state.keys or key in state.node_keys_ever or key in state.own_keys_ever


def check_node_keys(state, organisation, keys, kept):
    need(is_key_name(keys[1]), 107)
    own = signing(keys)
    need(all(map(acceptable, own)), 122)
    standby = state.organisations[organisation][1]
    takes_standby = keys[2] == standby and standby not in state.node_keys_ever
    free = set(kept) | ({standby} if takes_standby else set())
    need(len(set(own)) == 4 and all(key in free or not used(state, key) for key in own), 204)
    listed = [one.name for one in state.policy().witnesses.values() if one.key == keys[2]]
    need(not listed or listed[0] == keys[1], 107)


def node_add(state, record, organisation, role, keys):
    need(role in (1, 2), 107)
    need(organisation in state.organisations, 201)
    signed_by(state, record, organisation)
    need(keys[0] != 0, 107)
    need(keys[0] not in state.nodes, 203)
    need(len(state.nodes) < 256 and len(state.log_keys_ever) < 256, 208)
    check_node_keys(state, organisation, keys, [])
    need(keys[6] not in state.tls_ever, 204)
    return lambda _leaf, _time: add_node(state, organisation, keys, role)


def voter_remains(state, node):
    others = (n for id_, n in state.nodes.items() if id_ != node)
    need(any(n["role"] == 2 and not n["removed"] for n in others), 207)


def node_role(state, _record, node, role):
    need(role in (1, 2), 107)
    now = member(state, node)
    need(now["role"] != role, 206)
    if role == 1:
        voter_remains(state, node)
    return lambda _leaf, _time: now.update(role=role)


def node_remove(state, _record, node, reason):
    need(1 <= reason <= 5, 107)
    now = member(state, node)
    voter_remains(state, node)

    def effect(_leaf, _time):
        now.update(removed=True)
        state.keys[key_id(now["keys"][4])].revoked = True

    return effect


def node_keys(state, record, keys, reason):
    now = member(state, keys[0])
    signed_by(state, record, now["organisation"])
    need(1 <= reason <= 3, 107)
    old = now["keys"]
    need(keys != old and keys[5] == old[5], 209)
    need((keys[3] == old[3] or len(state.log_keys_ever) < 256) and now["changes"] < 64, 208)
    kept = [a for a, b in zip(signing(old), signing(keys)) if a == b]
    check_node_keys(state, now["organisation"], keys, kept)
    need(keys[6] == old[6] or keys[6] not in state.tls_ever, 204)

    def effect(_leaf, _time):
        if keys[4] != old[4]:
            state.keys[key_id(old[4])].revoked = True
        now.update(keys=keys, changes=now["changes"] + 1)
        use_node_keys(state, keys)
        register_promise_key(state, keys)

    return effect


def organisation_keys(state, _record, organisation, key, standby, possession, reason):
    need(1 <= reason <= 3, 107)
    need(organisation in state.organisations, 201)
    old_key, old_standby, changes = state.organisations[organisation]
    need((key, standby) != (old_key, old_standby), 209)
    need(changes < 64, 208)
    need(acceptable(key) and acceptable(standby), 122)
    taken = (key != old_key and used(state, key)) or (standby != old_standby and used(state, standby))
    need(key != standby and not taken, 204)
    message = cbor.encode([state.election_id, key, 1, [0, 0, 0]])
    need(verify(key, "possession", message, possession), 121)

    def effect(_leaf, _time):
        if key != old_key:
            old = state.keys[key_id(old_key)]
            old.revoked = True
            state.keys[key_id(key)] = Key(key, 1, old.scope, old.kinds, old.since, old.until)
        state.organisations[organisation] = (key, standby, changes + 1)
        state.own_keys_ever |= {key, standby}

    return effect


def policy_epoch(state, record, number, text):
    need(number == len(state.epochs) + 1, 210)
    try:
        policy = Policy(text)
    except Fault:
        need(False, 211)
    need(not policy.logs and all(epoch_organisation_holds(state, policy, name) for name in policy.organisations), 211)
    need(policy.intersects() and policy.follows(state.policy()), 212)
    need(policy.satisfied_by_organisations(state.signed_organisations(record)), 200)
    return lambda leaf, _time: state.epochs.append((leaf, text))


def cluster_epoch(state, _record, number, size, sha256_root, blake3_root, voters, learners):
    need(number == state.cluster_epoch + 1, 213)
    need((size, sha256_root, blake3_root) == (state.size, *state.roots), 214)
    for ids in (voters, learners):
        need(all(one < two for one, two in zip(ids, ids[1:])), 107)
    need(not set(voters) & set(learners), 107)
    need(voters, 207)
    for node in voters + learners:
        member(state, node)

    def effect(_leaf, _time):
        state.cluster_epoch = number
        for id_, node in state.nodes.items():
            if id_ in voters or id_ in learners:
                node["role"] = 2 if id_ in voters else 1
            elif not node["removed"]:
                node.update(removed=True)
                state.keys[key_id(node["keys"][4])].revoked = True

    return effect


def epoch_organisation_holds(state, policy, name):
    if name not in state.organisations:
        return False
    members = [n["keys"] for n in state.nodes.values() if n["organisation"] == name and not n["removed"]]
    cosigners = {(keys[2], keys[1]) for keys in members}
    listed = [policy.witnesses[witness] for witness in policy.organisations[name]]
    return all((one.key, one.name) in cosigners or one.key == state.organisations[name][1] for one in listed)


def seal(state, record, time):
    state.commission_alone(record)
    stage, size, sha256_root, blake3_root, admitted, tally_digest = record.body
    need(1 <= stage <= 4, 107)
    need(stage not in state.seals, 105)
    need((size, sha256_root, blake3_root) in state.heads, 190)
    need(bool(admitted) == (stage == 2) and bool(tally_digest) == (stage == 3), 107)
    if stage == 1:
        need(all(roll["received"] == roll["chunks"] for roll in state.rolls.values()), 191)
        leaves = [leaf for roll in state.rolls.values() for leaf in roll["leaves"]]
        need(len(leaves) == len(set(leaves)), 194)
    elif stage == 2:
        over = all(unit.status == "closed" and unit.complete for unit in state.units.values())
        need(1 in state.seals and over, 191)
        need(state.admitted_unseen or admitted == state.admitted_root(), 192)
    elif stage == 3:
        need(2 in state.seals, 191)
        need(tally_digest == b3("tamga 2025 tally v1", cbor.encode(tally(state, time))), 193)
    else:
        need(3 in state.seals, 191)
    cases = open_cases(state) if stage == 3 else 0
    return [(27, cases)] * (cases > 0), lambda leaf, _time: state.seals.update({stage: leaf})


def tally(state, time):
    return [[one[0], *(counts_of(state, one, basis, time) for basis in (MACHINE, HAND))] for one in state.constituencies]


def counts_of(state, constituency, basis, time):
    number, total = constituency[0], [0] * (len(constituency[3]) + 2)
    parts = [one["counts"] for one in state.totals.get((basis, number), [])[-1:]]
    gone = annulled_units(state, time)
    for station, one in state.stations.items():
        own = one[6] if one[2] == number else []
        for unit in (state.there([3, station, unit]) for unit in own if (station, unit) not in gone):
            if unit is not None and basis == MACHINE:
                parts.append(unit.opened or [])
            elif unit is not None and basis in unit.protocols and not unit.protocols[basis]["blocked"]:
                parts.append(unit.protocols[basis]["counts"])
    for part in parts:
        for place, count in enumerate(part):
            total[place] += count
    return total


def refusals(state, record, _time):
    node, since, until, rows = record.body
    need(record.signers == [key_id(member(state, node)["keys"][4])], 100)
    order = [(by, code.encode()) for by, code, _ in rows]
    need(since < until and 1 <= len(rows) <= 800 and all(a < b for a, b in zip(order, order[1:])), 107)
    need(all(re.fullmatch("[a-z0-9-]{1,32}", code) and count for _, code, count in rows), 107)
    return [], None
