//! Before the day: the definition, the keys, the roll.

use super::crew::for_each;
use super::{Day, DayError};
use crate::console::Console;
use crate::keys::Keyring;
use crate::world::WorldError;
use tamga_client::author::roll_seal;
use tamga_ledger::kinds::{DefinitionPart, GRANTS_MAX, KeyGrant};

/// Records of one author in flight: the ledger remembers the last 256 numbers of each.
const AT_ONCE: usize = 32;

impl Day {
    /// The parts must follow in their order, so one after the other.
    pub(super) async fn define(&self, parts: &[DefinitionPart], console: &Console) -> Result<(), DayError> {
        let phase = console.phase("definition", parts.len() as u64);
        let world = &self.world;
        let records = world.scribe.definition(&world.commission, parts).map_err(WorldError::from)?;
        for record in &records {
            self.send("a definition part", record).await?;
            phase.advance(1);
        }
        phase.finish("");
        Ok(())
    }

    pub(super) async fn register_keys(&self, console: &Console) -> Result<(), DayError> {
        let size = *self.world.population.size();
        let phase = console.phase("keys", Keyring::count(&size));
        let election = *self.world.scribe.election();
        let keys = &self.world.keys;
        let first = std::iter::once_with(|| keys.registry_grant(&election));
        let mut grants = first.chain((1..=size.stations()).flat_map(|station| keys.station_grants(&election, station)));
        let registrations = std::iter::from_fn(|| {
            let grants: Vec<KeyGrant> = grants.by_ref().take(GRANTS_MAX).collect();
            (!grants.is_empty()).then_some(grants)
        });
        for_each(Some(&phase), registrations, AT_ONCE, |grants| {
            let day = self.clone();
            async move {
                let records = day.world.scribe.register_keys(&day.world.commission, &grants);
                for record in records.map_err(WorldError::from)? {
                    day.send("a registration of keys", &record).await?;
                }
                Ok(grants.len() as u64)
            }
        })
        .await?;
        phase.finish("");
        Ok(())
    }

    /// Station after station; the chunks of one station in their order.
    pub(super) async fn load_roll(&self, console: &Console) -> Result<(), DayError> {
        let size = *self.world.population.size();
        let phase = console.phase("roll", size.roll);
        for_each(Some(&phase), 1..=size.ordinary, AT_ONCE, |station| {
            let day = self.clone();
            async move {
                let roll = day.world.population.roll(station);
                for record in day.world.roll(station)? {
                    day.send("a roll chunk", &record).await?;
                }
                Ok(roll.end - roll.start)
            }
        })
        .await?;
        phase.finish("");
        Ok(())
    }

    pub(super) async fn seal_roll(&self, console: &Console) -> Result<(), DayError> {
        let phase = console.phase("Roll seal", 1);
        let head = self.head().await?;
        let world = &self.world;
        let seal = world.scribe.seal(&world.commission, &roll_seal(&head)).map_err(WorldError::from)?;
        self.send("the Roll seal", &seal).await?;
        phase.advance(1);
        phase.finish("");
        Ok(())
    }
}
