//! From a SIGKILL of the leader to the first verdict on a record that was submitted afterwards, through the nodes that are
//! left.
//!
//! A record is submitted every few ms, so that the figure is the cluster's and not the pause of a client. Each goes to one
//! node, in turn. The killed node is started again, and has to have applied everything, before the next kill.

use super::RecoveryError;
use super::report::Failover;
use super::stage::{LOOK, Stage, median};
use crate::cluster::NodeProcess;
use crate::scale::Size;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tamga_client::device::{DeviceClient, DeviceOptions, NodeEndpoint, Outcome, TcpDial, Transport};
use tamga_ledger::submission::Submission;
use tamga_platform::entropy::OsEntropy;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

/// A small country: what is measured does not depend on it.
const SCALE: f64 = 0.002;
/// Between two records.
const EVERY: Duration = Duration::from_millis(5);
/// Far beyond any election.
const WITHIN: Duration = Duration::from_secs(60);

/// Kills the leader so often.
pub(super) async fn measure(folder: &Path, kills: u32) -> Result<Failover, RecoveryError> {
    let mut stage = Stage::open(folder, Size::at(SCALE)?).await?;
    let (mut times_ms, mut next) = (Vec::new(), 0);
    for _ in 0..kills {
        times_ms.push(once(&mut stage, &mut next).await?.as_secs_f64() * 1_000.0);
    }
    stage.cluster.stop().await;
    let max_ms = times_ms.iter().copied().fold(0.0, f64::max);
    let min_ms = times_ms.iter().copied().fold(f64::INFINITY, f64::min);
    Ok(Failover { kills, min_ms, p50_ms: median(&mut times_ms), max_ms })
}

async fn once(stage: &mut Stage, next: &mut u64) -> Result<Duration, RecoveryError> {
    let ids: Vec<u32> = stage.cluster.nodes.iter().map(|node| node.id).collect();
    stage.all(&ids, "one leader", WITHIN, |status| status.leader.is_some() && !status.catching_up).await?;
    let leads = async |node: u32| stage.status(node).await.is_ok_and(|status| status.role == "leader");
    let mut leader = None;
    for id in &ids {
        if leads(*id).await {
            leader = Some(*id);
        }
    }
    let leader = leader.ok_or_else(|| RecoveryError::Wrong("nobody says that it leads".to_owned()))?;
    let others: Vec<u32> = ids.iter().copied().filter(|id| *id != leader).collect();
    let clients = clients(stage, &others)?;
    // Written beforehand, so that no signature is timed.
    let records = records(stage, next, WITHIN.as_millis() as u64 / EVERY.as_millis() as u64 / 10).await?;
    let node = node_of(stage, leader)?;
    // From before the signal: the figure includes the kernel's own work.
    let killed = Instant::now();
    node.kill().await;
    let took = first_verdict(clients, records, killed).await?;
    let node = node_of(stage, leader)?;
    node.restart()?;
    let began = Instant::now();
    while let Err(last) = node.ready().await {
        node.check_alive()?;
        if began.elapsed() > WITHIN {
            return Err(RecoveryError::Late { what: "the killed node's service", seconds: WITHIN.as_secs(), last });
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(took)
}

fn node_of(stage: &mut Stage, id: u32) -> Result<&mut NodeProcess, RecoveryError> {
    let node = stage.cluster.nodes.iter_mut().find(|node| node.id == id);
    node.ok_or_else(|| RecoveryError::Wrong(format!("there is no node {id}")))
}

pub(super) fn clients(stage: &Stage, nodes: &[u32]) -> Result<Vec<DeviceClient>, RecoveryError> {
    let options = DeviceOptions { deadline: WITHIN, wait: Duration::from_secs(20), ..DeviceOptions::default() };
    let trust = Arc::new(stage.founded.trust.clone());
    let at = |id: &&NodeProcess| nodes.contains(&id.id);
    let client = |node: &NodeProcess| {
        let address = node.public_address().to_string();
        let endpoint = NodeEndpoint { node: node.id, address, transport: Transport::Tls };
        Ok(DeviceClient::new(Arc::clone(&trust), &[endpoint], options, Arc::new(TcpDial), Arc::new(OsEntropy))?)
    };
    stage.cluster.nodes.iter().filter(at).map(client).collect()
}

/// Voters before their own stations; after the last voter the first comes again and is refused, which is a verdict too.
async fn records(stage: &Stage, next: &mut u64, count: u64) -> Result<Vec<Submission>, RecoveryError> {
    let (mut records, world) = (Vec::new(), &stage.day.world);
    for _ in 0..count {
        let visit = stage.visit(*next % world.population.size().roll);
        *next += 1;
        let Some(desk) = world.desk(visit.station) else { continue };
        records.push(world.identification(desk, &mut *desk.device.lock().await, &visit)?);
    }
    Ok(records)
}

async fn first_verdict(
    clients: Vec<DeviceClient>,
    records: Vec<Submission>,
    killed: Instant,
) -> Result<Duration, RecoveryError> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (mut asking, mut due) = (JoinSet::new(), interval(EVERY));
    // Whatever is lost on the way is asked for again: a record has one verdict, however often it comes.
    let turns = clients.into_iter().cycle().zip(records.into_iter().cycle());
    let sending = async {
        for (client, record) in turns {
            due.tick().await;
            let tell = tell.clone();
            asking.spawn(async move {
                let answer = client.submit(&record).await;
                if let Ok(Outcome::Promised { promise, .. }) = answer.map(|answered| answered.outcome)
                    && promise.judged.is_some()
                {
                    // Nobody listens any more once the first is known.
                    let _ = tell.send(Instant::now());
                }
            });
        }
        std::future::pending::<()>().await;
    };
    let first = async { told.recv().await };
    let waited = timeout(WITHIN, async {
        tokio::select! {
            first = first => first,
            () = sending => None,
        }
    });
    let late = || RecoveryError::Late { what: "a verdict", seconds: WITHIN.as_secs(), last: "none".to_owned() };
    let at = waited.await.map_err(|_| late())?.ok_or_else(late)?;
    Ok(at - killed)
}
