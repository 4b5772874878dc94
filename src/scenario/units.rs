//! Quantities as people write them: `"1m 30s"`, `"40/s"`, `"99.9%"`, `"0.10 USD/h"`.
//!
//! A scenario never holds a bare number whose unit must be guessed. Each type parses the text form, prints its
//! canonical form, and is recorded as that text, so that a history reads like the scenario it came from.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Why a quantity could not be read. A lowercase fragment, fit to follow the name of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(pub String);

macro_rules! recorded_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A length of time in whole microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Microseconds.
    pub us: u64,
}

/// The longest span that a scenario may name: ten years, so that sums never overflow.
const SPAN_MAX_US: u64 = 10 * 365 * 24 * 3_600 * 1_000_000;

const SPAN_UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl Span {
    /// A span of whole microseconds.
    pub const fn from_us(us: u64) -> Self {
        Self { us }
    }
    /// A span of whole milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self { us: ms * 1_000 }
    }
    /// A span of whole seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self { us: s * 1_000_000 }
    }
    /// Seconds, for display and for rates.
    pub fn as_secs_f64(self) -> f64 {
        self.us as f64 / 1e6
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.us == 0 {
            return f.write_str("0s");
        }
        let (hours, rest) = (self.us / 3_600_000_000, self.us % 3_600_000_000);
        let (minutes, rest) = (rest / 60_000_000, rest % 60_000_000);
        let mut parts = Vec::new();
        if hours > 0 {
            parts.push(format!("{hours}h"));
        }
        if minutes > 0 {
            parts.push(format!("{minutes}m"));
        }
        if rest > 0 {
            let alone = parts.is_empty();
            if alone && rest < 1_000 {
                parts.push(format!("{rest}us"));
            } else if alone && rest < 1_000_000 {
                parts.push(format!("{}ms", Decimal::new(rest as i64, 3).normalize()));
            } else {
                parts.push(format!("{}s", Decimal::new(rest as i64, 6).normalize()));
            }
        }
        f.write_str(&parts.join(" "))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad =
            || UnitError(format!("is not a duration: \"{text}\"; write it like \"1m 30s\" or \"250ms\""));
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        let mut total = Decimal::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(|| {
                UnitError(format!("has no unit: \"{text}\"; add one of h, m, s, ms, us, like \"{rest}s\""))
            })?;
            let number: Decimal = rest[..digits].parse().map_err(|_| bad())?;
            let after = rest[digits..].trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let unit = &after[..letters];
            if unit.is_empty() {
                return Err(bad());
            }
            let (_, scale) = SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
                UnitError(format!(
                    "has an unknown unit \"{unit}\": \"{text}\"; the units are h, m, s, ms, us"
                ))
            })?;
            let part = number.checked_mul(Decimal::from(*scale)).ok_or_else(bad)?;
            total = total.checked_add(part).ok_or_else(bad)?;
            rest = after[letters..].trim_start();
        }
        if total != total.trunc() {
            return Err(UnitError(format!("is finer than a microsecond: \"{text}\"")));
        }
        match u64::try_from(total) {
            Ok(us) if us <= SPAN_MAX_US => Ok(Self { us }),
            _ => Err(UnitError(format!("is longer than ten years: \"{text}\""))),
        }
    }
}
recorded_as_text!(Span);

/// Requests per second, finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate {
    /// Requests per second.
    pub per_s: f64,
}

impl Rate {
    /// A rate of so many requests per second.
    pub const fn per_second(per_s: f64) -> Self {
        Self { per_s }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_s)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError(format!("is not a rate: \"{text}\"; write it like \"40/s\" or \"1200/min\""));
        let (number, unit) = text.trim().split_once('/').ok_or_else(bad)?;
        let number: f64 = number.trim().parse().map_err(|_| bad())?;
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3_600.0,
            other => {
                return Err(UnitError(format!(
                    "has an unknown unit \"{other}\": \"{text}\"; use /s, /min or /h"
                )));
            }
        };
        if !number.is_finite() || number < 0.0 {
            return Err(UnitError(format!("must be a finite rate of at least 0: \"{text}\"")));
        }
        if number / seconds > 1e6 {
            return Err(UnitError(format!("is more than a million requests a second: \"{text}\"")));
        }
        Ok(Self { per_s: number / seconds })
    }
}
recorded_as_text!(Rate);

/// A share of a whole, exact to a thousandth of a millionth: `"99.95%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// Parts per billion: 1_000_000_000 is the whole.
    pub ppb: u64,
}

impl Share {
    /// The whole.
    pub const WHOLE: Share = Share { ppb: 1_000_000_000 };

