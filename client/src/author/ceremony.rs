//! The ceremony that founds an election: everybody brings a card, one assembles, each reads and signs apart, somebody merges.
//! Nobody ever holds another's key.
//!
//! ```text
//! cards ─┐
//! plan  ─┼► assemble ─► draft ─► review (each, against the cards and parts it holds itself) ─► share … ─► merge ─► genesis record
//! parts ─┘
//! ```
//! [`Review`] is what a person reads before signing. It is made from the draft's bytes, and only if everything in them follows
//! from cards and parts that the reader has.

use super::definition;
use super::error::AuthorError;
use super::genesis::{GenesisDraft, GenesisPlan, policy_text};
use serde::Serialize;
use tamga_keys::{CardError, OrganisationCard, grouped};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{DefinitionPart, Election, Organisation};
use tamga_platform::calendar::iso_utc;
use tamga_platform::entropy::Entropy;

/// Why a draft cannot be made, or must not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// A card that is not to be believed.
    #[error("the card of {organisation}: {source}")]
    Card {
        /// Whose, as the card says.
        organisation: String,
        /// Why not.
        source: CardError,
    },
    /// The rules of a genesis record, or its size.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// Organisations that are not those of the cards.
    #[error("DO NOT SIGN: the draft lists {organisation} with other keys, nodes or titles than the card you hold")]
    OtherKeys {
        /// Which.
        organisation: String,
    },
    /// One card too many or too few.
    #[error("DO NOT SIGN: the draft lists {drafted} organisations, and you hold {held} cards")]
    OtherCount {
        /// In the draft.
        drafted: usize,
        /// Cards.
        held: usize,
    },
    /// Parts that are not those at hand.
    #[error(
        "DO NOT SIGN: the draft names other definition parts than those you hold (constituencies, candidates, stations, forms)"
    )]
    OtherParts,
    /// A policy that does not follow from the organisations.
    #[error("DO NOT SIGN: the draft's trust policy is not \"any k of these organisations, each by any of its keys\"")]
    OtherPolicy,
}

/// Organisations of checked cards, in the cards' order: the first is the commission.
///
/// # Errors
/// [`CeremonyError::Card`].
pub fn organisations(cards: &[OrganisationCard]) -> Result<Vec<Organisation>, CeremonyError> {
    let check = |card: &OrganisationCard| {
        let organisation = card.name.chars().take(64).collect();
        card.check().map_err(|source| CeremonyError::Card { organisation, source })
    };
    cards.iter().map(check).collect()
}

/// Assembles a draft. Needs no secret. The plan's organisations are replaced by those of the cards.
///
/// # Errors
/// [`CeremonyError::Card`], [`CeremonyError::Author`].
pub fn assemble(
    plan: GenesisPlan,
    cards: &[OrganisationCard],
    parts: &[DefinitionPart],
    entropy: &dyn Entropy,
) -> Result<GenesisDraft, CeremonyError> {
    let plan = GenesisPlan { organisations: organisations(cards)?, ..plan };
    check_parts(parts)?;
    Ok(GenesisDraft::new(plan, parts, entropy)?)
}

fn check_parts(parts: &[DefinitionPart]) -> Result<Definition, CeremonyError> {
    let mut definition = Definition::default();
    for part in parts {
        definition.add(part).map_err(AuthorError::from)?;
    }
    Ok(definition)
}

/// What a draft says, once it has been found to follow from the cards and parts at hand.
#[derive(Debug, Clone, Serialize)]
pub struct Review {
    /// The election's id: what everybody compares aloud, and what verifiers pin.
    pub election_id: String,
    /// The same in groups of four.
    pub read_aloud: String,
    /// Whether votes will count.
    pub real: bool,
    /// How many organisations publish together.
    pub quorum: usize,
    /// Name and fingerprint of each organisation's card.
    pub organisations: Vec<(String, String)>,
    /// Everything in plain words, a line each.
    pub lines: Vec<String>,
}

