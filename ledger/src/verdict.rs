//! Verdicts: what the ledger says about a record, with codes that mean the same for ever.
//!
//! A *refusal* means the record has no effect; a *flag* says which rule a recorded fact breaks (DESIGN §3: permissions may
//! be refused, facts are accepted and flagged). Numbers are part of the format and are never reused.

use minicbor::{Decode, Encode};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $number:literal, $slug:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum $name {
            $(#[doc = $text] $variant = $number,)*
        }

        impl $name {
            /// All codes of this version, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the format.
            #[must_use]
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The code with this number, if this version knows it.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// A name for programs.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)* }
            }

            /// A sentence for people.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.slug())
            }
        }
    };
}

codes! {
    /// Why a record was refused.
    Refusal {
        KeyNotAuthorised = 100, "key-not-authorised", "A signing key may not sign this kind of record for this place.";
        KeyNotValidNow = 101, "key-not-valid-now", "A signing key is not valid at this time.";
        SequenceUsed = 102, "sequence-used", "The author has used this sequence number for another record.";
        SequenceTooOld = 103, "sequence-too-old", "The sequence number lies too far behind the author's newest one.";
        Expired = 104, "expired", "The record arrived after the time its author set as its last.";
        StageClosed = 105, "stage-closed", "A seal has closed this kind of record.";
        ScopeInvalid = 106, "scope-invalid", "The record's scope is not one this kind can have, or names a place that does not exist.";
        ContentInvalid = 107, "content-invalid", "The body breaks a rule of its kind.";
        NotReady = 108, "not-ready", "The election's definition is not complete yet.";
        SupersedesInvalid = 109, "supersedes-invalid", "The record corrects something that is not there or may not be corrected so.";
        DefinitionOrder = 110, "definition-order", "The definition part is not the next one.";
        DefinitionDigest = 111, "definition-digest", "The definition part differs from the digest in the genesis record.";
        GenesisInvalid = 112, "genesis-invalid", "The genesis record breaks a rule.";
        KeyAlreadyRegistered = 120, "key-already-registered", "The key is registered already, perhaps in another role.";
        PossessionInvalid = 121, "possession-invalid", "The holder's signature that shows possession of the key does not verify.";
        KeyUnacceptable = 122, "key-unacceptable", "The public key is not canonical, not on the curve, or of small order.";
        KeyRevoked = 123, "key-revoked", "A signing key has been revoked or replaced.";
        KeyUnknown = 124, "key-unknown", "A key to be revoked is not registered, or is revoked already.";
        RollOrder = 130, "roll-order", "The roll chunk is not the next one of its station, or its leaves are not ascending.";
        RollLeafMisplaced = 131, "roll-leaf-misplaced", "A voter to be struck off is not on this roll, or one to be added stands on a roll already.";
        PhaseInvalid = 140, "phase-invalid", "The unit cannot go to this phase from the one it is in.";
        QuorumMissing = 141, "quorum-missing", "Fewer members of the unit signed than the quorum.";
        UnitNotOpen = 150, "unit-not-open", "The unit is not open.";
        AttestationMissing = 151, "attestation-missing", "An online identification needs the registry's attestation.";
        AttestationInvalid = 152, "attestation-invalid", "The registry's attestation does not verify for this voter, unit and device.";
        AttestationExpired = 153, "attestation-expired", "The registry's attestation is too old, or from the future.";
        AttestationReused = 154, "attestation-reused", "The registry's attestation has been used before.";
        NotOnRoll = 155, "not-on-roll", "The voter is not on the roll of the station named.";
        AlreadyAdmitted = 156, "already-admitted", "The voter has been admitted before.";
        WrongStation = 157, "wrong-station", "The voter belongs to another station of the same constituency.";
        ModeMismatch = 158, "mode-mismatch", "The mode (local or remote) is not the one that fits the voter and the station.";
        VoidTargetInvalid = 159, "void-target-invalid", "The identification is not one that this unit admitted, or it is void already.";
        CellsInvalid = 160, "cells-invalid", "The cells are not exactly one per constituency in order, or a commitment is not a canonical group element.";
        BatchAfterLast = 161, "batch-after-last", "The unit's last batch has been recorded.";
        Embargo = 170, "embargo", "Counts may not appear in the clear before the embargo ends.";
        SmallCell = 171, "small-cell", "The counts of so few papers may not be shown.";
        CoverageIncomplete = 172, "coverage-incomplete", "Not every unit's cell is in yet.";
        OpeningInvalid = 173, "opening-invalid", "The counts and blinding do not open the sum of the commitments.";
        OpeningExists = 174, "opening-exists", "This total has been opened already.";
        FormUnknown = 180, "form-unknown", "The form is not one of the election's.";
        LinesMissing = 181, "lines-missing", "The lines are not exactly those of the form, in order.";
        SealHeadUnknown = 190, "seal-head-unknown", "The seal's size and roots are not those of a checkpoint that was cut.";
        SealPremature = 191, "seal-premature", "Something that has to come before this seal is missing.";
        SealRootMismatch = 192, "seal-root-mismatch", "The root over admitted voters differs from the ledger's.";
        SealTallyMismatch = 193, "seal-tally-mismatch", "The tally's digest differs from the ledger's.";
        SealRollsOverlap = 194, "seal-rolls-overlap", "A voter is on the rolls of two stations.";
        GovernanceQuorum = 200, "governance-quorum", "The organisations that signed do not satisfy the trust policy's quorum.";
        OrganisationUnknown = 201, "organisation-unknown", "The organisation is not one of the election's.";
        OrganisationConsent = 202, "organisation-consent", "The node's own organisation has not signed.";
        NodeIdUsed = 203, "node-id-used", "The node id has been used before; ids are never used again.";
        NodeKeyUsed = 204, "node-key-used", "A key of the node has a holder or a role already; keys are never used again.";
        NodeUnknown = 205, "node-unknown", "There is no such node, or it has been removed.";
        NodeRoleUnchanged = 206, "node-role-unchanged", "The node has this role already.";
        LastVoter = 207, "last-voter", "No voting node would be left.";
        TooManyNodes = 208, "too-many-nodes", "The cluster has, or had, as many nodes or keys of nodes as it may.";
        KeysUnchanged = 209, "keys-unchanged", "Nothing would be another key, or the batch key would be.";
        PolicyEpochOrder = 210, "policy-epoch-order", "The policy epoch is not the next one.";
        PolicyInvalid = 211, "policy-invalid", "The trust policy cannot be read, or names an organisation or a cosigner that the ledger does not.";
        PolicySplits = 212, "policy-splits", "Two quorums of the trust policy, or one of it and one of the policy before, share too few organisations.";
        ClusterEpochOrder = 213, "cluster-epoch-order", "The cluster epoch is not the next one.";
        ClusterEpochPlace = 214, "cluster-epoch-place", "The cluster epoch's size and roots are not those of the ledger before this leaf.";
        ActUnknown = 220, "act-unknown", "The act that this record is about is not in the ledger.";
        TooManyActs = 221, "too-many-acts", "The ledger has as many acts or cases as it may.";
        CaseUnknown = 222, "case-unknown", "The case was not opened by any record.";
        CaseStateInvalid = 223, "case-state-invalid", "The case cannot go to this state from the one it is in, or not by this signer.";
        PieceUnknown = 230, "piece-unknown", "No piece of equipment with this serial number is in the inventory.";
        PieceKnown = 231, "piece-known", "A piece of equipment with this serial number is in the inventory already.";
    }
}

