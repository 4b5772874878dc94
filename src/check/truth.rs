//! Whether something held, over time, in three values: a gap is neither yes nor no.

use crate::history::{Coverage, Steps};

/// Whether what is asked for holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// It holds.
    Fine,
    /// It does not.
    Amiss,
    /// A source was silent.
    Unknown,
}

/// The stretches of `[from_us, to_us]` in which a source does not vouch: `[from, to)`. The ends of what it vouches for
/// are known; a source that is not there is never known.
pub(super) fn silences(coverage: Option<&Coverage>, from_us: u64, to_us: u64) -> Vec<(u64, u64)> {
    let Some(coverage) = coverage else { return vec![(from_us, to_us + 1)] };
    let known = |t_us: u64| coverage.gap(t_us, t_us).is_none();
    let mut silences = Vec::new();
    let mut at_us = from_us;
    while let Some((from, to)) = coverage.gap(at_us, to_us) {
        let silence = (from + u64::from(known(from)), to + u64::from(!known(to)));
        if silence.0 < silence.1 {
            silences.push(silence);
        }
        if to >= to_us {
            break;
        }
        at_us = to;
    }
    silences
}

/// The truth over `[from_us, to_us]`: what `value` says at each of `times`, and unknown where a source is silent.
pub(super) fn truth(
    sources: &[Option<&Coverage>],
    times: impl IntoIterator<Item = u64>,
    (from_us, to_us): (u64, u64),
    value: impl Fn(u64) -> Truth,
) -> Steps<Truth> {
    let silences: Vec<_> = sources.iter().flat_map(|coverage| silences(*coverage, from_us, to_us)).collect();
    let mut times: Vec<u64> = times.into_iter().collect();
    times.push(from_us);
    times.extend(silences.iter().flat_map(|(from, to)| [*from, *to]));
    times.retain(|t| (from_us..=to_us).contains(t));
    times.sort_unstable();
    times.dedup();
    let mut truth = Steps::new();
    for t in times {
        let silent = silences.iter().any(|(from, to)| (*from..*to).contains(&t));
        truth.push(t, if silent { Truth::Unknown } else { value(t) });
    }
    truth
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(spans: &[(u64, u64)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (since, through) in spans {
            coverage.add(*since, *through);
        }
        coverage
    }

    #[test]
    fn the_ends_of_what_is_vouched_for_are_known() {
        let coverage = covered(&[(0, 5), (10, 15), (20, 30)]);
        assert_eq!(silences(Some(&coverage), 0, 30), [(6, 10), (16, 20)]);
        assert_eq!(silences(Some(&coverage), 10, 15), []);
        assert_eq!(silences(Some(&coverage), 7, 8), [(7, 9)]);
        assert_eq!(silences(Some(&coverage), 25, 40), [(31, 41)]);
        assert_eq!(silences(None, 3, 3), [(3, 4)]);
    }

    #[test]
    fn truth_is_unknown_where_any_source_is_silent() {
        let (a, b) = (covered(&[(0, 30)]), covered(&[(0, 12), (20, 30)]));
        let amiss_from_10 = |t| if t >= 10 { Truth::Amiss } else { Truth::Fine };
        let seen = truth(&[Some(&a), Some(&b)], [10], (0, 30), amiss_from_10);
        assert_eq!(
            seen.points(),
            &[(0, Truth::Fine), (10, Truth::Amiss), (13, Truth::Unknown), (20, Truth::Amiss)]
        );
    }
}
