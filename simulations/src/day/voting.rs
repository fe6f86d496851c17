//! From the zero reports to the last voter abroad.

use super::crew::for_each;
use super::{Day, DayError};
use crate::console::{Console, Phase};
use crate::population::Event;
use crate::schedule::{CURVE, HOURS};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

/// Records of stations in flight.
const STATIONS_AT_ONCE: usize = 64;
/// Voters before a device at one time when they come as fast as the cluster takes them.
const VOTERS_AT_ONCE: usize = 192;
/// The same when they come at a fixed rate: so many may wait before the simulation itself falls behind.
const VOTERS_WAITING_MAX: usize = 4_096;
/// Receipts that are timed, over the whole day.
const RECEIPTS_TIMED: u64 = 1_000;

/// Voters under way, and the first thing that went wrong.
#[derive(Clone)]
struct Hall {
    permits: Arc<Semaphore>,
    tracker: TaskTracker,
    failed: Arc<Mutex<Option<DayError>>>,
}

impl Hall {
    fn fail(&self, error: DayError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn check(&self) -> Result<(), DayError> {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Waits for all voters who have come.
    async fn empty(&mut self) -> Result<(), DayError> {
        self.tracker.close();
        self.tracker.wait().await;
        self.tracker = TaskTracker::new();
        self.check()
    }
}

impl Day {
    pub(super) async fn open_stations(&self, console: &Console) -> Result<(), DayError> {
        let phase = console.phase("stations open", self.world.desks.len() as u64);
        let seen = self.nodes.checkpoint_over(0).await?.checkpoint().size.get();
        let places = 0..self.world.desks.len();
        for_each(Some(&phase), places, STATIONS_AT_ONCE, |place| {
            let day = self.clone();
            async move {
                let report = day.world.opening(day.desk_at(place)?, seen)?;
                day.send("a zero report", &report).await?;
                Ok(1)
            }
        })
        .await?;
        phase.finish("");
        Ok(())
    }

    /// All intervals: voters come, the hour passes, scanners commit; then the station closes.
    pub(super) async fn vote(&self, console: &Console) -> Result<(), DayError> {
        let phase = console.phase("identifications", self.world.population.size().voting);
        let at_once = if self.rate.is_some() { VOTERS_WAITING_MAX } else { VOTERS_AT_ONCE };
        let mut hall =
            Hall { permits: Arc::new(Semaphore::new(at_once)), tracker: TaskTracker::new(), failed: Arc::default() };
        // Batches of one hour go out while the next hour's voters come, but never overtake each other.
        let mut scanning: Option<JoinHandle<Result<(), DayError>>> = None;
        for (interval, (label, _)) in CURVE.iter().enumerate() {
            phase.note(&format!("until {label}"));
            self.admit(interval, &hall, &phase).await?;
            if interval + 1 >= HOURS {
                // Stations close: everybody who came has an answer first.
                hall.empty().await?;
            }
            if let Some(before) = scanning.take() {
                before.await??;
            }
            self.sleep_until(self.world.schedule.ends_ms[interval] + 1).await;
            let day = self.clone();
            scanning = Some(tokio::spawn(async move { day.scan(interval).await }));
        }
        if let Some(last) = scanning {
            last.await??;
        }
        self.aside.close();
        self.aside.wait().await;
        phase.finish("");
        Ok(())
    }

    /// Lets the voters of one interval in, each as its own task.
    async fn admit(&self, interval: usize, hall: &Hall, phase: &Phase<'_>) -> Result<(), DayError> {
        let began = Instant::now();
        let sample_every = (self.world.population.size().voting / RECEIPTS_TIMED).max(1);
        for (number, event) in (0_u64..).zip(self.world.population.events(interval)) {
            let intended = self.rate.map(|rate| began + Duration::from_secs_f64(number as f64 / rate));
            if let Some(intended) = intended {
                sleep_until(intended).await;
            }
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&hall.permits).acquire_owned().await else { return Ok(()) };
            hall.check()?;
            let (day, guard) = (self.clone(), hall.clone());
            hall.tracker.spawn(async move {
                let sample = number.is_multiple_of(sample_every);
                if let Err(error) = day.play(event, intended, sample).await {
                    guard.fail(error);
                }
                drop(permit);
            });
            if matches!(event, Event::Admission(_) | Event::Race(..)) {
                phase.advance(1);
            }
        }
        Ok(())
    }

    /// After an hour has passed: every open station's scanner commits what it took. At 20:00 stations in the country
    /// close, at the end those abroad.
    async fn scan(&self, interval: usize) -> Result<(), DayError> {
        let (country_closes, all_close) = (interval + 1 == HOURS, interval == HOURS);
        let open = (0..self.world.desks.len()).filter(|place| {
            let abroad = self.world.desks.get(*place).is_some_and(|desk| desk.abroad);
            abroad || !all_close
        });
        for_each(None, open, STATIONS_AT_ONCE, |place| {
            let day = self.clone();
            async move {
                let desk = day.desk_at(place)?;
                let last = all_close || (country_closes && !desk.abroad);
                let batch = day.world.batch(desk, last)?;
                day.send("a ballot batch", &batch).await?;
                day.measures.batches.count();
                if last {
                    day.close(place).await?;
                }
                Ok(1)
            }
        })
        .await
    }
}
