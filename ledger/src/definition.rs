//! The election's definition as judging uses it: put together from the definition parts, checked once.

use crate::codec;
use crate::forms::Operand;
use crate::kinds::{Constituency, DefinitionPart, Form, SeatRule, Station};
use crate::record::{RECORD_BYTES_MAX, UnitId};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Most constituencies: the count vectors of all fit one ballot batch (512 × 42 bytes).
pub const CONSTITUENCIES_MAX: usize = 512;
/// Most candidates in a constituency; with against all and invalid it is the commitment's 64 positions.
pub const CANDIDATES_MAX: usize = 62;
/// Most relations of a form.
pub const RELATIONS_MAX: usize = 32;

/// Constituencies, stations, forms and the seat rule.
///
/// Encoded for a node's own cache only ([`crate::saved`]); what is signed are the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Definition {
    #[n(0)]
    constituencies: Vec<Constituency>,
    #[n(1)]
    stations: BTreeMap<u32, Station>,
    #[n(2)]
    forms: BTreeMap<(String, u32), Form>,
    #[n(3)]
    seat_rule: Option<SeatRule>,
}

/// What is wrong with a definition part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("definition part {part}: {what}")]
pub struct DefinitionError {
    /// Number of the part.
    pub part: u32,
    /// What is wrong, for people.
    pub what: String,
}

impl Definition {
    /// Adds a part.
    ///
    /// # Errors
    /// [`DefinitionError`] if the content is not canonical or breaks a rule; the definition is then unchanged.
    pub fn add(&mut self, part: &DefinitionPart) -> Result<(), DefinitionError> {
        let error = |what: String| DefinitionError { part: part.number, what };
        let shape = |cause: codec::CodecError| error(cause.to_string());
        match part.part_kind {
            1 => {
                let list: Vec<Constituency> = codec::decode(&part.content, RECORD_BYTES_MAX).map_err(shape)?;
                self.add_constituencies(list).map_err(error)
            }
            2 => {
                let list: Vec<Station> = codec::decode(&part.content, RECORD_BYTES_MAX).map_err(shape)?;
                self.add_stations(list).map_err(error)
            }
            3 => {
                let list: Vec<Form> = codec::decode(&part.content, RECORD_BYTES_MAX).map_err(shape)?;
                self.add_forms(list).map_err(error)
            }
            4 => {
                let rule: SeatRule = codec::decode(&part.content, RECORD_BYTES_MAX).map_err(shape)?;
                if self.seat_rule.is_some() {
                    return Err(error("a second seat rule".to_owned()));
                }
                self.seat_rule = Some(rule);
                Ok(())
            }
            other => Err(error(format!("part kind {other} does not exist"))),
        }
    }

    fn add_constituencies(&mut self, list: Vec<Constituency>) -> Result<(), String> {
        let first = self.constituencies.last().map_or(1, |last| last.number + 1);
        for (next, constituency) in (first..).zip(&list) {
            let number = constituency.number;
            if number != next {
                return Err(format!(
                    "constituency {number} where {next} is due: they are numbered from 1 without gaps"
                ));
            }
            let candidates = &constituency.candidates;
            if candidates.is_empty() || candidates.len() > CANDIDATES_MAX {
                return Err(format!(
                    "constituency {number} has {} candidates; 1 to {CANDIDATES_MAX} are possible",
                    candidates.len()
                ));
            }
            if candidates.iter().zip(1..).any(|(candidate, due)| candidate.position != due) {
                return Err(format!("constituency {number}: ballot positions are not 1, 2, 3 …"));
            }
            if candidates.iter().any(|candidate| candidate.sex > 1) {
                return Err(format!("constituency {number}: sex is 0 or 1"));
            }
            if constituency.seats == 0 || constituency.seats as usize > candidates.len() {
                return Err(format!(
                    "constituency {number}: {} seats for {} candidates",
                    constituency.seats,
                    candidates.len()
                ));
            }
        }
        if self.constituencies.len() + list.len() > CONSTITUENCIES_MAX {
            return Err(format!("more than {CONSTITUENCIES_MAX} constituencies"));
        }
        self.constituencies.extend(list);
        Ok(())
    }

