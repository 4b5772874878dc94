//! One second of traffic, keyed by the second in which its requests were *meant* to be sent.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use serde::{Deserialize, Serialize};

/// One second of traffic. It is recorded once all its requests are answered, timed out or given up.
///
/// `planned` = `sent` + the sum of `unsent`; `sent` = `ok` + the sums of `failed` and `errors`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadWindow {
    /// Start of the second on the run's clock; a multiple of 1_000_000.
    pub from_us: u64,
    /// Requests that the plan has in this second.
    pub planned: u64,
    /// Requests that left.
    pub sent: u64,
    /// Of the sent ones: left later than the plan's `late_after_us`.
    pub late: u64,
    /// Answered 2xx or 3xx.
    pub ok: u64,
    /// Answered otherwise, by status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<u16, u64>,
    /// Not answered, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Not sent, by whose fault it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsent: BTreeMap<Unsent, u64>,
    /// For each threshold of the load plan, in its order: answered well within it, from the intended send time.
    pub good: Vec<u64>,
    /// Longest delay between intended and actual sending.
    pub send_late_max_us: u64,
    /// Response times of the `ok` ones, from the *intended* send time, in µs: HdrHistogram V2, base64, two digits.
    /// Empty where there are none.
    pub response: String,
    /// Service times of the `ok` ones, from the *actual* send time, likewise.
    pub service: String,
}

/// Why a request that was sent has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// No answer within the timeout.
    TimedOut,
    /// The target refused the connection.
    Refused,
    /// The target ended the connection.
    Reset,
    /// Anything else.
    Other,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsent {
    /// By us: the engine was more than the plan's `give_up_after_us` behind, or had no socket left.
    Starved,
    /// By us: our in-flight limit was reached while the target was answering.
    InFlightLimit,
    /// By the target: our in-flight limit was reached and the target answered nothing.
    Stalled,
}

impl Unsent {
    /// Whether the load generator, and not the target, is to blame.
    pub fn by_us(self) -> bool {
        matches!(self, Self::Starved | Self::InFlightLimit)
    }
}

impl LoadWindow {
    /// Not answered well, for whatever reason that is not ours.
    pub fn bad(&self) -> u64 {
        self.planned - self.ok - self.unsent_by_us()
    }
    /// Not sent, and that is on us.
    pub fn unsent_by_us(&self) -> u64 {
        self.unsent.iter().filter(|(cause, _)| cause.by_us()).map(|(_, count)| count).sum()
    }
}

/// A recorded histogram that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a histogram: {0}")]
pub struct HistogramError(String);

/// An empty histogram of latencies in µs, as windows record them: two digits, growing as needed.
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new(2).expect("two digits are within the library's bounds")
}

impl LoadWindow {
    /// Response times of the `ok` ones, in µs.
    ///
    /// # Errors
    /// The text is damaged.
    pub fn response_histogram(&self) -> Result<Histogram<u64>, HistogramError> {
        decode(&self.response)
    }
    /// Service times of the `ok` ones, in µs.
    ///
    /// # Errors
    /// The text is damaged.
    pub fn service_histogram(&self) -> Result<Histogram<u64>, HistogramError> {
        decode(&self.service)
    }
    /// Takes both histograms in.
    pub fn set_histograms(&mut self, response: &Histogram<u64>, service: &Histogram<u64>) {
        self.response = encode(response);
        self.service = encode(service);
    }
}

/// How every uncompressed V2 histogram begins.
const V2_COOKIE: [u8; 4] = [0x1c, 0x84, 0x93, 0x13];
/// Cookie, payload length, normalizing offset, digits, lowest, highest, ratio.
const HEADER_BYTES: usize = 40;

fn encode(histogram: &Histogram<u64>) -> String {
    if histogram.is_empty() {
        return String::new();
    }
    let mut bytes = Vec::new();
    V2Serializer::new().serialize(histogram, &mut bytes).expect("a vector takes every byte");
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Result<Histogram<u64>, HistogramError> {
    if text.is_empty() {
        return Ok(latency_histogram());
    }
    let bytes = STANDARD.decode(text).map_err(|error| HistogramError(error.to_string()))?;
    // The library sets aside as much as the header says: believe it only where the bytes are there.
    let header = bytes.first_chunk::<HEADER_BYTES>();
    let length = header.map(|header| u32::from_be_bytes([header[4], header[5], header[6], header[7]]));
    if !bytes.starts_with(&V2_COOKIE)
        || length.map(|length| length as usize + HEADER_BYTES) != Some(bytes.len())
    {
        return Err(HistogramError("its header and its length disagree".into()));
    }
    let mut histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .map_err(|error| HistogramError(error.to_string()))?;
    histogram.auto(true);
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_latencies_are_no_text() {
        let mut window = LoadWindow::default();
        window.set_histograms(&latency_histogram(), &latency_histogram());
        assert_eq!(window, LoadWindow::default());
        assert!(window.response_histogram().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_histogram_is_an_error() {
        let mut histogram = latency_histogram();
        histogram.record(5_000).unwrap();
        let whole = encode(&histogram);
        for text in ["%", "AAAA", &whole[..8], &whole[..whole.len() - 4]] {
            let window = LoadWindow { response: text.into(), ..LoadWindow::default() };
            assert!(window.response_histogram().is_err(), "{text} was taken");
        }
    }

    proptest! {
        #[test]
        fn latencies_read_back_within_one_percent(latencies in prop::collection::vec(1u64..60_000_000, 1..50)) {
            let mut response = latency_histogram();
            latencies.iter().for_each(|us| response.record(*us).unwrap());
            let mut window = LoadWindow::default();
            window.set_histograms(&response, &latency_histogram());
            let read = window.response_histogram().unwrap();
            prop_assert_eq!(read.len(), latencies.len() as u64);
            let longest = *latencies.iter().max().unwrap() as f64;
            prop_assert!((read.max() as f64 - longest).abs() <= longest / 100.0 + 1.0);
            // What was read can be added up, also with longer ones.
            let mut sum = latency_histogram();
            sum.add(&read).unwrap();
            prop_assert_eq!(&sum, &response);
        }
    }
}