    /// A share of whole percents.
    pub const fn percent(percent: u64) -> Self {
        Self { ppb: percent * 10_000_000 }
    }
    /// As a ratio, 1.0 being the whole.
    pub fn ratio(self) -> f64 {
        self.ppb as f64 / 1e9
    }
    /// What is missing to the whole; zero for shares above it.
    pub fn complement(self) -> Self {
        Self { ppb: Self::WHOLE.ppb.saturating_sub(self.ppb) }
    }
    /// Whether `part` of `whole` is at least this share; exact. An empty whole meets every share.
    pub fn met_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(Self::WHOLE.ppb) >= u128::from(self.ppb) * u128::from(whole)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal::from_i128_with_scale(i128::from(self.ppb), 7).normalize())
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError(format!("is not a percentage: \"{text}\"; write it like \"99.9%\""));
        let number = text.trim().strip_suffix('%').ok_or_else(bad)?;
        let number: Decimal = number.trim().parse().map_err(|_| bad())?;
        if number.is_sign_negative() || number > Decimal::from(10_000) {
            return Err(UnitError(format!("must lie between 0% and 10000%: \"{text}\"")));
        }
        let ppb = number * Decimal::from(10_000_000);
        if ppb != ppb.trunc() {
            return Err(UnitError(format!("has more than seven decimals: \"{text}\"")));
        }
        u64::try_from(ppb).map(|ppb| Self { ppb }).map_err(|_| bad())
    }
}
recorded_as_text!(Share);

/// Money per hour in one currency: `"0.10 USD/h"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The amount for one hour.
    pub per_hour: Decimal,
    /// ISO 4217 code, three capital letters.
    pub currency: String,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/h", self.per_hour, self.currency)
    }
}

impl FromStr for Price {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bad = || UnitError(format!("is not a price: \"{text}\"; write it like \"0.10 USD/h\""));
        let (amount, unit) = text.trim().split_once(' ').ok_or_else(bad)?;
        let amount: Decimal = amount.parse().map_err(|_| bad())?;
        let (currency, per) = unit.trim().split_once('/').ok_or_else(bad)?;
        if per.trim() != "h" {
            return Err(UnitError(format!("must be per hour: \"{text}\"; write it like \"0.10 USD/h\"")));
        }
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(UnitError(format!(
                "needs a currency of three capital letters: \"{text}\"; write it like \"0.10 USD/h\""
            )));
        }
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(UnitError(format!("must not be negative: \"{text}\"")));
        }
        if amount > Decimal::from(1_000_000_000u64) || amount.scale() > 9 {
            return Err(UnitError(format!("is out of range: \"{text}\"")));
        }
        Ok(Self { per_hour: amount, currency: currency.to_owned() })
    }
}
recorded_as_text!(Price);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, us, canonical) in [
            ("1m 30s", 90_000_000, "1m 30s"),
            ("1m30s", 90_000_000, "1m 30s"),
            ("1 m 30 s", 90_000_000, "1m 30s"),
            ("250ms", 250_000, "250ms"),
            ("1.5s", 1_500_000, "1.5s"),
            ("90s", 90_000_000, "1m 30s"),
            ("2h", 7_200_000_000, "2h"),
            ("0s", 0, "0s"),
            ("10us", 10, "10us"),
            ("1m 0.25s", 60_250_000, "1m 0.25s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.us, span.to_string().as_str()), (us, canonical), "{text}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_or_with_a_wrong_one_is_refused() {
        for text in ["", "5", "5 x", "s", "-5s", "1..5s", "0.1us", "99999999h", "NaN", "٣s"] {
            assert!(text.parse::<Span>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn rates_shares_and_prices_refuse_what_is_ambiguous() {
        for text in ["40", "40/x", "-1/s", "NaN/s", "inf/s", "1e9/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text} was taken");
        }
        for text in ["0.9", "90", "-1%", "NaN%", "99.123456789%"] {
            assert!(text.parse::<Share>().is_err(), "{text} was taken");
        }
        for text in ["0.10", "0.10 USD", "0.10 usd/h", "-1 USD/h", "0.10 USD/day", "$0.10/h"] {
            assert!(text.parse::<Price>().is_err(), "{text} was taken");
        }
        assert_eq!("2400/min".parse::<Rate>().unwrap(), Rate::per_second(40.0));
        assert_eq!("0.00 USD/h".parse::<Price>().unwrap().to_string(), "0.00 USD/h");
    }

    #[test]
    fn a_share_is_met_exactly_at_its_boundary() {
        let ninety: Share = "90%".parse().unwrap();
        assert!(ninety.met_by(900, 1_000));
        assert!(!ninety.met_by(899, 1_000));
        assert!("99.9%".parse::<Share>().unwrap().met_by(999, 1_000));
    }

    proptest! {
        #[test]
        fn canonical_forms_read_back(us in 0..SPAN_MAX_US, ppb in 0u64..2_000_000_000, cents in 0i64..1_000_000) {
            let span = Span { us };
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            let share = Share { ppb };
            prop_assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
            let price = Price { per_hour: Decimal::new(cents, 2), currency: "EUR".into() };
            prop_assert_eq!(price.to_string().parse::<Price>().unwrap(), price);
        }
    }
}
