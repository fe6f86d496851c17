//! The view's projection on disk: a few thousand small keys, valid for one size and its roots.
//!
//! sled keeps it (DESIGN §8). Its `flush` is no fsync, so that one writer applies one batch, flushes, and then syncs the
//! database file through the disk seam. Values stay far below the size at which sled writes files that it never syncs.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tamga_ledger::record::UnitId;
use tamga_ledger::state::Counts;
use tamga_ledger::tally::{ConstituencyResult, Tally};
use tamga_ledger::tree::TreeHead;
use tamga_platform::disk::{Disk, Open};

use super::{Decisions, PieceView, Turnout, UnitView, View};

/// Layout of the keys; another layout is rebuilt.
const LAYOUT: u32 = 4;
/// sled's cache; the keys are few.
const CACHE_BYTES: u64 = 8 << 20;

/// Why a projection could not be kept. It can be rebuilt: a node goes on without.
#[derive(Debug, thiserror::Error)]
pub enum ViewStoreError {
    /// The database.
    #[error("the index in {path}: {source}; it is rebuilt at the next start if its folder is removed")]
    Database {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: sled::Error,
    },
    /// The disk.
    #[error("syncing the index in {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A value that cannot be written.
    #[error("a value of the index cannot be written: {0}")]
    Value(#[from] serde_json::Error),
}

/// Keeps one view. Blocks.
pub trait ViewStore: Debug + Send + Sync + 'static {
    /// Replaces the view kept; durable on return.
    ///
    /// # Errors
    /// [`ViewStoreError`].
    fn put(&self, view: &Arc<View>) -> Result<(), ViewStoreError>;
    /// The view kept, if it is whole and of exactly this head; otherwise nothing, and nothing of it is kept.
    ///
    /// # Errors
    /// [`ViewStoreError`].
    fn load(&self, head: &TreeHead) -> Result<Option<Arc<View>>, ViewStoreError>;
}

/// The twin in memory.
#[derive(Debug, Default)]
pub struct MemViews(Mutex<Option<Arc<View>>>);

impl ViewStore for MemViews {
    fn put(&self, view: &Arc<View>) -> Result<(), ViewStoreError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(view));
        Ok(())
    }

    fn load(&self, head: &TreeHead) -> Result<Option<Arc<View>>, ViewStoreError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|view| view.head != *head);
        Ok(kept.clone())
    }
}

/// sled. See the module.
#[derive(Debug)]
pub struct SledViews {
    database: sled::Db,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    /// What was written last, so that only what changed is written.
    last: Mutex<Option<Arc<View>>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Meta {
    layout: u32,
    head: TreeHead,
    time_ms: u64,
    keys: u64,
    voting_sealed: bool,
    units: u64,
    constituencies: u64,
    pieces: u64,
}

impl SledViews {
    /// Opens or creates the database in `folder`. One that cannot be opened is an error: remove the folder.
    ///
    /// # Errors
    /// [`ViewStoreError::Database`].
    pub fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, ViewStoreError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .segment_size(16 << 20)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        let database = config.open().map_err(|source| ViewStoreError::Database { path: folder.to_owned(), source })?;
        Ok(Self { database, folder: folder.to_owned(), disk, last: Mutex::default() })
    }

