//! Keys in devices: a device blocks, and nothing that must not block waits for it; a device that fails stops nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use ed25519_dalek::SigningKey;
use tamga_ledger::ids::{PublicKey, Signature};
use tamga_ledger::sign::{Signer, SignerError};
use tamga_node::core::{Answer, NodeSigners, OtherKeys};
use tamga_node::testing::{Alone, AloneSetup, TestElection, alone_seams, secrets};
use tamga_platform::blocking::ThreadPool;
use tamga_platform::clock::SystemClock;
use tamga_platform::disk::OsDisk;
use tamga_platform::entropy::OsEntropy;

use super::cluster::now_ms;

/// A key that says where it was used, and can be unplugged.
#[derive(Debug)]
struct Device {
    key: SigningKey,
    used: AtomicU64,
    unplugged: AtomicBool,
    threads: Mutex<Vec<ThreadId>>,
}

impl Device {
    fn new(key: SigningKey) -> Arc<Self> {
        Arc::new(Self { key, used: AtomicU64::new(0), unplugged: AtomicBool::new(false), threads: Mutex::default() })
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }
}

impl Signer for Device {
    fn public_key(&self) -> PublicKey {
        Signer::public_key(&self.key)
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, SignerError> {
        self.threads.lock().unwrap().push(std::thread::current().id());
        if self.unplugged.load(Ordering::SeqCst) {
            return Err(SignerError("unplugged".to_owned()));
        }
        self.used.fetch_add(1, Ordering::SeqCst);
        self.key.sign_bytes(message)
    }
}

// One thread runs the whole node: whatever blocks it blocks everything.
#[tokio::test(flavor = "current_thread")]
async fn a_device_signs_where_blocking_is_allowed_and_its_failure_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let election = TestElection::new(1, 1, 10, now_ms());
    let own = secrets(1);
    let devices = [own.cosigner.clone(), own.log.clone(), own.promise.clone(), own.batch.clone()].map(Device::new);
    let [cosigner, log, promise, batch] = devices.clone().map(|device| device as Arc<dyn Signer>);
    let seams = alone_seams(Arc::new(OsDisk), Arc::new(SystemClock), Arc::new(OsEntropy), Arc::new(ThreadPool));
    let mut setup = AloneSetup::of(&election, folder.path(), seams);
    setup.secrets = NodeSigners { cosigner, log, promise, batch, other: OtherKeys::default() };
    setup.begin().await.unwrap();
    let alone = setup.start().await.unwrap();
    let published = |size: u64| move |alone: &Alone| alone.core.status().published_size >= size;
    assert!(alone.eventually(published(1)).await, "the genesis record is published");
    for device in &devices[..2] {
        assert!(device.used() > 0);
    }
    let submit = |record| alone.core.submit(record, None);
    let records = election.preparation();
    assert!(matches!(submit(records[0].clone()).await, Answer::Promise(_)));
    for device in &devices {
        assert!(device.used() > 0);
        let here = std::thread::current().id();
        assert!(device.threads.lock().unwrap().iter().all(|thread| *thread != here), "it blocked the runtime");
    }
    // The cosigner's device is unplugged: records are judged and promised, nothing is published, nothing stops.
    devices[0].unplugged.store(true, Ordering::SeqCst);
    let (before, size) = (alone.core.status().published_size, alone.core.status().applied_size);
    assert!(matches!(submit(records[1].clone()).await, Answer::Promise(_)));
    let tried = devices[0].threads.lock().unwrap().len();
    assert!(alone.eventually(|alone| alone.core.status().applied_size > size).await);
    assert!(alone.eventually(|_| devices[0].threads.lock().unwrap().len() > tried).await, "it was asked to sign");
    assert!(alone.core.status().published_size <= before.max(size) && alone.core.status().fatal.is_none());
    // The promise's: no answer that looks like one.
    devices[2].unplugged.store(true, Ordering::SeqCst);
    assert!(matches!(submit(records[1].clone()).await, Answer::Unavailable { code: "failed", .. }));
    // Plugged in again, all goes on.
    devices.iter().for_each(|device| device.unplugged.store(false, Ordering::SeqCst));
    assert!(matches!(submit(records[2].clone()).await, Answer::Promise(_)));
    assert!(alone.eventually(published(size + 1)).await);
    alone.core.shutdown().await;
}
