//! One voter before one device; or the same voter before two devices at once.

use super::{Day, DayError};
use crate::population::{Event, Visit};
use crate::world::{Desk, Device, WorldError};
use tamga_ledger::ids::RecordId;
use tamga_ledger::promise::Judged;
use tamga_ledger::submission::Submission;
use tamga_ledger::verdict::{Refusal, Verdict};
use tokio::time::Instant;

impl Day {
    /// Plays one event. `intended` is when the voter came, if voters come whether or not the cluster keeps up.
    pub(super) async fn play(&self, event: Event, intended: Option<Instant>, sample: bool) -> Result<(), DayError> {
        match event {
            Event::Admission(visit) => {
                let (began, record, judged) = self.attempt(&visit, intended).await?;
                self.settle(&visit, &judged);
                if sample && judged.verdict.is_accepted() {
                    self.time_receipt(visit.station, record, judged, began);
                }
            }
            Event::Race(one, other) => self.race(&one, &other, intended).await?,
            Event::SecondAttempt(visit) => {
                let (_, _, judged) = self.attempt(&visit, intended).await?;
                self.expect_refusal("a second attempt", &visit, &judged, Refusal::AlreadyAdmitted);
            }
            Event::WrongStation(visit) => {
                let (_, _, judged) = self.attempt(&visit, intended).await?;
                self.expect_refusal("an attempt at a wrong station", &visit, &judged, Refusal::WrongStation);
            }
        }
        Ok(())
    }

    fn desk_of(&self, visit: &Visit) -> Result<&Desk, DayError> {
        Ok(self.world.desk(visit.station).ok_or(WorldError::Order("a visit to no station"))?)
    }

    async fn attempt(&self, visit: &Visit, intended: Option<Instant>) -> Result<(Instant, RecordId, Judged), DayError> {
        let desk = self.desk_of(visit)?;
        let mut device = desk.device.lock().await;
        self.ask(desk, &mut device, visit, intended).await
    }

    /// The device is held from before the record is numbered until the answer is in, so that its numbers arrive in order.
    async fn ask(
        &self,
        desk: &Desk,
        device: &mut Device,
        visit: &Visit,
        intended: Option<Instant>,
    ) -> Result<(Instant, RecordId, Judged), DayError> {
        let began = intended.unwrap_or_else(Instant::now);
        let submission: Submission = self.world.identification(desk, device, visit)?;
        // Stations spread over the nodes, as their modems would.
        let judged = self.nodes.judged("an identification", desk.unit.station as usize, &submission).await?;
        self.measures.verdict.add(began.elapsed());
        Ok((began, submission.signed.id(), judged))
    }

    fn settle(&self, visit: &Visit, judged: &Judged) {
        match (&judged.verdict, self.world.desk(visit.station)) {
            (Verdict::Accepted(flags), Some(desk)) => {
                self.world.cast(desk, visit);
                self.measures.admitted.count();
                if let Some(hour) = self.measures.hours.get(self.world.schedule.column(judged.time_ms)) {
                    hour.count();
                }
                let late = |flag: &tamga_ledger::verdict::Flag| {
                    flag.code == tamga_ledger::verdict::FlagCode::OutsideHours.number()
                };
                if flags.iter().any(|flag| !late(flag)) {
                    self.measures.problem(format!("an identification at leaf {}: {}", judged.leaf, judged.verdict));
                }
            }
            _ => self.measures.problem(format!(
                "a voter who came for the first time, to station {}, was turned away at leaf {}: {}",
                visit.station, judged.leaf, judged.verdict
            )),
        }
    }

    fn expect_refusal(&self, what: &str, visit: &Visit, judged: &Judged, due: Refusal) {
        match judged.verdict {
            Verdict::Refused(code) if code == due => {
                let counter = match due {
                    Refusal::WrongStation => &self.measures.wrong_stations,
                    _ => &self.measures.second_attempts,
                };
                counter.count();
            }
            _ => self.measures.problem(format!(
                "{what} at station {} (leaf {}) should have been refused as {due}, but: {}",
                visit.station, judged.leaf, judged.verdict
            )),
        }
    }

    /// Two stations, two nodes, one voter, at once. Exactly one admits.
    async fn race(&self, one: &Visit, other: &Visit, intended: Option<Instant>) -> Result<(), DayError> {
        let (first, second) = if one.station < other.station { (one, other) } else { (other, one) };
        let (here, there) = (self.desk_of(first)?, self.desk_of(second)?);
        // In the order of station numbers, so that two races never wait for each other.
        let mut here_device = here.device.lock().await;
        let mut there_device = there.device.lock().await;
        let here_record = self.world.identification(here, &mut here_device, first)?;
        let there_record = self.world.identification(there, &mut there_device, second)?;
        let began = intended.unwrap_or_else(Instant::now);
        let via = first.station as usize;
        let (here_judged, there_judged) = tokio::try_join!(
            self.nodes.judged("an identification", via, &here_record),
            self.nodes.judged("an identification", via + 1, &there_record),
        )?;
        self.measures.verdict.add(began.elapsed());
        drop((here_device, there_device));
        match (&here_judged.verdict, &there_judged.verdict) {
            (Verdict::Accepted(_), Verdict::Refused(Refusal::AlreadyAdmitted)) => self.settle(first, &here_judged),
            (Verdict::Refused(Refusal::AlreadyAdmitted), Verdict::Accepted(_)) => self.settle(second, &there_judged),
            (here, there) => {
                let text = format!("one voter at stations {} and {} at once", first.station, second.station);
                self.measures.problem(format!("{text}: {here}; {there}: exactly one was to be admitted"));
                return Ok(());
            }
        }
        self.measures.conflicts.count();
        Ok(())
    }

    /// Asks for the receipt beside everything else and verifies it.
    fn time_receipt(&self, station: u32, record: RecordId, judged: Judged, began: Instant) {
        let day = self.clone();
        self.aside.spawn(async move {
            match day.nodes.receipt(station as usize, &record, judged.leaf).await {
                Ok(_) => day.measures.receipt.add(began.elapsed()),
                Err(error) => day.measures.problem(format!("no receipt for leaf {}: {error}", judged.leaf)),
            }
        });
    }
}
