"""Sections 9 and 9a: Identification, IdentificationVoid."""

from .. import cbor
from ..crypto import roll_leaf, verify
from .base import need
from .phases import late


def identification(state, record, time):
    device = state.one_of(record, 3)
    mode, online, _ = record.body
    need(mode <= 1 and online <= 1, 107)
    need(record.secret is not None, 107)
    how = permission if online else fact
    return how(state, record, time, device)


def admission(state, record):
    """The roll of the home station, or None, and the leaf that admitted the voter, or None."""
    _, tag, home, _, _ = record.secret
    roll, leaf = state.rolls.get(home), roll_leaf(tag)
    if roll is None or leaf not in roll["leaves"]:
        return None, None, leaf
    return roll, roll["leaves"][leaf], leaf


def permission(state, record, time, device):
    unit = state.there(record.scope)
    need(unit is not None and unit.status == "open", 150)
    nonce, until = attested(state, record, time)
    roll, by, leaf = admission(state, record)
    need(roll is not None, 155)
    need(by is None, 156)
    station, home = record.scope[1], record.secret[2]
    remote = home != station
    here = state.home(station)
    need(not (remote and here and here == state.home(home)), 157)
    need(remote == (record.body[0] == 1), 158)
    flags = [(8, 0)] * late(state, record.scope, time) + [(12, device.counter)] * (record.body[2] <= device.counter)

    def effect(index, time):
        while state.nonces and state.nonces[0][1] < time:
            state.nonces.pop(0)
        state.nonces.append((nonce, until))
        admit(state, record, roll, leaf, index, remote)

    return flags, effect


def attested(state, record, time):
    _, tag, home, method, attestations = record.secret
    need(attestations, 151)
    need(len(attestations) == 1, 152)
    registry, at, nonce, signature = attestations[0]
    key = state.keys.get(registry)
    need(key is not None, 152)
    scope = record.scope
    message = cbor.encode([state.election_id, [scope[1], scope[2]], record.author, tag, home, method, [at, nonce]])
    need(verify(key.key, "attestation", message, signature), 152)
    need(key.holder == 2 and not key.revoked and key.since <= time <= key.until, 152)
    validity = state.genesis[13]
    need(time <= at + validity and at <= time + validity, 153)
    need(all(nonce != used for used, _ in state.nonces), 154)
    return nonce, at + validity


def fact(state, record, _time, device):
    unit = state.there(record.scope)
    need(unit is not None, 150)
    roll, by, leaf = admission(state, record)
    need(roll is not None, 155)
    remote = record.secret[2] != record.scope[1]
    flags = [(10, by)] * (by is not None) + [(9, 0)] * (not unit.offline) + [(11, 0)] * remote
    flags += [(16, 0)] * (unit.identified_offline >= state.genesis[15])
    flags += [(12, device.counter)] * (record.body[2] != device.counter + 1)

    def effect(index, _time):
        state.unit(record.scope).identified_offline += 1
        if by is None:
            admit(state, record, roll, leaf, index, remote)

    return flags, effect


def admit(state, record, roll, leaf, index, remote):
    roll["leaves"][leaf] = index
    count(state.unit(record.scope), remote, index)


def count(unit, remote, index):
    unit.admissions.add(index)
    if remote:
        unit.remote += 1
    else:
        unit.local += 1


def stated(state, record, flags):
    """What an accepted identification changes as far as its public part tells."""
    mode, online, _ = record.body
    collided = any(code == 10 for code, _ in flags)

    def effect(index, _time):
        unit = state.unit(record.scope)
        unit.identified_offline += 1 - online
        if not collided:
            state.admitted_unseen += 1
            count(unit, mode == 1, index)

    return effect


def void(state, record, _time):
    state.two_members(record)
    target, ballot = record.body
    need(ballot in (1, 2), 107)
    unit = state.there(record.scope)
    need(unit is not None, 150)
    leaf = state.ids.get(target[:16])
    need(leaf in unit.admissions and leaf not in unit.voided, 159)
    return [(14, 0)] * (unit.status == "closed"), lambda _leaf, _time: unit.voided.update({leaf: ballot})
