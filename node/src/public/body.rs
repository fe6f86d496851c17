//! Public bodies of records as JSON, for people and scripts; what counts are the bytes.

use serde::Serialize;
use serde_json::{Value, json};
use tamga_ledger::codec::{self, CodecError};
use tamga_ledger::definition::part_digest;
use tamga_ledger::kinds::{
    ActEffect, AmendmentBasis, BallotBatch, Basis, Body, CHECKS, Case, CaseState, Cell, Constituency, Countersign,
    Custody, CustodyEvent, DefinitionPart, Election, Finding, Form, Governance, HolderClass, Identification,
    IdentificationVoid, Issuer, Item, KeyGrant, KeyRegistration, KeyRevocation, Kind, LegalAct, NodeKeys, NodeRole,
    Organisation, Phase, Protocol, ProtocolBasis, RefusalCount, RefusalSummary, RemovalReason, RollAmendment,
    RollChunk, RotationReason, Seal, SeatRule, Stage, Station, StationPhase, SummaryTable, TotalOpening, VoidedBallot,
};
use tamga_ledger::record::RECORD_BYTES_MAX;

use super::entries::scope_json;

/// The body of a record of this kind; null for a kind or a body that this software does not read.
pub(super) fn to_json(kind: u16, body: &[u8]) -> Value {
    let Some(kind) = Kind::from_number(kind) else { return Value::Null };
    match kind {
        Kind::Election => read(body, election),
        Kind::DefinitionPart => read(body, |part: &DefinitionPart| definition_part(part, body)),
        Kind::Key => read(body, |keys: &KeyRegistration| json!({ "grants": list(&keys.grants, grant) })),
        Kind::KeyRevocation => read(
            body,
            |revoked: &KeyRevocation| json!({ "keys": revoked.keys, "reason": RotationReason::from_number(revoked.reason) }),
        ),
        Kind::RollChunk => read(body, roll_chunk),
        Kind::RollAmendment => read(body, roll_amendment),
        Kind::StationPhase => read(body, station_phase),
        Kind::Identification => read(body, identification),
        Kind::IdentificationVoid => read(
            body,
            |void: &IdentificationVoid| json!({ "target": void.target, "ballot": VoidedBallot::from_number(void.ballot) }),
        ),
        Kind::BallotBatch => read(body, ballot_batch),
        Kind::TotalOpening => read(body, total_opening),
        Kind::Protocol => read(body, protocol),
        Kind::Countersign => read(body, countersign),
        Kind::SummaryTable => read(body, summary_table),
        Kind::Custody => read(body, custody),
        Kind::LegalAct => read(body, legal_act),
        Kind::Case => read(body, case),
        Kind::Governance => read(body, governance),
        Kind::Seal => read(body, seal),
        Kind::RefusalSummary => read(body, refusals),
    }
}

fn read<B: Body>(body: &[u8], to_json: impl FnOnce(&B) -> Value) -> Value {
    B::from_bytes(body).map_or(Value::Null, |body| to_json(&body))
}

fn list<T>(items: &[T], to_json: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(to_json).collect()
}

fn refusals(body: &RefusalSummary) -> Value {
    let row = |row: &RefusalCount| json!({ "author": row.author.0, "code": row.code, "count": row.count });
    json!({
        "node": body.node,
        "from_ms": body.from_ms,
        "until_ms": body.until_ms,
        "total": body.total(),
        "rows": list(&body.rows, row),
    })
}

fn election(body: &Election) -> Value {
    json!({
        "real": body.real == 1,
        "title": body.title,
        "origin_prefix": body.origin_prefix,
        "decree": body.decree,
        "rules_version": body.rules_version,
        "parts": body.parts,
        "organisations": list(&body.organisations, organisation),
        "trust_policy": body.trust_policy,
        "cluster_epoch": body.cluster_epoch,
        "embargo_ms": body.embargo_ms,
        "official_hours": body.official_hours,
        "checkpoint_interval_ms": body.checkpoint_interval_ms,
        "cell_papers_min": body.cell_papers_min,
        "attestation_validity_ms": body.attestation_validity_ms,
        "member_quorum": body.member_quorum,
        "offline_identifications_max": body.offline_identifications_max,
        "retention_months": body.retention_months,
    })
}

fn organisation(body: &Organisation) -> Value {
    json!({
        "name": body.name,
        "title": body.title,
        "record_key": body.record_key,
        "standby_cosigner_key": body.standby_cosigner_key,
        "nodes": list(&body.nodes, node),
    })
}

