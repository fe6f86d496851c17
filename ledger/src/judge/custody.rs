//! Custody of equipment: what is refused cannot be understood; what breaks the chain is recorded and flagged.

use super::Decision;
use super::effect::Effect;
use super::legal::is_name;
use super::phases::{seals_digest, serial_digest};
use crate::kinds::{CHECKS, CHECKS_ALL, CUSTODY_NAME_BYTES_MAX, Custody, CustodyEvent, HolderClass, Item, PIECES_MAX};
use crate::record::{Record, Scope, UnitId};
use crate::state::{Piece, Stand, State};
use crate::verdict::{Flag, FlagCode, Refusal};

/// Most seals on one piece.
const SEALS_MAX: usize = 64;

impl State {
    pub(super) fn decide_custody(&self, body: &Custody, record: &Record) -> Decision {
        self.check_custodians(record)?;
        let event = CustodyEvent::from_number(body.event).ok_or(Refusal::ContentInvalid)?;
        self.check_custody_body(body, event, record)?;
        let digest = serial_digest(&body.serial);
        let author = record.author_key().ok_or(Refusal::KeyNotAuthorised)?;
        let known = self.pieces.get(&digest);
        let Some(piece) = known else {
            if event != CustodyEvent::Enter {
                return Err(Refusal::PieceUnknown);
            }
            if self.pieces.len() >= PIECES_MAX {
                return Err(Refusal::TooManyActs);
            }
            let seals = (!body.seals.is_empty()).then(|| seals_digest(&body.seals));
            let piece = Piece {
                serial: body.serial.clone(),
                item: body.item,
                scope: record.scope,
                place: body.place.clone(),
                holder: author,
                stand: Stand::Held as u8,
                seals,
                key: body.key.0,
                checks: None,
                entered: 0,
                leaf: 0,
            };
            return Ok((Vec::new(), Effect::Custody { piece: Box::new(piece), revoke: None }));
        };
        if event == CustodyEvent::Enter {
            return Err(Refusal::PieceKnown);
        }
        if piece.item != body.item {
            return Err(Refusal::ContentInvalid);
        }
        let by_commission = self.has_commission(record);
        let flags = self.custody_flags(body, event, piece, record, by_commission);
        let next = next_piece(body, event, piece, record.scope);
        let revoke = piece.key.filter(|_| event == CustodyEvent::Lose && by_commission);
        Ok((flags, Effect::Custody { piece: Box::new(next), revoke }))
    }

    /// At least two of those who may hold equipment.
    fn check_custodians(&self, record: &Record) -> Result<(), Refusal> {
        let may = |class| matches!(class, HolderClass::Organisation | HolderClass::Member | HolderClass::Custodian);
        if !record.signers.iter().all(|id| self.keys.get(id).is_some_and(|key| may(key.class))) {
            return Err(Refusal::KeyNotAuthorised);
        }
        if record.signers.len() < 2 { Err(Refusal::QuorumMissing) } else { Ok(()) }
    }

    fn check_custody_body(&self, body: &Custody, event: CustodyEvent, record: &Record) -> Result<(), Refusal> {
        let giving = match (body.from.0, body.to.0) {
            (None, None) => event != CustodyEvent::HandOver,
            (Some(from), Some(to)) => {
                event == CustodyEvent::HandOver
                    && from != to
                    && record.signers.contains(&from)
                    && record.signers.contains(&to)
            }
            _ => false,
        };
        let key = body.key.0.is_none_or(|id| {
            event == CustodyEvent::Enter
                && self.keys.get(&id).is_some_and(|key| matches!(key.class, HolderClass::Device | HolderClass::Scanner))
        });
        let fits = Item::from_number(body.item).is_some()
            && is_name(&body.serial, CUSTODY_NAME_BYTES_MAX)
            && (body.place.is_empty() || is_name(&body.place, CUSTODY_NAME_BYTES_MAX))
            && body.seals.len() <= SEALS_MAX
            && (event != CustodyEvent::Seal || !body.seals.is_empty())
            && (event == CustodyEvent::Check || body.checks == 0)
            && body.checks <= CHECKS_ALL
            && (event != CustodyEvent::Deploy || matches!(record.scope, Scope::Unit(_)))
            && giving
            && key;
        if fits { Ok(()) } else { Err(Refusal::ContentInvalid) }
    }

    fn has_commission(&self, record: &Record) -> bool {
        let commission = self.election.as_ref().and_then(|election| election.organisations.first());
        let key = commission.and_then(|commission| self.record_key(&commission.name));
        key.is_some_and(|key| record.signers.contains(&key.id()))
    }

    fn custody_flags(
        &self,
        body: &Custody,
        event: CustodyEvent,
        piece: &Piece,
        record: &Record,
        by_commission: bool,
    ) -> Vec<Flag> {
        let mut flags = Vec::new();
        let by_holder = match body.from.0 {
            Some(from) => from == piece.holder,
            // Whoever finds a lost piece need not be the one who lost it.
            None => event == CustodyEvent::Find || record.signers.contains(&piece.holder),
        };
        if !by_holder {
            flags.push(Flag::with(FlagCode::NotTheHolder, piece.leaf));
        }
        if !piece.stand().allows(event) {
            flags.push(Flag::with(FlagCode::CustodyOrder, piece.leaf));
        }
        let found = (!body.seals.is_empty()).then(|| seals_digest(&body.seals));
        let sealed_well = match event {
            CustodyEvent::Seal => piece.seals.is_none(),
            // Nobody looks at the seals of what is not there.
            CustodyEvent::Lose => true,
            _ => found == piece.seals,
        };
        if !sealed_well {
            flags.push(Flag::new(FlagCode::SealsDiffer));
        }
        let held = match event {
            CustodyEvent::Check => body.checks,
            CustodyEvent::Deploy => piece.checks.unwrap_or(0),
            _ => CHECKS_ALL,
        };
        let missing = CHECKS.len() as u64 - u64::from(held.count_ones());
        if missing > 0 {
            flags.push(Flag::with(FlagCode::ReadinessIncomplete, missing));
        }
        let valid = |id| self.keys.get(&id).is_some_and(|key| key.revoked.is_none());
        if event == CustodyEvent::Lose && !by_commission && piece.key.is_some_and(valid) {
            flags.push(Flag::new(FlagCode::LostKeyValid));
        }
        flags
    }

    /// How many of these serial numbers the inventory does not hold as deployed in this unit; 0 where there is no inventory.
    pub(super) fn not_deployed<'a>(&self, unit: UnitId, serials: impl Iterator<Item = &'a String>) -> u64 {
        if self.pieces.is_empty() {
            return 0;
        }
        let there = |serial: &&String| {
            let piece = self.pieces.get(&serial_digest(serial));
            piece.is_some_and(|piece| piece.stand() == Stand::Deployed && piece.scope == Scope::Unit(unit))
        };
        serials.filter(|serial| !there(serial)).count() as u64
    }
}

fn next_piece(body: &Custody, event: CustodyEvent, piece: &Piece, scope: Scope) -> Piece {
    let stand = piece.stand().after(event);
    Piece {
        scope,
        place: body.place.clone(),
        holder: body.to.0.unwrap_or(piece.holder),
        stand: stand as u8,
        seals: match event {
            CustodyEvent::Seal => Some(seals_digest(&body.seals)),
            CustodyEvent::Unseal => None,
            _ => piece.seals,
        },
        checks: match event {
            CustodyEvent::Check => Some(body.checks),
            // What has been in use is checked anew before it is used again.
            CustodyEvent::Deploy => None,
            _ => piece.checks,
        },
        ..piece.clone()
    }
}