    fn add_stations(&mut self, list: Vec<Station>) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for station in &list {
            let number = station.number;
            if number == 0 || self.stations.contains_key(&number) || !seen.insert(number) {
                return Err(format!("station {number} is zero or there twice"));
            }
            let home_exists = self.constituency(station.constituency).is_some();
            match station.station_kind {
                0 if home_exists => {}
                1 | 2 if station.constituency == 0 => {}
                0 => return Err(format!("station {number}: constituency {} does not exist", station.constituency)),
                1 | 2 => return Err(format!("station {number}: a remote station or one abroad has no constituency")),
                other => return Err(format!("station {number}: kind {other} does not exist")),
            }
            if station.units.is_empty() || station.units.contains(&0) || !station.units.is_sorted_by(|a, b| a < b) {
                return Err(format!("station {number}: units are ascending numbers from 1"));
            }
            if station.opens_ms >= station.closes_ms {
                return Err(format!("station {number} closes before it opens"));
            }
        }
        self.stations.extend(list.into_iter().map(|station| (station.number, station)));
        Ok(())
    }

    fn add_forms(&mut self, list: Vec<Form>) -> Result<(), String> {
        for form in list {
            let name = format!("form {} version {}", form.code, form.version);
            let codes: BTreeSet<&str> = form.lines.iter().map(|line| line.code.as_str()).collect();
            if codes.len() != form.lines.len() || form.lines.is_empty() {
                return Err(format!("{name}: a line is there twice, or there is none"));
            }
            if form.relations.len() > RELATIONS_MAX {
                return Err(format!("{name}: more than {RELATIONS_MAX} relations"));
            }
            for (number, relation) in form.relations.iter().enumerate() {
                let unknown = relation.left.iter().chain(&relation.right).find(|term| match Operand::of(&term.line) {
                    Some(Operand::Line(code)) => !codes.contains(code),
                    Some(_) => false,
                    None => true,
                });
                if let Some(term) = unknown {
                    return Err(format!("{name}: relation {number} names line {:?}, which does not exist", term.line));
                }
                if relation.comparator > 2 || relation.hard > 1 {
                    return Err(format!("{name}: relation {number} has an unknown comparator or hardness"));
                }
            }
            if self.forms.insert((form.code.clone(), form.version), form).is_some() {
                return Err(format!("{name} is there twice"));
            }
        }
        Ok(())
    }

    /// Constituencies, ascending by number from 1.
    #[must_use]
    pub fn constituencies(&self) -> &[Constituency] {
        &self.constituencies
    }

    /// One constituency.
    #[must_use]
    pub fn constituency(&self, number: u32) -> Option<&Constituency> {
        self.constituencies.get((number as usize).checked_sub(1)?)
    }

    /// Stations by number.
    #[must_use]
    pub const fn stations(&self) -> &BTreeMap<u32, Station> {
        &self.stations
    }

    /// One station.
    #[must_use]
    pub fn station(&self, number: u32) -> Option<&Station> {
        self.stations.get(&number)
    }

    /// Whether this unit exists.
    #[must_use]
    pub fn has_unit(&self, unit: UnitId) -> bool {
        self.station(unit.station).is_some_and(|station| station.units.contains(&unit.unit))
    }

    /// All units, ascending.
    pub fn units(&self) -> impl Iterator<Item = UnitId> + '_ {
        self.stations
            .values()
            .flat_map(|station| station.units.iter().map(|unit| UnitId { station: station.number, unit: *unit }))
    }

    /// A form by code and version.
    #[must_use]
    pub fn form(&self, code: &str, version: u32) -> Option<&Form> {
        self.forms.get(&(code.to_owned(), version))
    }

    /// Forms by code and version.
    #[must_use]
    pub const fn forms(&self) -> &BTreeMap<(String, u32), Form> {
        &self.forms
    }

    /// The seat rule, once its part is there.
    #[must_use]
    pub const fn seat_rule(&self) -> Option<&SeatRule> {
        self.seat_rule.as_ref()
    }
}

/// The digest of a definition part's body, as the genesis record lists it.
#[must_use]
pub fn part_digest(body: &[u8]) -> crate::ids::Digest {
    crate::ids::Digest(
        *blake3::Hasher::new_derive_key("tamga 2025 definition part v1").update(body).finalize().as_bytes(),
    )
}