fn node(keys: &NodeKeys) -> Value {
    json!({
        "id": keys.id,
        "cosigner_name": keys.cosigner_name,
        "cosigner_key": keys.cosigner_key,
        "log_key": keys.log_key,
        "promise_key": keys.promise_key,
        "batch_key": keys.batch_key,
        "tls_spki_sha256": keys.tls_spki_sha256,
    })
}

fn governance(change: &Governance) -> Value {
    match change {
        Governance::NodeAdd { organisation, role, keys } => json!({
            "action": "node-add",
            "organisation": organisation,
            "role": NodeRole::from_number(*role),
            "keys": node(keys),
        }),
        Governance::NodeSetRole { node, role } => {
            json!({ "action": "node-set-role", "node": node, "role": NodeRole::from_number(*role) })
        }
        Governance::NodeRemove { node, reason } => {
            json!({ "action": "node-remove", "node": node, "reason": RemovalReason::from_number(*reason) })
        }
        Governance::NodeRotateKeys { keys, reason } => {
            json!({ "action": "node-rotate-keys", "keys": node(keys), "reason": RotationReason::from_number(*reason) })
        }
        Governance::OrganisationKeys { organisation, record_key, standby_cosigner_key, possession, reason } => json!({
            "action": "organisation-keys",
            "organisation": organisation,
            "record_key": record_key,
            "standby_cosigner_key": standby_cosigner_key,
            "possession": possession,
            "reason": RotationReason::from_number(*reason),
        }),
        Governance::PolicyEpoch { number, policy } => {
            json!({ "action": "policy-epoch", "number": number, "policy": policy })
        }
        Governance::ClusterEpoch { number, size, sha256, blake3, voters, learners } => json!({
            "action": "cluster-epoch",
            "number": number,
            "size": size,
            "sha256": sha256,
            "blake3": blake3,
            "voters": voters,
            "learners": learners,
        }),
    }
}

fn definition_part(part: &DefinitionPart, body: &[u8]) -> Value {
    let content = &part.content;
    let (name, content) = match part.part_kind {
        1 => ("constituencies", value(codec::decode::<Vec<Constituency>>(content, RECORD_BYTES_MAX))),
        2 => ("stations", value(codec::decode::<Vec<Station>>(content, RECORD_BYTES_MAX))),
        3 => ("forms", value(codec::decode::<Vec<Form>>(content, RECORD_BYTES_MAX))),
        4 => ("seat-rule", value(codec::decode::<SeatRule>(content, RECORD_BYTES_MAX))),
        _ => ("unknown", Value::Null),
    };
    json!({ "part_kind": name, "number": part.number, "digest": part_digest(body), "content": content })
}

fn value<T: Serialize>(decoded: Result<T, CodecError>) -> Value {
    decoded.ok().and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default()
}

fn grant(grant: &KeyGrant) -> Value {
    json!({
        "key": grant.key,
        "key_id": grant.key.id(),
        "class": HolderClass::from_number(grant.class),
        "scope": scope_json(&grant.scope),
        "kinds": list(&grant.kinds, |kind| json!(Kind::from_number(*kind))),
        "valid_from_ms": grant.valid_from_ms,
        "valid_until_ms": grant.valid_until_ms,
        "possession": grant.possession,
    })
}

fn roll_chunk(chunk: &RollChunk) -> Value {
    json!({
        "list_version": chunk.list_version,
        "number": chunk.number,
        "chunks": chunk.chunks,
        "total": chunk.total,
        "leaves": chunk.roll_leaves().map(|leaves| leaves.len()),
    })
}

fn roll_amendment(amendment: &RollAmendment) -> Value {
    let leaves = amendment.roll_leaves();
    json!({
        "list_version": amendment.list_version,
        "basis": AmendmentBasis::from_number(amendment.basis),
        "document": amendment.document.0,
        "removed": leaves.as_ref().map(|(removed, _)| removed.len()),
        "added": leaves.as_ref().map(|(_, added)| added.len()),
        "total": amendment.total,
    })
}

fn station_phase(phase: &StationPhase) -> Value {
    json!({
        "phase": Phase::from_number(phase.phase),
        "list_total": phase.list_total,
        "counters": phase.counters,
        "seals": phase.seals,
        "equipment": phase.equipment,
        "roles": list(&phase.roles, |role| json!({ "key": role.key, "role": role.role })),
        "checkpoint_size_seen": phase.checkpoint_size_seen,
        "protocol_digest": phase.protocol_digest.0,
    })
}

