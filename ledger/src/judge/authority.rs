//! Rules of every record after leaf 0: is the election defined, may these keys sign this, is the number new, is the stage
//! still open.

use crate::kinds::{HolderClass, Kind, Stage};
use crate::record::{Record, Scope, UnitId};
use crate::state::{KeyEntry, SequenceUse, State};
use crate::submission::Authentic;
use crate::verdict::Refusal;

impl State {
    pub(super) fn check_authority(&self, time_ms: u64, authentic: &Authentic) -> Result<(), Refusal> {
        let (record, kind) = (authentic.record(), authentic.content().kind());
        self.check_keys(time_ms, record, kind)?;
        self.check_sequence(record)?;
        if record.not_after_ms != 0 && time_ms > record.not_after_ms {
            return Err(Refusal::Expired);
        }
        let closed = self.seals.keys().any(|stage| *stage == Stage::Archive || stage.closes().contains(&kind));
        if closed {
            return Err(Refusal::StageClosed);
        }
        let needs_definition = !matches!(
            kind,
            Kind::DefinitionPart | Kind::Key | Kind::KeyRevocation | Kind::Governance | Kind::RefusalSummary
        );
        if needs_definition && !self.is_defined() {
            return Err(Refusal::NotReady);
        }
        if record.supersedes.0.is_some() && !matches!(kind, Kind::Protocol | Kind::SummaryTable) {
            return Err(Refusal::SupersedesInvalid);
        }
        self.check_scope(kind, record)
    }

    fn check_keys(&self, time_ms: u64, record: &Record, kind: Kind) -> Result<(), Refusal> {
        for id in &record.signers {
            let key = self.keys.get(id).ok_or(Refusal::KeyNotAuthorised)?;
            if !key.scope.covers(&record.scope) || key.kinds.binary_search(&(kind as u16)).is_err() {
                return Err(Refusal::KeyNotAuthorised);
            }
            if key.revoked.is_some() {
                return Err(Refusal::KeyRevoked);
            }
            if time_ms < key.valid_from_ms || time_ms > key.valid_until_ms {
                return Err(Refusal::KeyNotValidNow);
            }
        }
        Ok(())
    }

    fn check_sequence(&self, record: &Record) -> Result<(), Refusal> {
        let author = record.author_key().and_then(|id| self.keys.get(&id)).ok_or(Refusal::KeyNotAuthorised)?;
        match author.sequences.look(record.sequence) {
            SequenceUse::Free => Ok(()),
            SequenceUse::Used => Err(Refusal::SequenceUsed),
            SequenceUse::TooOld => Err(Refusal::SequenceTooOld),
        }
    }

    /// Each kind speaks about one level, and the place has to exist.
    fn check_scope(&self, kind: Kind, record: &Record) -> Result<(), Refusal> {
        let fits = match (kind, record.scope) {
            (
                Kind::Election
                | Kind::DefinitionPart
                | Kind::Governance
                | Kind::Seal
                | Kind::Key
                | Kind::KeyRevocation
                | Kind::RefusalSummary,
                Scope::Election,
            ) => true,
            (Kind::RollChunk | Kind::RollAmendment, Scope::Station(station)) => {
                self.definition.station(station).is_some()
            }
            (
                Kind::StationPhase
                | Kind::Identification
                | Kind::IdentificationVoid
                | Kind::BallotBatch
                | Kind::Protocol
                | Kind::Countersign
                | Kind::TotalOpening,
                Scope::Unit(unit),
            ) => self.definition.has_unit(unit),
            (Kind::LegalAct | Kind::Case | Kind::Custody | Kind::SummaryTable, Scope::Election) => true,
            (Kind::LegalAct | Kind::Case | Kind::Custody, Scope::Station(station)) => {
                self.definition.station(station).is_some()
            }
            (Kind::LegalAct | Kind::Case | Kind::Custody, Scope::Unit(unit)) => self.definition.has_unit(unit),
            (Kind::TotalOpening | Kind::LegalAct | Kind::Case | Kind::SummaryTable, Scope::Constituency(number)) => {
                self.definition.constituency(number).is_some()
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(Refusal::ScopeInvalid) }
    }

    /// All signers are of one class; returns it.
    pub(super) fn signer_class(&self, record: &Record) -> Result<HolderClass, Refusal> {
        let mut classes = record.signers.iter().filter_map(|id| self.keys.get(id)).map(|key| key.class);
        let first = classes.next().ok_or(Refusal::KeyNotAuthorised)?;
        if classes.all(|class| class == first) { Ok(first) } else { Err(Refusal::KeyNotAuthorised) }
    }

    /// The record is signed by the quorum of the unit's registered members and by nobody else.
    pub(super) fn check_member_quorum(&self, record: &Record) -> Result<(), Refusal> {
        if self.signer_class(record)? != HolderClass::Member {
            return Err(Refusal::KeyNotAuthorised);
        }
        let quorum = self.election.as_ref().map_or(u32::MAX, |election| election.member_quorum) as usize;
        if record.signers.len() < quorum { Err(Refusal::QuorumMissing) } else { Ok(()) }
    }

    /// The record is signed by at least two members of the unit and by nobody else: two people who saw it.
    pub(super) fn check_two_members(&self, record: &Record) -> Result<(), Refusal> {
        if self.signer_class(record)? != HolderClass::Member {
            return Err(Refusal::KeyNotAuthorised);
        }
        if record.signers.len() < 2 { Err(Refusal::QuorumMissing) } else { Ok(()) }
    }

    /// The record is signed by this node's promise key in force, alone.
    pub(super) fn check_node(&self, record: &Record, node: u32) -> Result<(), Refusal> {
        let own = self.nodes.member(node).ok_or(Refusal::NodeUnknown)?.keys.promise_key.id();
        if record.signers == [own] { Ok(()) } else { Err(Refusal::KeyNotAuthorised) }
    }

    /// The record is signed by the commission alone.
    pub(super) fn check_commission(&self, record: &Record) -> Result<(), Refusal> {
        let commission = self.election.as_ref().and_then(|election| election.organisations.first());
        let commission = self.record_key(&commission.ok_or(Refusal::NotReady)?.name).ok_or(Refusal::NotReady)?.id();
        if record.signers == [commission] { Ok(()) } else { Err(Refusal::KeyNotAuthorised) }
    }

    /// The record is signed by one key of this class alone.
    pub(super) fn check_single(&self, record: &Record, class: HolderClass) -> Result<&KeyEntry, Refusal> {
        let [id] = record.signers.as_slice() else { return Err(Refusal::KeyNotAuthorised) };
        self.keys.get(id).filter(|key| key.class == class).ok_or(Refusal::KeyNotAuthorised)
    }
}

/// The unit a record speaks about; `check_scope` has made sure that there is one.
pub(super) fn unit_of(record: &Record) -> Result<UnitId, Refusal> {
    match record.scope {
        Scope::Unit(unit) => Ok(unit),
        _ => Err(Refusal::ScopeInvalid),
    }
}