/// Reads a draft as somebody who is asked to sign it: with the cards and the parts that this person holds.
///
/// # Errors
/// [`CeremonyError`]: then it must not be signed.
pub fn review(
    draft: &GenesisDraft,
    cards: &[OrganisationCard],
    parts: &[DefinitionPart],
) -> Result<Review, CeremonyError> {
    let election = draft.election();
    let held = organisations(cards)?;
    if held.len() != election.organisations.len() {
        return Err(CeremonyError::OtherCount { drafted: election.organisations.len(), held: held.len() });
    }
    for drafted in &election.organisations {
        if !held.contains(drafted) {
            return Err(CeremonyError::OtherKeys { organisation: drafted.name.clone() });
        }
    }
    if definition::digests(parts) != election.parts {
        return Err(CeremonyError::OtherParts);
    }
    let definition = check_parts(parts)?;
    let quorum = quorum_of(election).ok_or(CeremonyError::OtherPolicy)?;
    let id = draft.election_id().to_string();
    let fingerprint = |organisation: &Organisation| {
        let card = cards.iter().find(|card| card.name == organisation.name);
        (organisation.name.clone(), card.map(OrganisationCard::fingerprint).unwrap_or_default())
    };
    Ok(Review {
        read_aloud: grouped(&id),
        election_id: id,
        real: election.real != 0,
        quorum,
        organisations: election.organisations.iter().map(fingerprint).collect(),
        lines: in_words(election, &definition, quorum),
    })
}

/// The one number of organisations under which this is the policy.
fn quorum_of(election: &Election) -> Option<usize> {
    (1..=election.organisations.len())
        .find(|k| policy_text(&election.organisations, *k).is_ok_and(|text| text == election.trust_policy))
}

fn in_words(election: &Election, definition: &Definition, quorum: usize) -> Vec<String> {
    let what = if election.real == 0 { "A REHEARSAL: no vote counts" } else { "A REAL ELECTION: votes count" };
    let all = election.organisations.len();
    let mut lines = vec![
        what.to_owned(),
        format!("{} / {} / {}", election.title.ky, election.title.ru, election.title.en),
        format!("decree {} of {}, SHA-256 {}", election.decree.number, election.decree.date, election.decree.sha256),
        format!("ledger {}/<first 16 digits of the id>", election.origin_prefix),
        format!("{quorum} of {all} organisations publish together; the first is the commission"),
    ];
    for organisation in &election.organisations {
        lines.push(format!("organisation {}: {}", organisation.name, organisation.title.en));
        lines.push(format!("  record key {}", organisation.record_key));
        lines.push(format!("  standby cosigner {}", organisation.standby_cosigner_key));
        for node in &organisation.nodes {
            lines.push(format!("  node {}: cosigner {} {}", node.id, node.cosigner_name, node.cosigner_key));
        }
    }
    let seats: u64 = definition.constituencies().iter().map(|one| u64::from(one.seats)).sum();
    lines.push(format!(
        "{} constituencies, {seats} seats, {} stations",
        definition.constituencies().len(),
        definition.stations().len()
    ));
    let hours: Vec<&str> = election.official_hours.iter().map(|hour| hour.label.as_str()).collect();
    lines.push(format!("turnout is announced at {}", hours.join(", ")));
    lines.push(format!("no counts before {}", iso_utc(election.embargo_ms)));
    lines.push(format!(
        "checkpoints every {} ms; cells below {} papers stay closed; attestations hold {} ms; {} members sign; at most {} \
         offline identifications; bodies are kept {} months",
        election.checkpoint_interval_ms,
        election.cell_papers_min,
        election.attestation_validity_ms,
        election.member_quorum,
        election.offline_identifications_max,
        election.retention_months
    ));
    lines.push(format!("rules version {}, cluster epoch {}", election.rules_version, election.cluster_epoch));
    lines
}
