//! How counts and outcomes read.

use crate::check::Outcome;

/// A part of a whole in percent, never rounded up to 100: `99.9%`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 1_000).checked_div(u128::from(whole)) {
        None => "–".into(),
        Some(tenths) if tenths.is_multiple_of(10) => format!("{}%", tenths / 10),
        Some(tenths) => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

/// Milliseconds with as many decimals as say something: `3.2ms`, `187ms`, `1.25s`.
pub(super) fn latency(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1}ms"),
        ms if ms < 1_000.0 => format!("{ms:.0}ms"),
        ms => format!("{:.2}s", ms / 1e3),
    }
}

/// The sign that stands before a finding.
pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Fail => "✗",
        Outcome::Inconclusive => "?",
    }
}

/// `1 failed · 2 inconclusive · 4 passed`; what there is none of is left out.
pub(super) fn tally(outcomes: impl Iterator<Item = Outcome> + Clone) -> String {
    let of = |wanted| outcomes.clone().filter(|outcome| *outcome == wanted).count();
    let parts: Vec<String> =
        [(Outcome::Fail, "failed"), (Outcome::Inconclusive, "inconclusive"), (Outcome::Pass, "passed")]
            .into_iter()
            .map(|(outcome, word)| (of(outcome), word))
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| format!("{n} {word}"))
            .collect();
    if parts.is_empty() { "nothing was judged".into() } else { parts.join(" · ") }
}

/// What an exit code means where the outcome alone does not say it.
pub(super) fn exit_meaning(code: u8) -> Option<&'static str> {
    match code {
        3 => Some("interrupted; everything that was injected is healed"),
        4 => Some("heal incomplete: something that was injected is still in place"),
        5 => Some("refused: nothing was started"),
        6 => Some(
            "the history, or the reports made from it, could not be written; everything that was injected is healed",
        ),
        64 => Some("bad input: nothing was started"),
        70 => Some("internal error"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_flatter() {
        assert_eq!(percent(99_999, 100_000), "99.9%", "not 100% while one is missing");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percent(1, 2), "50%");
    }
}
