//! Signing without blocking: a key in memory signs here and now, a device where blocking is allowed.

use std::sync::Arc;

use tamga_ledger::sign::{Signer, SignerError};
use tamga_platform::blocking::BlockingExt as _;

use super::setup::NodeSigner;
use super::shared::Shared;

impl Shared {
    /// Runs `work`, which signs with `signer` and does little else.
    pub(crate) async fn signing<T: Send + 'static>(
        &self,
        signer: &NodeSigner,
        work: impl FnOnce(&dyn Signer) -> Result<T, SignerError> + Send + 'static,
    ) -> Result<T, SignerError> {
        let signed = if signer.is_instant() {
            work(&**signer)
        } else {
            let signer = Arc::clone(signer);
            self.seams.blocking.run(move || work(&*signer)).await
        };
        if let Err(error) = &signed {
            metrics::counter!("tamga_signer_failures_total").increment(1);
            tracing::error!(%error, "nothing is signed");
        }
        signed
    }
}
