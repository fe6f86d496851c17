//! Names of constituencies and of candidates who do not exist.

use crate::chance::Draws;
use tamga_ledger::kinds::Title;

const CONSTITUENCIES: &str = include_str!("../data/constituencies.tsv");
const GIVEN_MEN: &str = include_str!("../data/given-men.tsv");
const GIVEN_WOMEN: &str = include_str!("../data/given-women.tsv");
const SURNAMES: &str = include_str!("../data/surnames.tsv");

/// A name in Kyrgyz and in Russian.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Kyrgyz.
    pub ky: String,
    /// Russian.
    pub ru: String,
}

fn pairs(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines().filter_map(|line| line.split_once('\t')).collect()
}

/// The name of constituency `number`, from 1. Names stand for regions; the real borders are not modelled.
#[must_use]
pub fn constituency(number: u32) -> Title {
    let line = (number as usize).checked_sub(1).and_then(|at| CONSTITUENCIES.lines().nth(at)).unwrap_or("?\t?\t?");
    let mut parts = line.split('\t');
    let mut next = || parts.next().unwrap_or("?");
    let (ky, ru, en) = (next(), next(), next());
    Title {
        ky: format!("№ {number} {ky} шайлоо округу"),
        ru: format!("Избирательный округ № {number} {ru}"),
        en: format!("Constituency No {number} {en}"),
    }
}

/// `count` different names of men (sex 0) or women (1).
#[must_use]
pub fn candidates(draws: &mut Draws, sex: u8, count: usize) -> Vec<Name> {
    let (given, ending) = if sex == 0 { (pairs(GIVEN_MEN), "") } else { (pairs(GIVEN_WOMEN), "а") };
    let combine = |surname: (&str, &str)| {
        let names = given.iter().map(|(ky, ru)| Name {
            ky: format!("{}{ending} {ky}", surname.0),
            ru: format!("{}{ending} {ru}", surname.1),
        });
        names.collect::<Vec<_>>()
    };
    let mut names: Vec<Name> = pairs(SURNAMES).into_iter().flat_map(combine).collect();
    draws.shuffle(&mut names);
    names.truncate(count);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_enough_different_names() {
        let mut draws = Chance::new(1).stream("names");
        for (sex, count) in [(0, 271), (1, 189)] {
            let names: BTreeSet<Name> = candidates(&mut draws, sex, count).into_iter().collect();
            assert_eq!(names.len(), count);
        }
        assert_eq!(CONSTITUENCIES.lines().count(), 30);
        assert!(constituency(30).en.ends_with("Naryn"));
    }
}
