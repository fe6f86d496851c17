//! TLS certificates that change while the node runs.
//!
//! | certificate | lies in | is shown |
//! |---|---|---|
//! | readers see | `[public] certificate`, `key`; without them the node's own | as soon as both files are whole and belong together |
//! | the node's own, towards nodes | `keys_dir/tls.crt`, `tls.key` | while its key is the registered one |
//! | its successor | `keys_dir/next/tls.crt`, `tls.key` | once a decision registers it, without a restart |
//!
//! Nodes look at each other's keys alone, so a node's own certificate never expires for them. Readers' programs look at dates:
//! what they see is warned of from thirty days before its end (`tamga_certificate_expires_seconds`, log, `/certificates`).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tamga_keys::{KeyFileError, read_text};
use tamga_ledger::ids::Digest;
use tamga_platform::blocking::{Blocking, BlockingExt as _};
use tamga_platform::clock::Clock;
use tamga_platform::disk::Disk;
use tokio::sync::watch;

use crate::config::{Config, Public};
use crate::core::Roster;
use crate::keys::{KeyError, Passphrases, load_tls};
use crate::listeners::Stop;
use crate::run::{RunError, Seams};
use crate::tls::{Shown, TlsIdentity};

/// How often the files are looked at.
const CHECK: Duration = Duration::from_secs(60);
/// From so long before the end on it is warned of, once a day.
const WARN_S: i64 = 30 * DAY_S;
/// From so long before the end on it is an error.
const URGENT_S: i64 = 7 * DAY_S;
const DAY_S: i64 = 86_400;

/// What `/certificates` of the admin listener says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificatesStatus {
    /// SHA-256 of the SubjectPublicKeyInfo that readers see.
    pub public_spki_sha256: Digest,
    /// Where that certificate comes from.
    pub public_file: PathBuf,
    /// When it ceases to hold, Unix seconds.
    pub public_not_after_s: i64,
    /// Whole days until then; negative if it has ended.
    pub public_days_left: i64,
    /// Why a newer file is not shown.
    pub public_fault: Option<String>,
    /// SHA-256 of the SubjectPublicKeyInfo that nodes see.
    pub peer_spki_sha256: Digest,
    /// A successor that is here and not registered yet.
    pub peer_next_spki_sha256: Option<Digest>,
}

/// The certificates of a running node. Clones are the same.
#[derive(Debug, Clone)]
pub struct Certificates {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: u32,
    keys_dir: PathBuf,
    files: Option<Files>,
    check: Duration,
    seams: CertificateSeams,
    public: Shown,
    peer: Shown,
    /// The node's own, as it was read at the start.
    own: TlsIdentity,
    now: Mutex<Now>,
}

struct CertificateSeams {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    blocking: Arc<dyn Blocking>,
    passphrases: Passphrases,
}

impl std::fmt::Debug for CertificateSeams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CertificateSeams")
    }
}

/// Where the certificate that readers see lies.
#[derive(Debug, Clone)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

#[derive(Debug)]
struct Now {
    public: TlsIdentity,
    peer: TlsIdentity,
    next: Option<Digest>,
    fault: Option<String>,
    warned_s: i64,
}

impl Files {
    fn of(public: &Public) -> Result<Option<Self>, RunError> {
        match (&public.certificate, &public.key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate: certificate.clone(), key: key.clone() })),
            (None, None) => Ok(None),
            _ => Err(RunError::Config {
                field: "public",
                what: "certificate and key are stated together, or neither".to_owned(),
            }),
        }
    }

    fn read(&self, disk: &dyn Disk) -> Result<TlsIdentity, KeyError> {
        let (certificate, key) = (read_text(disk, &self.certificate)?, read_text(disk, &self.key)?);
        let fault = |what: String| KeyError::Tls { path: self.certificate.clone(), what };
        TlsIdentity::from_pem(&certificate, &key).map_err(|error| fault(error.to_string()))
    }
}