codes! {
    /// Which rule an accepted fact breaks.
    FlagCode {
        ListTotalDiffers = 1, "list-total-differs", "The station's list total differs from the roll in the ledger.";
        CountersNotZero = 2, "counters-not-zero", "The zero report has a counter above zero.";
        BalanceBroken = 3, "balance-broken", "Identified voters differ from printed ballots less spoiled ones.";
        BatchNumberGap = 4, "batch-number-gap", "The batch's number does not follow the previous one's.";
        PapersAboveIdentified = 5, "papers-above-identified", "More papers were counted than voters identified.";
        HardRelationBroken = 6, "hard-relation-broken", "A hard control relation does not hold (detail: its number).";
        SoftRelationBroken = 7, "soft-relation-broken", "A soft control relation does not hold (detail: its number).";
        OutsideHours = 8, "outside-hours", "Outside the station's hours.";
        OfflineNotDeclared = 9, "offline-not-declared", "Identified offline outside a declared offline phase.";
        OfflineCollision = 10, "offline-collision", "Identified offline although admitted before (detail: leaf of the first admission).";
        OfflineForeignVoter = 11, "offline-foreign-voter", "Identified offline although not on this station's own roll.";
        CounterGap = 12, "counter-gap", "The device's counter does not follow its previous one.";
        ClosingDigestMismatch = 13, "closing-digest-mismatch", "The machine protocol is not the one whose digest the closing record carried.";
        UnitNotOpen = 14, "unit-not-open", "The unit is not open.";
        CountersDiffer = 15, "counters-differ", "The closing counters differ from what the ledger holds of this unit.";
        LateIdentification = 16, "late-identification", "More offline identifications than the cap allows.";
        PapersDiffer = 17, "papers-differ", "The protocol's papers differ from those in the unit's ballot batches.";
        OpeningDiffers = 18, "opening-differs", "The machine protocol's counts differ from the opened total.";
        Dissent = 19, "dissent", "Members who hold another opinion are named.";
        Correction = 20, "correction", "This protocol replaces an earlier one (detail: its leaf).";
        ActNumberUsed = 21, "act-number-used", "The issuer has given this number to another act (detail: its leaf).";
        IssuerBelowTarget = 22, "issuer-below-target", "The act sets aside one of a higher issuer (detail: its leaf).";
        SeatsDiffer = 23, "seats-differ", "Those declared elected are not those whom the ledger computes.";
        LotNotDue = 24, "lot-not-due", "No tie between these candidates decides a seat.";
        SuccessionDiffers = 25, "succession-differs", "The vacant seat goes to another candidate than the seat rule says.";
        DeadlinePassed = 26, "deadline-passed", "The case was decided after its deadline (detail: the deadline, ms).";
        CasesOpen = 27, "cases-open", "Results are sealed while cases are undecided (detail: how many).";
        RemoteTotalReopened = 28, "remote-total-reopened", "This total replaces an earlier one, after units were annulled or reinstated (detail: the earlier one's leaf).";
        CountersFell = 29, "counters-fell", "A counter is below what the unit reported before.";
        BoxNotBack = 30, "box-not-back", "Voting is closed while the mobile box has not been reported back.";
        SealsDiffer = 31, "seals-differ", "The seals are not those with which the box left, or with which voting was suspended.";
        EquipmentUnknown = 32, "equipment-unknown", "What is replaced was not among the unit's equipment.";
        CopyOfOtherVersion = 33, "copy-of-other-version", "The protocol spoken of is not one that is in force in this unit.";
        CopyDiffers = 34, "copy-differs", "Figures on the copy are not those of the protocol in force (detail: how many).";
        Transcribed = 35, "transcribed", "Typed in from a paper protocol.";
        RecountNotOrdered = 36, "recount-not-ordered", "No act in force orders the papers of this unit to be counted again.";
        CorrectionUnexplained = 37, "correction-unexplained", "The correction gives no reason.";
        SourceVoid = 38, "source-void", "The table sums records that are not in force, do not belong to it or are there twice (detail: how many).";
        SummaryDiffers = 39, "summary-differs", "Figures of the table are not the sums of what it names (detail: how many).";
        SummaryIncomplete = 40, "summary-incomplete", "The table does not cover every unit (detail: how many are missing).";
        NotTheHolder = 41, "not-the-holder", "Nobody signed who answers for this piece of equipment (detail: leaf of its last event).";
        CustodyOrder = 42, "custody-order", "This cannot have happened to the piece after what happened last (detail: leaf of that).";
        ReadinessIncomplete = 43, "readiness-incomplete", "Points of the readiness checklist do not hold or were not checked (detail: how many).";
        LostKeyValid = 44, "lost-key-valid", "The key in a lost device is still valid.";
        EquipmentNotDeployed = 45, "equipment-not-deployed", "The inventory does not have this equipment in this unit (detail: how many pieces).";
    }
}

