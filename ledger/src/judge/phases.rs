//! Phases of a unit: what the members report from the zero report to the final one.

use super::Decision;
use super::authority::unit_of;
use super::effect::{Effect, PhaseEffect};
use crate::balance::{self, Moment};
use crate::ids::Digest;
use crate::kinds::{Counters, Phase, StationPhase};
use crate::record::{Record, UnitId};
use crate::state::{State, UnitState, UnitStatus};
use crate::verdict::{Flag, FlagCode, Refusal};

/// Most seals, and most pieces of equipment, in one report.
const NAMED_MAX: usize = 64;

impl State {
    pub(super) fn decide_phase(&self, body: &StationPhase, record: &Record, time_ms: u64) -> Decision {
        self.check_member_quorum(record)?;
        let unit_id = unit_of(record)?;
        let phase = Phase::from_number(body.phase).ok_or(Refusal::ContentInvalid)?;
        let known_roles =
            body.roles.iter().all(|role| (1..=3).contains(&role.role) && self.keys.contains_key(&role.key));
        if !known_roles || body.seals.len() > NAMED_MAX || body.equipment.len() > NAMED_MAX {
            return Err(Refusal::ContentInvalid);
        }
        if phase == Phase::Replace && replaced(body).is_none() {
            return Err(Refusal::ContentInvalid);
        }
        let default = UnitState::default();
        let unit = self.units.get(&unit_id).unwrap_or(&default);
        let (status, offline) = next_status(unit, phase).ok_or(Refusal::PhaseInvalid)?;
        let mut flags = phase_flags(body, phase, unit);
        if phase == Phase::Open && self.rolls.get(&unit_id.station).map_or(0, |roll| roll.total) != body.list_total {
            flags.push(Flag::new(FlagCode::ListTotalDiffers));
        }
        if phase == Phase::Open && !self.within_hours(unit_id, time_ms) {
            flags.push(Flag::new(FlagCode::OutsideHours));
        }
        let named = match phase {
            Phase::Open => body.equipment.iter(),
            // What goes may well have been taken away already.
            Phase::Replace => body.equipment[1..].iter(),
            _ => [].iter(),
        };
        let elsewhere = self.not_deployed(unit_id, named);
        if elsewhere > 0 {
            flags.push(Flag::with(FlagCode::EquipmentNotDeployed, elsewhere));
        }
        let effect = PhaseEffect {
            unit: unit_id,
            phase,
            status,
            offline,
            counters: body.counters,
            closing_digest: body.protocol_digest.0,
            seals: seals_digest(&body.seals),
            equipment: body.equipment.iter().map(|serial| serial_digest(serial)).collect(),
        };
        Ok((flags, Effect::Phase(Box::new(effect))))
    }

    pub(super) fn within_hours(&self, unit: UnitId, time_ms: u64) -> bool {
        let closes = self.definition.station(unit.station).map_or(0, |station| station.closes_ms);
        // Acts are looked through only for what comes late.
        time_ms < closes || self.legal_at(time_ms).extended_until_ms.get(&unit).is_some_and(|until| time_ms < *until)
    }
}

fn phase_flags(body: &StationPhase, phase: Phase, unit: &UnitState) -> Vec<Flag> {
    let mut flags = Vec::new();
    let seals = seals_digest(&body.seals);
    match phase {
        Phase::Open if body.counters != Counters::default() => flags.push(Flag::new(FlagCode::CountersNotZero)),
        Phase::Balance | Phase::Close => {
            let moment = if phase == Phase::Close { Moment::Close } else { Moment::Running };
            let terms = balance::discrepancies(&body.counters, unit, moment);
            for code in terms.iter().map(|one| one.term.flag()).collect::<std::collections::BTreeSet<_>>() {
                let detail = if code == FlagCode::CountersDiffer { unit.identified() } else { 0 };
                flags.push(Flag::with(code, detail));
            }
            if phase == Phase::Close && unit.box_seals.is_some() {
                flags.push(Flag::new(FlagCode::BoxNotBack));
            }
        }
        Phase::Resume if unit.pause_seals.is_some_and(|before| before != seals) => {
            flags.push(Flag::new(FlagCode::SealsDiffer));
        }
        Phase::BoxIn if unit.box_seals.is_some_and(|before| before != seals) => {
            flags.push(Flag::new(FlagCode::SealsDiffer));
        }
        Phase::Replace => {
            let known = replaced(body).is_some_and(|(old, _)| unit.equipment.contains(&serial_digest(old)));
            if !known {
                flags.push(Flag::new(FlagCode::EquipmentUnknown));
            }
        }
        _ => {}
    }
    flags
}

/// Serial numbers of what goes and of what comes.
fn replaced(body: &StationPhase) -> Option<(&str, &str)> {
    match body.equipment.as_slice() {
        [old, new] if old != new => Some((old, new)),
        _ => None,
    }
}

/// What the state keeps of a list of seals: they have to be the same ones, in any order.
pub(super) fn seals_digest(seals: &[String]) -> Digest {
    let mut sorted: Vec<&str> = seals.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut hasher = blake3::Hasher::new_derive_key("tamga 2025 seals v1");
    for seal in sorted {
        hasher.update(&(seal.len() as u64).to_be_bytes()).update(seal.as_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}

/// What the state keeps of a serial number, which may be of any length.
pub(super) fn serial_digest(serial: &str) -> Digest {
    Digest(*blake3::Hasher::new_derive_key("tamga 2025 serial v1").update(serial.as_bytes()).finalize().as_bytes())
}

fn next_status(unit: &UnitState, phase: Phase) -> Option<(UnitStatus, bool)> {
    use UnitStatus::{Closed, NotOpened, Open, Suspended};
    let out = unit.box_seals.is_some();
    Some(match (unit.status, phase) {
        (NotOpened, Phase::Open) | (Suspended, Phase::Resume) => (Open, unit.offline),
        (Open, Phase::Suspend) => (Suspended, unit.offline),
        (Open, Phase::OfflineStart) if !unit.offline => (Open, true),
        (Open, Phase::OfflineEnd) if unit.offline => (Open, false),
        (Open, Phase::BoxOut) if !out => (Open, unit.offline),
        (status @ (Open | Suspended), Phase::BoxIn) if out => (status, unit.offline),
        (status @ (Open | Suspended), Phase::Balance | Phase::Replace) => (status, unit.offline),
        (Open | Suspended, Phase::Close) => (Closed, false),
        _ => return None,
    })
}