impl Certificates {
    /// What is shown from the start on: the files of the configuration, or else the node's own certificate.
    ///
    /// # Errors
    /// [`RunError::Config`], [`RunError::Keys`]: at a start what readers see has to be whole.
    pub fn open(config: &Config, seams: &Seams, own: &TlsIdentity) -> Result<Self, RunError> {
        let files = Files::of(&config.public)?;
        let public = files.as_ref().map(|files| files.read(&*seams.disk)).transpose()?;
        let public = public.unwrap_or_else(|| own.clone());
        let inner = Inner {
            node: config.node,
            keys_dir: config.keys_dir.clone(),
            files,
            check: config.public.certificate_check_ms.map_or(CHECK, Duration::from_millis),
            seams: CertificateSeams {
                disk: Arc::clone(&seams.disk),
                clock: Arc::clone(&seams.clock),
                blocking: Arc::clone(&seams.blocking),
                passphrases: seams.passphrases.clone(),
            },
            public: Shown::new(&public)?,
            peer: Shown::new(own)?,
            own: own.clone(),
            now: Mutex::new(Now { public, peer: own.clone(), next: None, fault: None, warned_s: 0 }),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the public listener shows.
    #[must_use]
    pub fn public(&self) -> Shown {
        self.inner.public.clone()
    }

    /// What nodes are shown, by listener and dialer.
    #[must_use]
    pub fn peer(&self) -> Shown {
        self.inner.peer.clone()
    }

    /// For the operator.
    #[must_use]
    pub fn status(&self) -> CertificatesStatus {
        let now = self.inner.now.lock().unwrap_or_else(PoisonError::into_inner);
        let not_after_s = now.public.valid_s().1;
        let file = self.inner.files.as_ref().map(|files| files.certificate.clone());
        CertificatesStatus {
            public_spki_sha256: now.public.spki_sha256(),
            public_file: file.unwrap_or_else(|| self.inner.keys_dir.join("tls.crt")),
            public_not_after_s: not_after_s,
            public_days_left: (not_after_s - self.inner.clock_s()).div_euclid(DAY_S),
            public_fault: now.fault.clone(),
            peer_spki_sha256: now.peer.spki_sha256(),
            peer_next_spki_sha256: now.next,
        }
    }

    /// Looks at the files now and then, and at every decision, until the signal.
    pub async fn keep(self, mut nodes: watch::Receiver<Arc<Roster>>, stop: Stop) {
        let stopped = stop.stopped();
        tokio::pin!(stopped);
        loop {
            let roster = Arc::clone(&nodes.borrow_and_update());
            let (inner, registered) =
                (Arc::clone(&self.inner), roster.get(self.inner.node).map(|node| node.keys.tls_spki_sha256));
            self.inner.seams.blocking.run(move || inner.look(registered)).await;
            tokio::select! {
                biased;
                () = &mut stopped => return,
                changed = nodes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(self.inner.check) => {}
            }
        }
    }
}

impl Inner {
    fn clock_s(&self) -> i64 {
        i64::try_from(self.seams.clock.now_ms() / 1_000).unwrap_or(i64::MAX)
    }

    /// Shows what has to be shown by now. Blocks.
    fn look(&self, registered: Option<Digest>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_at_peer(&mut now, registered);
        self.look_at_public(&mut now);
        self.warn(&mut now);
    }

    /// The node's own certificate, or its successor once that is the registered one.
    fn look_at_peer(&self, now: &mut Now, registered: Option<Digest>) {
        let folder = self.keys_dir.join("next");
        let next = match load_tls(&*self.seams.disk, &folder, &self.seams.passphrases) {
            Ok((next, _)) => Some(next),
            Err(KeyError::File(KeyFileError::Io { source, .. })) if source.kind() == std::io::ErrorKind::NotFound => {
                None
            }
            Err(error) => {
                tracing::warn!(%error, "the TLS key to come cannot be read yet");
                None
            }
        };
        now.next = next.as_ref().map(TlsIdentity::spki_sha256).filter(|pin| Some(*pin) != registered);
        let candidates = next.iter().chain([&self.own]);
        let Some(due) = candidates.into_iter().find(|one| Some(one.spki_sha256()) == registered) else { return };
        if due.spki_sha256() == now.peer.spki_sha256() {
            return;
        }
        match self.peer.show(due) {
            Ok(()) => {
                tracing::info!(spki_sha256 = %due.spki_sha256(), "nodes are shown the TLS key that is registered now");
                now.peer = due.clone();
            }
            Err(error) => tracing::error!(%error, "the registered TLS key cannot be shown"),
        }
    }

    /// The files of the configuration; without them what nodes are shown.
    fn look_at_public(&self, now: &mut Now) {
        let read = match &self.files {
            Some(files) => files.read(&*self.seams.disk),
            None => Ok(now.peer.clone()),
        };
        let fault = match read {
            Ok(found) if found.certificate_pem() == now.public.certificate_pem() => None,
            Ok(found) => match self.public.show(&found) {
                Ok(()) => {
                    tracing::info!(spki_sha256 = %found.spki_sha256(), "readers are shown another certificate");
                    (now.public, now.warned_s) = (found, 0);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            // Half of a renewal may be written: looked at again.
            Err(error) => Some(error.to_string()),
        };
        if let Some(fault) = fault.as_ref().filter(|fault| now.fault.as_ref() != Some(*fault)) {
            tracing::warn!(fault, "readers are still shown the certificate from before: the files are not whole");
        }
        now.fault = fault;
    }

    fn warn(&self, now: &mut Now) {
        let (clock_s, not_after_s) = (self.clock_s(), now.public.valid_s().1);
        let left_s = not_after_s.saturating_sub(clock_s);
        metrics::gauge!("tamga_certificate_expires_seconds").set(left_s as f64);
        if left_s > WARN_S || clock_s - now.warned_s < DAY_S {
            return;
        }
        now.warned_s = clock_s;
        let days = left_s.div_euclid(DAY_S);
        if left_s > URGENT_S {
            tracing::warn!(days, "the certificate that readers see ends soon: renew it and put it in its place");
        } else {
            tracing::error!(
                days,
                "the certificate that readers see ends within a week or has ended: browsers refuse this node"
            );
        }
    }
}
