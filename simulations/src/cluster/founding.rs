//! The ceremony: keys and certificates of every organisation, the definition's parts, the genesis record signed by all.

use crate::definition;
use crate::population::Population;
use crate::schedule::Schedule;
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{AuthorError, GenesisDraft};
use tamga_ledger::definition::Definition;
use tamga_ledger::kinds::{DefinitionPart, Title};
use tamga_ledger::submission::Submission;
use tamga_ledger::trust::{Trust, TrustError};
use tamga_node::provision::{self, GeneratedNode, GeneratedOrganisation, ProvisionError};
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::Entropy;

/// Short name, ky, ru, en; the first is the commission. A cluster of N nodes takes the first N.
const ORGANISATIONS: [(&str, &str, &str, &str); 7] = [
    (
        "cec",
        "Борбордук шайлоо комиссиясы (машыгуу)",
        "Центральная избирательная комиссия (учения)",
        "Commission (rehearsal)",
    ),
    ("university", "Университет (машыгуу)", "Университет (учения)", "University (rehearsal)"),
    ("observers-1", "Байкоочулар 1 (машыгуу)", "Наблюдатели 1 (учения)", "Observers 1 (rehearsal)"),
    ("observers-2", "Байкоочулар 2 (машыгуу)", "Наблюдатели 2 (учения)", "Observers 2 (rehearsal)"),
    ("observers-3", "Байкоочулар 3 (машыгуу)", "Наблюдатели 3 (учения)", "Observers 3 (rehearsal)"),
    ("bar", "Адвокатура (машыгуу)", "Адвокатура (учения)", "Bar association (rehearsal)"),
    ("ombudsman", "Акыйкатчы (машыгуу)", "Омбудсмен (учения)", "Ombudsman (rehearsal)"),
];

/// What the ceremony produced.
#[derive(Debug)]
pub struct Founded {
    /// What everybody pins, with the genesis record that fits it.
    pub trust: Trust,
    /// The signed genesis record.
    pub genesis: Submission,
    /// The definition's parts, in order.
    pub parts: Vec<DefinitionPart>,
    /// What they add up to.
    pub definition: Definition,
    /// One node an organisation, ids from 1.
    pub nodes: Vec<GeneratedNode>,
    /// The organisations, the commission first.
    pub organisations: Vec<GeneratedOrganisation>,
}

impl Founded {
    /// The commission's record key.
    #[must_use]
    pub fn commission(&self) -> Option<&SigningKey> {
        self.organisations.first().map(|organisation| &organisation.record)
    }
}

/// Why no election was founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundingError {
    /// Keys and files.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The definition or the genesis record.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// The genesis record does not verify.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Founds the rehearsal with `nodes` organisations and writes their record keys below `folder`.
///
/// # Errors
/// [`FoundingError`].
pub fn found(
    population: &Population,
    schedule: &Schedule,
    nodes: u32,
    folder: &Path,
    entropy: &Arc<dyn Entropy>,
) -> Result<Founded, FoundingError> {
    let plan = definition::plan(population.size(), schedule);
    let (parts, definition) = plan.into_parts()?;
    let (mut generated, mut organisations, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for (id, (name, ky, ru, en)) in (1..=nodes).zip(ORGANISATIONS) {
        let title = Title { ky: ky.to_owned(), ru: ru.to_owned(), en: en.to_owned() };
        let organisation = provision::generate_organisation(&**entropy, name, title);
        organisation.write(&OsDisk, &folder.join("organisations").join(name))?;
        let node = provision::generate_node(&**entropy, id, &format!("{name}/node-{id}"))?;
        listed.push(organisation.organisation(vec![node.public.clone()]));
        organisations.push(organisation);
        generated.push(node);
    }
    let draft = GenesisDraft::new(definition::genesis_plan(schedule, listed), &parts, &**entropy)?;
    let shares = organisations.iter().map(|organisation| draft.share(&organisation.record));
    let shares = shares.collect::<Result<Vec<_>, _>>()?;
    let genesis = draft.merge(&shares)?;
    let trust = Trust::from_submission(genesis.clone(), None)?;
    Ok(Founded { trust, genesis, parts, definition, nodes: generated, organisations })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Size;
    use tamga_platform::entropy::SeededEntropy;

    #[test]
    fn the_genesis_record_is_a_rehearsals_and_signed_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let population = Population::new(1, Size::at(0.01).unwrap());
        let schedule = Schedule::new(population.size(), 1_000, 500.0, 100);
        for (nodes, quorum) in [(3, 3), (5, 4), (7, 5)] {
            let folder = folder.path().join(nodes.to_string());
            let founded = found(&population, &schedule, nodes, &folder, &entropy).unwrap();
            assert_eq!(founded.nodes.len(), nodes as usize);
            let election = founded.trust.election();
            assert!(election.origin_prefix.starts_with("rehearsal.") && election.real == 0);
            assert!(election.trust_policy.contains(&format!(" {quorum} ")), "{}", election.trust_policy);
            assert_eq!(election.decree.sha256, definition::decree().sha256);
            assert_eq!(election.official_hours.len(), 7);
        }
    }
}
