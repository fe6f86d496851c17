//! Waiting for a condition, with a bound that only a broken system reaches.

use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Far beyond anything that a working cluster takes on a busy machine.
pub const GENEROUS: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(40);

/// Asks until the answer is `Ok`, and returns it.
///
/// # Panics
/// With the last `Err` when it takes longer than [`GENEROUS`].
pub async fn until<T, E: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(hindrance) => {
                assert!(began.elapsed() < GENEROUS, "waited for {what} in vain: {hindrance:?}");
                sleep(PAUSE).await;
            }
        }
    }
}
