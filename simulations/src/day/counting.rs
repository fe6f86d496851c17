//! After the last voter: final reports, protocols, openings, seals.

use super::crew::for_each;
use super::{Day, DayError};
use crate::console::Console;
use crate::truth::Truth;
use crate::world::{Sums, WorldError};
use std::sync::Arc;
use tamga_client::author::{results_seal, voting_seal};
use tamga_ledger::ids::Nonce;
use tamga_ledger::kinds::Basis;
use tamga_ledger::tree::LeafIndex;

const AT_ONCE: usize = 32;

impl Day {
    /// The final report of one station, with the salted digest of its machine protocol.
    pub(super) async fn close(&self, place: usize) -> Result<(), DayError> {
        let desk = self.desk_at(place)?;
        let salt = Nonce(self.world.random());
        let report = self.world.closing(desk, salt)?;
        self.send("a final report", &report).await?;
        Ok(())
    }

    pub(super) async fn wait_for_embargo(&self, console: &Console) {
        let until_ms = self.world.schedule.embargo_ms();
        if self.world.now_ms() < until_ms {
            let phase = console.phase("embargo", 1);
            // Sequenced time must have passed it too; it follows the leader's clock.
            self.sleep_until(until_ms + 1).await;
            phase.advance(1);
            phase.finish("");
        }
    }

    /// Machine protocol, own opening and hand protocol of every station.
    pub(super) async fn count(&self, console: &Console) -> Result<Arc<Sums>, DayError> {
        let phase = console.phase("protocols", self.world.desks.len() as u64);
        let sums = Arc::new(Sums::new(self.world.definition.constituencies().len() as u32));
        let places = 0..self.world.desks.len();
        for_each(Some(&phase), places, AT_ONCE, |place| {
            let (day, sums) = (self.clone(), Arc::clone(&sums));
            async move {
                day.count_one(place, &sums).await?;
                Ok(1)
            }
        })
        .await?;
        phase.finish("");
        Ok(sums)
    }

    async fn count_one(&self, place: usize, sums: &Sums) -> Result<(), DayError> {
        let desk = self.desk_at(place)?;
        self.send("a machine protocol", &self.world.machine_protocol(desk)?).await?;
        self.measures.machine_protocols.count();
        if let Some(opening) = self.world.own_opening(desk)? {
            self.send("an own opening", &opening).await?;
            self.measures.own_openings.count();
        }
        let hand = self.world.hand_protocol(desk, sums)?;
        self.send("a hand protocol", &hand).await?;
        self.measures.hand_protocols.count();
        Ok(())
    }

    /// The nationwide totals of papers cast elsewhere, on both bases.
    pub(super) async fn open_remote_totals(&self, sums: &Arc<Sums>, console: &Console) -> Result<(), DayError> {
        let constituencies = self.world.definition.constituencies().len() as u32;
        let all: Vec<(Basis, u32)> =
            Basis::ALL.into_iter().flat_map(|basis| (1..=constituencies).map(move |number| (basis, number))).collect();
        let phase = console.phase("remote totals", all.len() as u64);
        for_each(Some(&phase), all, AT_ONCE, |(basis, constituency)| {
            let (day, sums) = (self.clone(), Arc::clone(sums));
            async move {
                // Too few papers to be shown stay closed; the ledger would refuse.
                let Some(opening) = day.world.remote_opening(&sums, basis, constituency)? else { return Ok(1) };
                day.send("a nationwide opening", &opening).await?;
                day.measures.remote_openings.count();
                Ok(1)
            }
        })
        .await?;
        phase.finish("");
        Ok(())
    }

    pub(super) async fn seal_voting(&self, console: &Console) -> Result<(), DayError> {
        let phase = console.phase("Voting seal", 1);
        let head = self.head().await?;
        let world = &self.world;
        let seal = voting_seal(&head, world.admitted_root());
        let seal = world.scribe.seal(&world.commission, &seal).map_err(WorldError::from)?;
        self.send("the Voting seal", &seal).await?;
        phase.advance(1);
        phase.finish("");
        Ok(())
    }

    /// The seal carries the digest of the tally that the simulated votes give: the ledger refuses it if its own differs.
    pub(super) async fn seal_results(&self, console: &Console) -> Result<LeafIndex, DayError> {
        let phase = console.phase("Results seal", 1);
        let head = self.head().await?;
        let world = &self.world;
        let digest = Truth::of(world).tally().digest();
        let seal = world.scribe.seal(&world.commission, &results_seal(&head, digest)).map_err(WorldError::from)?;
        let leaf = self.send("the Results seal", &seal).await?;
        phase.advance(1);
        phase.finish("");
        Ok(leaf)
    }
}
