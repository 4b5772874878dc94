//! Sums of money.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use rust_decimal::Decimal;

const HOUR_US: u64 = 3_600_000_000;
const MONTH_HOURS: u64 = 730;

/// A sum of money, kept as price an hour × microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount {
    price_us: Decimal,
}

impl Amount {
    /// What so much an hour comes to in so many microseconds.
    pub fn of(per_hour: Decimal, us: u64) -> Self {
        Self { price_us: per_hour * Decimal::from(us) }
    }

    /// In units of the currency: the one division.
    pub fn value(self) -> Decimal {
        self.price_us / Decimal::from(HOUR_US)
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { price_us: self.price_us + other.price_us }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { price_us: self.price_us - other.price_us }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// What so much an hour comes to in a month of 730 hours.
pub fn month(per_hour: Decimal) -> Decimal {
    per_hour * Decimal::from(MONTH_HOURS)
}

/// Money as it is shown: two decimals, and up to six where that is needed to say more than zero.
pub fn money(value: Decimal) -> String {
    let cents = value.round_dp(2);
    let shown =
        if cents == value || value.abs() >= Decimal::ONE { cents } else { value.round_dp(6).normalize() };
    if shown.scale() < 2 { format!("{shown:.2}") } else { shown.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_hour_at_a_price_is_the_price_and_a_month_has_730() {
        let price = Decimal::new(10, 2);
        assert_eq!(Amount::of(price, HOUR_US).value(), price);
        assert_eq!(month(price), Decimal::from(73));
    }

    #[test]
    fn money_is_shown_with_cents_and_finer_where_it_is_less_than_one() {
        for (value, shown) in [
            (Decimal::from(73), "73.00"),
            (Decimal::new(1, 1), "0.10"),
            (Decimal::new(123_456, 8), "0.001235"),
            (Decimal::new(123_456, 3), "123.46"),
            (Decimal::ZERO, "0.00"),
            (Decimal::new(-1, 1), "-0.10"),
            (Decimal::new(100, 3), "0.10"),
        ] {
            assert_eq!(money(value), shown);
        }
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_exactly(cents in 0i64..1_000_000, cuts in prop::collection::vec(1u64..1_000_000_007, 1..50)) {
            let price = Decimal::new(cents, 3);
            let parts: Amount = cuts.iter().map(|us| Amount::of(price, *us)).sum();
            prop_assert_eq!(parts, Amount::of(price, cuts.iter().sum()));
        }
    }
}
