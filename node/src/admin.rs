//! What the operator asks, on loopback: is the process alive, does it serve, what does it measure.
//!
//! | route | says |
//! |---|---|
//! | `/healthz` | 200 while the process should go on, 503 once it must stop |
//! | `/readyz` | 200 while it takes records: caught up, a leader known, room on the disk; else 503 with the reason |
//! | `/status` | everything the core says about itself, JSON |
//! | `/witnesses` | which outside witnesses cosigned what, and what hinders them, JSON |
//! | `/certificates` | which TLS certificates are shown, until when they hold, JSON |
//! | `/metrics` | Prometheus; no label ever names a voter, a tag or a record |
//!
//! Answers from the start of the process on, also while the ledger is still being replayed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{StatusCode, header};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tamga_consensus::Stream;

use crate::certificates::Certificates;
use crate::core::{Core, NodeStatus};
use crate::listeners::{Handler, HttpServer, Stop};
use crate::witnesses::Witnesses;

/// How often histograms are drained.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The admin side of a node whose core may still be starting.
#[derive(Clone, Default)]
pub struct Admin {
    core: Arc<OnceLock<Arc<Core>>>,
    metrics: Option<PrometheusHandle>,
    witnesses: Arc<OnceLock<Witnesses>>,
    certificates: Arc<OnceLock<Certificates>>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("started", &self.core.get().is_some()).finish_non_exhaustive()
    }
}

impl Admin {
    /// `metrics` renders what the process measures; without it `/metrics` is empty.
    #[must_use]
    pub fn new(metrics: Option<PrometheusHandle>) -> Self {
        Self { metrics, ..Self::default() }
    }

    /// From now on the core is there. Later calls change nothing.
    pub fn started(&self, core: &Arc<Core>) {
        let _only_the_first_counts = self.core.set(Arc::clone(core));
    }

    /// Outside witnesses are asked. Later calls change nothing.
    pub fn witnessed(&self, witnesses: &Witnesses) {
        let _only_the_first_counts = self.witnesses.set(witnesses.clone());
    }

    /// TLS certificates are shown. Later calls change nothing.
    pub fn certified(&self, certificates: &Certificates) {
        let _only_the_first_counts = self.certificates.set(certificates.clone());
    }

    /// The routes.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/status", get(status))
            .route("/witnesses", get(witnesses))
            .route("/certificates", get(certificates))
            .route("/metrics", get(metrics_text))
            .with_state(self.clone())
    }

    /// Drains histograms now and then, so that they do not grow while nobody asks; until the signal.
    pub async fn keep_metrics(self, stop: Stop) {
        let Some(metrics) = self.metrics else { return };
        let stopped = stop.stopped();
        tokio::pin!(stopped);
        while tokio::time::timeout(METRICS_UPKEEP, &mut stopped).await.is_err() {
            metrics.run_upkeep();
        }
    }

    fn status(&self) -> Option<NodeStatus> {
        self.core.get().map(|core| core.status())
    }
}

async fn healthz(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.status().and_then(|status| status.fatal) {
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("must stop: {reason}\n")),
        None => (StatusCode::OK, "alive\n".to_owned()),
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.status() {
        Some(status) if status.is_ready() => (StatusCode::OK, "ready\n".to_owned()),
        Some(status) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", hindrances(&status).join("; "))),
        None => (StatusCode::SERVICE_UNAVAILABLE, "not ready: starting, the ledger is being replayed\n".to_owned()),
    }
}

fn hindrances(status: &NodeStatus) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(fatal) = &status.fatal {
        reasons.push(format!("must stop: {fatal}"));
    }
    if status.diverged {
        reasons.push("a quorum of organisations has other roots than this node".to_owned());
    }
    if let Some(unborn) = &status.unborn {
        reasons.push(format!("a new node {unborn}"));
    } else if status.leader.is_none() {
        reasons.push("no leader is known: too few nodes are reachable".to_owned());
    }
    if status.catching_up {
        reasons.push(format!("catching up, {} log entries to go", status.apply_lag));
    }
    if status.disk_low || status.disk_full {
        let free_mib = status.disk_free_bytes >> 20;
        reasons.push(format!("the disk is nearly full ({free_mib} MiB free): nothing is taken, reading goes on"));
    }
    if status.leaving {
        reasons.push("a planned stop is under way".to_owned());
    }
    if status.removed {
        reasons.push("the organisations have removed this node: stop it".to_owned());
    }
    if reasons.is_empty() {
        reasons.push("no reason known".to_owned());
    }
    reasons
}

async fn status(State(admin): State<Admin>) -> Response {
    match admin.status() {
        Some(status) => Json(status).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "starting": true }))).into_response(),
    }
}

async fn certificates(State(admin): State<Admin>) -> Response {
    match admin.certificates.get() {
        Some(certificates) => Json(certificates.status()).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
    }
}

async fn witnesses(State(admin): State<Admin>) -> Response {
    match admin.witnesses.get() {
        Some(witnesses) => Json(witnesses.standing()).into_response(),
        None => (StatusCode::NOT_FOUND, "no outside witnesses are configured\n").into_response(),
    }
}

async fn metrics_text(State(admin): State<Admin>) -> Response {
    if let Some(status) = admin.status() {
        record(&status);
    }
    let text = admin.metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// Sets the gauges that are a state, so that a scrape sees them as they are.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats; 2^53 is far beyond every size here")]
fn record(status: &NodeStatus) {
    let set = |name: &'static str, value: f64| gauge!(name).set(value);
    set("tamga_raft_term", status.term as f64);
    set("tamga_raft_leader", f64::from(u8::from(status.role == "leader")));
    set("tamga_raft_leader_node", f64::from(status.leader.unwrap_or(0)));
    set("tamga_applied_size", status.applied_size as f64);
    set("tamga_published_size", status.published_size as f64);
    set("tamga_cut_size", status.cut_size as f64);
    set("tamga_cosigned_size", status.cosigned_size as f64);
    set("tamga_apply_lag", status.apply_lag as f64);
    set("tamga_outbox_records", status.outbox_records as f64);
    set("tamga_outbox_bytes", status.outbox_bytes as f64);
    set("tamga_outbox_oldest_seconds", status.outbox_oldest_ms as f64 / 1_000.0);
    set("tamga_ready", f64::from(u8::from(status.is_ready())));
    set("tamga_diverged", f64::from(u8::from(status.diverged)));
    set("tamga_disk_low", f64::from(u8::from(status.disk_low)));
    set("tamga_disk_full", f64::from(u8::from(status.disk_full)));
    set("tamga_disk_free_bytes", status.disk_free_bytes as f64);
    set("tamga_nodes", status.nodes.len() as f64);
    set("tamga_removed", f64::from(u8::from(status.removed)));
    set("tamga_unborn", f64::from(u8::from(status.unborn.is_some())));
}

/// Serves the admin routes.
#[derive(Debug)]
pub struct AdminListener {
    /// With [`Admin::router`].
    pub server: HttpServer,
}

#[async_trait]
impl Handler for AdminListener {
    fn name(&self) -> &'static str {
        "admin"
    }

    async fn serve(&self, stream: Box<dyn Stream>, from: std::net::SocketAddr, stop: &Stop) {
        // The listener is bound to loopback; this holds even if the system routes otherwise.
        if from.ip().to_canonical().is_loopback() {
            self.server.serve_http1(stream, stop).await;
        }
    }
}
