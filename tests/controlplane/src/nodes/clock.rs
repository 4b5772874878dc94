//! Wall time, as Kubernetes writes it.

use jiff::Timestamp;

/// Now.
pub(super) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "what a node tells the API server is told in wall time")]
    Timestamp::now()
}

/// To the second, as in a status.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// To the microsecond, as in a Lease.
pub(super) fn micros(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