    fn error(&self) -> impl Fn(sled::Error) -> ViewStoreError + '_ {
        |source| ViewStoreError::Database { path: self.folder.clone(), source }
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ViewStoreError> {
        let value = self.database.get(key).map_err(self.error())?;
        Ok(value.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn read_all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Option<Vec<T>>, ViewStoreError> {
        let mut found = Vec::new();
        for item in self.database.scan_prefix(prefix) {
            let (_, bytes) = item.map_err(self.error())?;
            let Ok(value) = serde_json::from_slice(&bytes) else { return Ok(None) };
            found.push(value);
        }
        Ok(Some(found))
    }

    fn read_view(&self, head: &TreeHead) -> Result<Option<View>, ViewStoreError> {
        let Some(meta) = self.read::<Meta>("meta")? else { return Ok(None) };
        if meta.layout != LAYOUT || meta.head != *head {
            return Ok(None);
        }
        let parts = (
            self.read::<Turnout>("turnout")?,
            self.read::<Counts>("counts")?,
            self.read::<Tally>("results")?,
            self.read_all::<ConstituencyResult>("result/")?,
            self.read_all::<UnitView>("unit/")?,
            self.read::<Decisions>("decisions")?,
            self.read_all::<PieceView>("piece/")?,
        );
        let (
            Some(turnout),
            Some(counts),
            Some(results),
            Some(constituencies),
            Some(units),
            Some(decisions),
            Some(pieces),
        ) = parts
        else {
            return Ok(None);
        };
        let whole =
            [(units.len(), meta.units), (constituencies.len(), meta.constituencies), (pieces.len(), meta.pieces)];
        if whole.into_iter().any(|(found, due)| found as u64 != due) {
            return Ok(None);
        }
        Ok(Some(View {
            head: meta.head,
            time_ms: meta.time_ms,
            turnout,
            results: Arc::new(Tally { constituencies, ..results }),
            decisions: Arc::new(decisions),
            equipment: Arc::new(pieces.into_iter().map(Arc::new).collect()),
            units: units.into_iter().map(Arc::new).collect(),
            counts,
            keys: meta.keys,
            voting_sealed: meta.voting_sealed,
        }))
    }

    /// What has to be written to get from `last` to `view`.
    fn changes(view: &View, last: Option<&View>) -> Result<sled::Batch, ViewStoreError> {
        let mut batch = sled::Batch::default();
        let mut put = |key: String, value: Vec<u8>| batch.insert(key.as_bytes(), value);
        let meta = Meta {
            layout: LAYOUT,
            head: view.head,
            time_ms: view.time_ms,
            keys: view.keys,
            voting_sealed: view.voting_sealed,
            units: view.units.len() as u64,
            constituencies: view.results.constituencies.len() as u64,
            pieces: view.equipment.len() as u64,
        };
        put("meta".to_owned(), serde_json::to_vec(&meta)?);
        put("turnout".to_owned(), serde_json::to_vec(&view.turnout)?);
        put("counts".to_owned(), serde_json::to_vec(&view.counts)?);
        if last.is_none_or(|last| !Arc::ptr_eq(&last.results, &view.results)) {
            // Everything but the constituencies, which have keys of their own.
            let results = Tally { constituencies: Vec::new(), ..(*view.results).clone() };
            put("results".to_owned(), serde_json::to_vec(&results)?);
            for result in &view.results.constituencies {
                put(format!("result/{:05}", result.constituency), serde_json::to_vec(result)?);
            }
        }
        if last.is_none_or(|last| !Arc::ptr_eq(&last.decisions, &view.decisions)) {
            put("decisions".to_owned(), serde_json::to_vec(&*view.decisions)?);
        }
        if last.is_none_or(|last| !Arc::ptr_eq(&last.equipment, &view.equipment)) {
            let before: BTreeMap<u64, &Arc<PieceView>> = last
                .map(|last| last.equipment.iter().map(|piece| (piece.entered, piece)).collect())
                .unwrap_or_default();
            for piece in view.equipment.iter() {
                if before.get(&piece.entered).is_none_or(|before| !Arc::ptr_eq(before, piece)) {
                    put(format!("piece/{:016}", piece.entered), serde_json::to_vec(&**piece)?);
                }
            }
        }
        let before: BTreeMap<UnitId, &Arc<UnitView>> =
            last.map(|last| last.units.iter().map(|unit| (unit.unit, unit)).collect()).unwrap_or_default();
        for unit in &view.units {
            if before.get(&unit.unit).is_none_or(|before| !Arc::ptr_eq(before, unit)) {
                let UnitId { station, unit: number } = unit.unit;
                put(format!("unit/{station:010}/{number:010}"), serde_json::to_vec(&**unit)?);
            }
        }
        Ok(batch)
    }
}

impl ViewStore for SledViews {
    fn put(&self, view: &Arc<View>) -> Result<(), ViewStoreError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = Self::changes(view, last.as_deref())?;
        // Crash here or in the middle: the batch is atomic, and what is there is believed only with its size and roots.
        self.database.apply_batch(batch).map_err(self.error())?;
        self.database.flush().map_err(self.error())?;
        let path = self.folder.join("db");
        let synced = self.disk.open(&path, Open::ReadWrite).and_then(|file| file.sync_data());
        synced.map_err(|source| ViewStoreError::Io { path, source })?;
        *last = Some(Arc::clone(view));
        Ok(())
    }

    fn load(&self, head: &TreeHead) -> Result<Option<Arc<View>>, ViewStoreError> {
        let view = self.read_view(head)?.map(Arc::new);
        if view.is_none() {
            self.database.clear().map_err(self.error())?;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = view.clone();
        Ok(view)
    }
}
