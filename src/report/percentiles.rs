//! The recorded histograms of all windows, merged.

use hdrhistogram::Histogram;

use crate::history::{HistogramError, latency_histogram};

use super::verdict::Percentiles;

/// Percentiles over all windows. `None` where nothing was counted, or where a histogram cannot be read: a percentile of
/// some of the windows would be taken for one of all.
pub(super) fn merged(
    windows: impl Iterator<Item = Result<Histogram<u64>, HistogramError>>,
) -> Option<Percentiles> {
    let mut all = latency_histogram();
    for window in windows {
        all.add(window.ok()?).ok()?;
    }
    if all.is_empty() {
        return None;
    }
    let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
    Some(Percentiles {
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: all.max() as f64 / 1e3,
    })
}
