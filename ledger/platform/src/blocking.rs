//! Work that blocks or computes for long, kept off the async runtime's threads.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

/// A future that owns everything it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Runs closures that block (disk) or compute (signatures).
///
/// [`run`](BlockingExt::run) on the trait object is what callers use.
pub trait Blocking: Debug + Send + Sync + 'static {
    /// Runs `work` to its end; the future resolves afterwards. If the future is dropped the work still finishes.
    fn execute(&self, work: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<()>;
}

/// The typed call on top of [`Blocking`].
pub trait BlockingExt {
    /// Runs `work` and returns its result.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> BoxFuture<T>;
}

impl BlockingExt for dyn Blocking {
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> BoxFuture<T> {
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let done = self.execute(Box::new(move || {
            // A receiver that went away (the caller was cancelled) is no error: the work itself is done.
            let _ = send.send(work());
        }));
        Box::pin(async move {
            done.await;
            match receive.recv() {
                Ok(result) => result,
                // The closure sends before `done` resolves, and its panic is ours. So it was never run: the process ends
                // and its runtime lets go of what waits, which includes this future. There is nothing to go on with.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

/// Runs the work at once, on the caller's thread: the simulator's executor, and good enough for unit tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl Blocking for Inline {
    fn execute(&self, work: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<()> {
        Box::pin(async move { work() })
    }
}

/// tokio's pool of blocking threads.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadPool;

#[cfg(feature = "tokio")]
impl Blocking for ThreadPool {
    fn execute(&self, work: Box<dyn FnOnce() + Send + 'static>) -> BoxFuture<()> {
        let handle = tokio::task::spawn_blocking(work);
        Box::pin(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        })
    }
}
