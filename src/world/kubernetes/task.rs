//! Tasks that end with whoever started them.

use tokio::task::JoinHandle;

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task(Option<JoinHandle<()>>);

impl Task {
    /// Starts one.
    pub(super) fn start(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Some(tokio::spawn(future)))
    }

    /// Ends it, and waits until it does nothing any more.
    pub(super) async fn end(mut self) {
        let Some(task) = self.0.take() else { return };
        task.abort();
        // That it was ended is what was wanted.
        let _ = task.await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
