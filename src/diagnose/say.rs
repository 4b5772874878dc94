//! How times and counts read, here and in the reports.

/// A time relative to a zero: `+12.3s`, `−4.0s`, `+1m 02s`.
pub(crate) fn relative(t_us: u64, zero_us: u64) -> String {
    let sign = if t_us < zero_us { '−' } else { '+' };
    format!("{sign}{}", lasting(t_us.abs_diff(zero_us)))
}

/// A length of time, rounded to what a reader needs: `850ms`, `12.3s`, `4m 05s`, `2h 03m`.
pub(crate) fn lasting(us: u64) -> String {
    if us == 0 {
        return "0s".into();
    }
    let tenths = (us + 50_000) / 100_000;
    if tenths == 0 || us < 1_000_000 {
        return format!("{}ms", us.div_ceil(1_000));
    }
    if tenths < 600 {
        return match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            rest => format!("{}.{rest}s", tenths / 10),
        };
    }
    let seconds = (us + 500_000) / 1_000_000;
    match seconds / 3_600 {
        0 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        hours => format!("{hours}h {:02}m", seconds % 3_600 / 60),
    }
}

/// A whole number with its thousands apart: `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        for (us, text) in [
            (0, "0s"),
            (400, "1ms"),
            (850_000, "850ms"),
            (1_000_000, "1s"),
            (12_340_000, "12.3s"),
            (59_960_000, "1m 00s"),
            (245_000_000, "4m 05s"),
            (7_380_000_000, "2h 03m"),
        ] {
            assert_eq!(lasting(us), text);
        }
        assert_eq!(relative(8_000_000, 12_000_000), "−4s");
        assert_eq!(relative(12_500_000, 12_000_000), "+500ms");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
    }
}
