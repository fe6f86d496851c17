//! What must hold when everything is over and all nodes run again.

use crate::copy::Copy;
use crate::load::Acknowledged;
use crate::rehearsal::Rehearsal;
use std::time::Duration;
use tamga_client::source::HttpSource;
use tamga_client::verify::{Opened, audit};

/// Nobody is lost, nothing is twice, all nodes publish the same, and the audit of one of them finds nothing.
///
/// # Panics
/// If one of these is not so.
pub async fn nothing_is_lost(rehearsal: &Rehearsal, acknowledged: &[Acknowledged]) {
    // A pending promise has its deadline; everything promised is published long before.
    for one in acknowledged.iter().filter(|one| one.promise.judged.is_none()) {
        let receipt = rehearsal.client(1).receipt(&one.promise.record, Duration::from_secs(60)).await;
        assert!(receipt.is_ok(), "{one:?}: {receipt:?}");
    }
    let agreed = rehearsal.agreed(rehearsal.ids()).await;
    let mut entries = None;
    for node in rehearsal.ids() {
        let copy = Copy::fetch(rehearsal.public(node), &rehearsal.world.trust).await;
        assert_eq!(copy.checkpoint.checkpoint(), agreed.checkpoint(), "node {node}");
        copy.holds(acknowledged);
        assert!(entries.as_ref().is_none_or(|entries| *entries == copy.entries), "node {node}");
        entries = Some(copy.entries);
    }
    let (url, genesis) = (format!("http://{}", rehearsal.public(1)), *rehearsal.world.trust.election_id());
    let report = tokio::task::spawn_blocking(move || {
        let source = HttpSource::new(&url).unwrap();
        audit(&Opened::open(&source, &genesis).unwrap(), |_, _| ()).unwrap().report
    });
    let report = report.await.unwrap();
    assert!(report.ok, "{:?}", report.findings);
}
