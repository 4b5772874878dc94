use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Far more than anything takes on a busy machine: who waits so long waits in vain.
const IN_VAIN: Duration = Duration::from_secs(180);
/// How often is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Asks again and again until there is an answer, for tests.
///
/// # Panics
/// There is none for three minutes.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    answer(ask).await.unwrap_or_else(|| panic!("waited in vain for {what}"))
}

/// The same, none when it was in vain.
pub(crate) async fn answer<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Some(answer);
        }
        if began.elapsed() > IN_VAIN {
            return None;
        }
        sleep(ASK_EVERY).await;
    }
}
