//! What a station's members sign: zero report, final report, protocols by machine and by hand, the own count's opening.

use super::desk::{Boxes, Desk};
use super::{Sums, World, WorldError};
use crate::definition::{FORM, FORM_VERSION};
use crate::population::hand_count;
use ed25519_dalek::SigningKey;
use tamga_client::author::{close_phase, lines_of, open_phase};
use tamga_client::counting::commit_cells;
use tamga_ledger::ids::{Digest, Maybe, Nonce};
use tamga_ledger::kinds::{Basis, Cell, MemberRole, Protocol};
use tamga_ledger::sign;
use tamga_ledger::submission::Submission;

/// Number of the hand protocol among the protocols of its unit; a correction would take the next.
const HAND_PROTOCOL: u64 = 1;

impl World {
    fn members(&self, desk: &Desk) -> Vec<SigningKey> {
        self.keys.members(desk.unit.station)
    }

    /// Voters on a station's list.
    #[must_use]
    pub fn list_total(&self, desk: &Desk) -> u32 {
        let roll = self.population.roll(desk.unit.station);
        u32::try_from(roll.end - roll.start).unwrap_or(u32::MAX)
    }

    /// The zero report.
    ///
    /// # Errors
    /// [`WorldError::Author`].
    pub fn opening(&self, desk: &Desk, checkpoint_size_seen: u64) -> Result<Submission, WorldError> {
        let members = self.members(desk);
        let mut phase = open_phase(self.list_total(desk));
        phase.checkpoint_size_seen = checkpoint_size_seen;
        phase.seals = vec![format!("{:06}-A", desk.unit.station), format!("{:06}-B", desk.unit.station)];
        phase.equipment = vec![format!("ID-{:05}", desk.unit.station), format!("SC-{:05}", desk.unit.station)];
        let roles = members.iter().zip(1..);
        phase.roles = roles.map(|(key, role)| MemberRole { key: sign::public_key(key).id(), role }).collect();
        Ok(self.scribe.phase(&members.iter().collect::<Vec<_>>(), desk.unit, &phase)?)
    }