/// A broken rule with one number that says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Flag {
    /// Number of a [`FlagCode`].
    #[n(0)]
    pub code: u16,
    /// What the code says it is; otherwise 0.
    #[n(1)]
    pub detail: u64,
}

impl Flag {
    /// A flag without detail.
    #[must_use]
    pub const fn new(code: FlagCode) -> Self {
        Self { code: code as u16, detail: 0 }
    }

    /// A flag with its detail.
    #[must_use]
    pub const fn with(code: FlagCode, detail: u64) -> Self {
        Self { code: code as u16, detail }
    }
}

/// What the ledger says about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// In force, with the rules it breaks (none for a clean record), ascending.
    Accepted(Vec<Flag>),
    /// Recorded, without effect.
    Refused(Refusal),
}

impl Verdict {
    /// Whether the record is in force.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// 0 accepted, 1 accepted with flags, 2 refused.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::Accepted(flags) if flags.is_empty() => 0,
            Self::Accepted(_) => 1,
            Self::Refused(_) => 2,
        }
    }

    /// The refusal's number, 0 if accepted.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Accepted(_) => 0,
            Self::Refused(refusal) => refusal.number(),
        }
    }

    /// The flags; none if refused.
    #[must_use]
    pub fn flags(&self) -> &[Flag] {
        match self {
            Self::Accepted(flags) => flags,
            Self::Refused(_) => &[],
        }
    }

    /// Puts a verdict together from its numbers, as entries and promises carry it.
    #[must_use]
    pub fn from_parts(number: u8, code: u16, flags: Vec<Flag>) -> Option<Self> {
        let known = flags.iter().all(|flag| FlagCode::from_number(flag.code).is_some());
        let verdict = match (number, code) {
            (0 | 1, 0) if known => Self::Accepted(flags),
            (2, code) if flags.is_empty() => Self::Refused(Refusal::from_number(code)?),
            _ => return None,
        };
        (verdict.number() == number).then_some(verdict)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Accepted(flags) if flags.is_empty() => f.write_str("accepted"),
            Self::Accepted(flags) => {
                f.write_str("accepted with flags")?;
                for flag in flags {
                    let name = FlagCode::from_number(flag.code).map_or("unknown", FlagCode::slug);
                    write!(f, " {name}")?;
                }
                Ok(())
            }
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
