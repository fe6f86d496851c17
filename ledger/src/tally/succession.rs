//! Who takes a seat that falls vacant: the next by votes in the same constituency, and for a woman's seat the next woman
//! (constitutional law of the Kyrgyz Republic on the elections of the President and of deputies of the Jogorku Kenesh, in the
//! wording of 2025: three-member constituencies, at most two of one sex). For a man's seat the next of either sex, unless the
//! most of one sex would be exceeded.

use crate::kinds::Candidate;
use serde::{Deserialize, Serialize};

/// Who takes a vacant seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "succession")]
pub enum Succession {
    /// The candidate at this ballot position.
    Next {
        /// Ballot position.
        position: u32,
        /// Votes.
        votes: u64,
    },
    /// These have equally many votes: a lot is due.
    NeedsLot {
        /// Ballot positions.
        tied: Vec<u32>,
    },
    /// Nobody is left who may have it.
    Nobody,
}

/// Who takes the seat of the candidate at position `vacated`.
///
/// `seated` are the ballot positions of all who hold a seat, `vacated` among them or not; `gone` of those who cannot have one (withdrawn,
/// struck out, an earlier vacancy). Candidates without votes get no seat.
#[must_use]
pub fn successor(
    candidates: &[Candidate],
    counts: &[u64],
    seated: &[u32],
    vacated: u32,
    gone: &[u32],
    same_sex_max: u32,
) -> Succession {
    let Some(leaving) = candidates.iter().find(|candidate| candidate.position == vacated) else {
        return Succession::Nobody;
    };
    let stays = |position: u32| position != vacated && seated.contains(&position);
    let of_sex = |sex: u8| candidates.iter().filter(|one| one.sex == sex && stays(one.position)).count();
    let may = |candidate: &Candidate| {
        let woman_for_woman = leaving.sex == 0 || candidate.sex == leaving.sex;
        let room = same_sex_max == 0 || of_sex(candidate.sex) < same_sex_max as usize;
        let free = candidate.position != vacated && !stays(candidate.position) && !gone.contains(&candidate.position);
        woman_for_woman && room && free
    };
    let eligible = || candidates.iter().zip(counts.iter().copied()).filter(|(one, votes)| *votes > 0 && may(one));
    let Some(most) = eligible().map(|(_, votes)| votes).max() else { return Succession::Nobody };
    let tied: Vec<u32> = eligible().filter(|(_, votes)| *votes == most).map(|(one, _)| one.position).collect();
    match tied[..] {
        [position] => Succession::Next { position, votes: most },
        _ => Succession::NeedsLot { tied },
    }
}