    /// A batch of the station's scanner.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn batch(&self, desk: &Desk, last: bool) -> Result<Submission, WorldError> {
        let batch = desk.batch(last)?;
        Ok(self.scribe.ballot_batch(&self.keys.scanner(desk.unit.station), desk.unit, &batch)?)
    }

    /// The final report, after the last batch. It carries the salted digest of the machine protocol.
    ///
    /// # Errors
    /// [`WorldError::Author`].
    pub fn closing(&self, desk: &Desk, salt: Nonce) -> Result<Submission, WorldError> {
        let members = self.members(desk);
        let mut boxes = desk.boxes();
        let own = self.shown(desk, &boxes);
        let mut protocol = self.protocol(desk, &boxes, Basis::Machine, own.unwrap_or_default(), Vec::new(), &members);
        protocol.closing_salt = Maybe(Some(salt));
        let phase = close_phase(self.list_total(desk), boxes.counters, Some(protocol.closing_digest()));
        boxes.machine_protocol = Some(protocol);
        drop(boxes);
        Ok(self.scribe.phase(&members.iter().collect::<Vec<_>>(), desk.unit, &phase)?)
    }

    /// The machine protocol whose digest the final report carried.
    ///
    /// # Errors
    /// [`WorldError::Order`] before the final report.
    pub fn machine_protocol(&self, desk: &Desk) -> Result<Submission, WorldError> {
        let protocol = desk.boxes().machine_protocol.clone();
        let protocol = protocol.ok_or(WorldError::Order("a machine protocol before the final report"))?;
        let members = self.members(desk);
        let members: Vec<&SigningKey> = members.iter().collect();
        Ok(self.scribe.protocol(&members, desk.unit, &self.form, &protocol, None)?)
    }

    /// Opens the machine's own count; none where it may not be shown.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn own_opening(&self, desk: &Desk) -> Result<Option<Submission>, WorldError> {
        let boxes = desk.boxes();
        let (Some(home), Some(_)) = (desk.home, self.shown(desk, &boxes)) else { return Ok(None) };
        let opening = boxes.builder.opening(home).ok_or(WorldError::Order("an opening before the last batch"))?;
        drop(boxes);
        let members = self.members(desk);
        Ok(Some(self.scribe.own_opening(&members.iter().collect::<Vec<_>>(), desk.unit, &opening)?))
    }

    /// The hand protocol: own counts as counted by hand, every other cell committed. What opens those cells goes to the
    /// commission's sums, together with the machine's.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn hand_protocol(&self, desk: &Desk, sums: &Sums) -> Result<Submission, WorldError> {
        let members = self.members(desk);
        let boxes = desk.boxes();
        let shown = self.shown(desk, &boxes);
        let mut counts = boxes.counted.clone();
        let own_home = desk.home.filter(|_| shown.is_some());
        let own = shown.map(|machine| hand_count(self.population.chance(), desk.unit.station, &machine));
        if let Some(home) = own_home {
            counts.remove(&home);
        }
        let seed = self.keys.unit_seed(desk.unit.station);
        let (cells, openings) = commit_cells(&seed, HAND_PROTOCOL, &self.definition, &counts, own_home)?;
        for opening in &openings {
            sums.add(opening)?;
        }
        for constituency in self.definition.constituencies().iter().filter(|one| Some(one.number) != own_home) {
            let opening = boxes.builder.opening(constituency.number);
            sums.add(&opening.ok_or(WorldError::Order("a hand count before the last batch"))?)?;
        }
        let protocol = self.protocol(desk, &boxes, Basis::Hand, own.unwrap_or_default(), cells, &members);
        drop(boxes);
        let members: Vec<&SigningKey> = members.iter().collect();
        Ok(self.scribe.protocol(&members, desk.unit, &self.form, &protocol, None)?)
    }

    /// The machine's own counts, if they are of enough papers to be shown.
    fn shown(&self, desk: &Desk, boxes: &Boxes) -> Option<Vec<u64>> {
        let counts = boxes.counted.get(&desk.home?)?;
        (counts.iter().sum::<u64>() >= self.cell_papers_min).then(|| counts.clone())
    }

    fn protocol(
        &self,
        desk: &Desk,
        boxes: &Boxes,
        basis: Basis,
        own: Vec<u64>,
        cells: Vec<Cell>,
        members: &[SigningKey],
    ) -> Protocol {
        let c = boxes.counters;
        let papers_own = desk.home.and_then(|home| boxes.counted.get(&home)).map_or(0, |counts| counts.iter().sum());
        let papers: u64 = boxes.counted.values().flatten().sum();
        let invalid = own.last().copied().unwrap_or(0);
        let lines = lines_of(&self.form, |code| match code {
            "1" => u64::from(self.list_total(desk)),
            "2" => u64::from(c.identified_local),
            "3" => u64::from(c.identified_remote),
            "4" => u64::from(c.printed_own),
            "5" => u64::from(c.printed_other),
            "6" => u64::from(c.spoiled),
            "7" => papers_own,
            "8" => papers - papers_own,
            "9" => invalid,
            "10" => own.iter().sum::<u64>() - invalid,
            _ => 0,
        });
        let scan = blake3::hash(format!("scan of the paper protocol {} {}", desk.unit, basis as u8).as_bytes());
        Protocol {
            form: FORM.to_owned(),
            form_version: FORM_VERSION,
            basis: basis as u8,
            lines,
            counts: own,
            cells,
            seals: vec![format!("{:06}-{}", desk.unit.station, basis as u8)],
            present: members.iter().map(|key| sign::public_key(key).id()).collect(),
            dissenting: Vec::new(),
            explanation: 0,
            scan: Maybe(Some(Digest(*scan.as_bytes()))),
            closing_salt: Maybe(None),
        }
    }
}