fn identification(body: &Identification) -> Value {
    json!({
        "mode": if body.mode == 0 { "local" } else { "remote" },
        "online": body.online == 1,
        "device_counter": body.device_counter,
    })
}

fn ballot_batch(batch: &BallotBatch) -> Value {
    json!({ "number": batch.number, "cells": list(&batch.cells, cell), "last": batch.last == 1 })
}

fn cell(cell: &Cell) -> Value {
    json!({
        "constituency": cell.constituency,
        "papers": cell.papers,
        "commitment": hex::encode(cell.commitment.to_bytes()),
    })
}

fn total_opening(opening: &TotalOpening) -> Value {
    json!({
        "basis": Basis::from_number(opening.basis),
        "constituency": opening.constituency,
        "counts": opening.counts,
        "blinding": opening.blinding,
    })
}

fn protocol(protocol: &Protocol) -> Value {
    json!({
        "form": protocol.form,
        "form_version": protocol.form_version,
        "basis": ProtocolBasis::from_number(protocol.basis),
        "lines": protocol.lines,
        "counts": protocol.counts,
        "cells": list(&protocol.cells, cell),
        "seals": protocol.seals,
        "present": protocol.present,
        "dissenting": protocol.dissenting,
        "explanation": protocol.explanation,
        "scan": protocol.scan.0,
        "closing_salt": protocol.closing_salt.0,
    })
}

fn countersign(copy: &Countersign) -> Value {
    json!({
        "target": copy.target.0,
        "finding": Finding::from_number(copy.finding),
        "lines": copy.lines,
        "counts": copy.counts,
        "photo": copy.photo.0,
    })
}

fn summary_table(table: &SummaryTable) -> Value {
    json!({
        "form": table.form,
        "form_version": table.form_version,
        "sources": table.sources,
        "lines": table.lines,
        "counts": table.counts,
        "dissenting": table.dissenting,
        "scan": table.scan.0,
    })
}

fn custody(body: &Custody) -> Value {
    let held = CHECKS.iter().enumerate().filter(|(bit, _)| body.checks & (1 << bit) != 0).map(|(_, name)| *name);
    json!({
        "item": Item::from_number(body.item),
        "serial": body.serial,
        "event": CustodyEvent::from_number(body.event),
        "from": body.from.0,
        "to": body.to.0,
        "seals": body.seals,
        "checks": held.collect::<Vec<_>>(),
        "place": body.place,
        "key": body.key.0,
    })
}

fn legal_act(act: &LegalAct) -> Value {
    let detail = match &act.effect {
        ActEffect::Annul | ActEffect::Recount => json!({}),
        ActEffect::Cancel { act } | ActEffect::Suspend { act } => json!({ "act": act }),
        ActEffect::Strike { position } | ActEffect::Withdraw { position } => json!({ "position": position }),
        ActEffect::Lot { order } => json!({ "order": order }),
        ActEffect::Extend { until_ms } => json!({ "until_ms": until_ms }),
        ActEffect::Elect { positions } => json!({ "positions": positions }),
        ActEffect::Succeed { vacated, successor } => json!({ "vacated": vacated, "successor": successor }),
    };
    json!({
        "number": act.number,
        "date": act.date,
        "issuer": Issuer::from_number(act.issuer),
        "issuer_number": act.issuer_number,
        "effect": act.effect.slug(),
        "detail": detail,
        "effective_ms": act.effective_ms,
        "final": act.final_act == 1,
        "document": act.document,
    })
}

fn case(case: &Case) -> Value {
    let category = match case.category {
        1 => "complaint",
        2 => "incident",
        3 => "disputed-identification",
        _ => "unknown",
    };
    json!({
        "category": category,
        "state": CaseState::from_number(case.state),
        "opened_by": case.opened_by.0,
        "deadline_ms": case.deadline_ms,
        "target": case.target.0,
        "act": case.act.0,
        "document": case.document,
    })
}

fn seal(seal: &Seal) -> Value {
    json!({
        "stage": Stage::from_number(seal.stage),
        "size": seal.size,
        "sha256_root": seal.sha256_root,
        "blake3_root": seal.blake3_root,
        "admitted_root": seal.admitted_root.0,
        "tally": seal.tally.0,
    })
}
