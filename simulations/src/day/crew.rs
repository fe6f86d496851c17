//! Many tasks at once, but not too many.

use super::DayError;
use crate::console::Phase;
use tokio::task::JoinSet;

/// Runs `work` on every item, at most `at_once` at a time; each says how many steps of the phase it was. The first failure
/// ends it; what is under way is dropped.
pub(super) async fn for_each<T, F, W>(
    phase: Option<&Phase<'_>>,
    items: impl IntoIterator<Item = T>,
    at_once: usize,
    mut work: F,
) -> Result<(), DayError>
where
    F: FnMut(T) -> W,
    W: Future<Output = Result<u64, DayError>> + Send + 'static,
{
    let mut tasks: JoinSet<Result<u64, DayError>> = JoinSet::new();
    let mut items = items.into_iter();
    loop {
        while tasks.len() < at_once
            && let Some(item) = items.next()
        {
            tasks.spawn(work(item));
        }
        let Some(done) = tasks.join_next().await else { return Ok(()) };
        let steps = done??;
        if let Some(phase) = phase {
            phase.advance(steps);
        }
    }
}
