//! Times and counts as findings say them.

use crate::scenario::Anchor;

/// A length of time, as exact as it is worth: `20 s`, `9.8 s`, `120 ms`, `1 µs`, `2 min 5 s`.
pub(super) fn span(us: u64) -> String {
    let tenths = |us: u64| {
        let tenths = us / 100_000 + u64::from(us % 100_000 >= 50_000);
        if tenths.is_multiple_of(10) {
            format!("{}", tenths / 10)
        } else {
            format!("{}.{}", tenths / 10, tenths % 10)
        }
    };
    match us {
        0 => "0 s".into(),
        1..1_000 => format!("{us} µs"),
        1_000..999_500 => format!("{} ms", us / 1_000 + u64::from(us % 1_000 >= 500)),
        _ if us < 59_950_000 => format!("{} s", tenths(us)),
        _ => {
            let seconds = us / 1_000_000 + u64::from(us % 1_000_000 >= 500_000);
            let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
            let said = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}"));
            said.collect::<Vec<_>>().join(" ")
        }
    }
}

/// An anchor as a noun, to stand after "after".
pub(super) fn event(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::SurgeStart => "the surge's start",
        Anchor::SurgeEnd => "the surge's end",
        Anchor::Healed => "the last heal",
        Anchor::PrimaryHealthy => "the primary's return to health",
        Anchor::Quiesce => "quiesce",
    }
}

/// When something happened, from an event, as an adverb: `9.8 s after quiesce`, `at quiesce`.
pub(super) fn relative(t_us: u64, from_us: u64, event: &str) -> String {
    if t_us == from_us { format!("at {event}") } else { instant(t_us, from_us, event) }
}

/// When something happened, from an event, to stand after "by" or "from": `9.8 s after quiesce`, `quiesce`.
pub(super) fn instant(t_us: u64, from_us: u64, event: &str) -> String {
    match t_us.checked_sub(from_us) {
        Some(0) => event.to_owned(),
        Some(after) => format!("{} after {event}", span(after)),
        None => format!("{} before {event}", span(from_us - t_us)),
    }
}

/// `1 instance`, `2 instances`.
pub(super) fn instances(n: u32) -> String {
    if n == 1 { "1 instance".into() } else { format!("{n} instances") }
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`; of many the first few.
pub(super) fn list<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "none".into(),
        [one] => (*one).into(),
        [first @ .., last] if names.len() <= SHOWN => format!("{} and {last}", first.join(", ")),
        many => format!("{} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    }
}

/// A ratio in percent, with as many decimals as tell it from 100 %.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "no".into();
    }
    // Rounded down: 99.996 % of 100 % is not shown as 100 %.
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_say_what_they_are_worth() {
        for (us, said) in [
            (0, "0 s"),
            (1, "1 µs"),
            (1_000, "1 ms"),
            (120_400, "120 ms"),
            (999_600, "1 s"),
            (1_000_000, "1 s"),
            (9_823_411, "9.8 s"),
            (20_000_000, "20 s"),
            (59_960_000, "1 min"),
            (125_000_000, "2 min 5 s"),
            (3_600_000_000, "1 h"),
        ] {
            assert_eq!(span(us), said);
        }
    }

    #[test]
    fn times_lists_and_shares_read_as_sentences() {
        assert_eq!(relative(29_800_000, 20_000_000, "quiesce"), "9.8 s after quiesce");
        assert_eq!(relative(10_000_000, 20_000_000, "quiesce"), "10 s before quiesce");
        assert_eq!(relative(20_000_000, 20_000_000, "quiesce"), "at quiesce");
        assert_eq!(instant(20_000_000, 20_000_000, "quiesce"), "quiesce");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list(&["a"; 11]), "a, a, a, a, a, a, a, a and 3 more");
        assert_eq!(percent(99_999, 100_000), "99.99%");
        assert_eq!(percent(1, 1), "100.00%");
    }
}
