//! Kubernetes' quantities, in thousandths.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Thousandths of a quantity, rounded up as Kubernetes does: `250m` is 250, `1` is 1000, `1Ki` is 1024000. `None` where it is not
/// one, or too large.
pub(super) fn milli(quantity: &Quantity) -> Option<i64> {
    let text = quantity.0.trim();
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: Decimal = number.parse().ok()?;
    let factor = match suffix {
        "" => Decimal::ONE,
        "n" => ten(-9)?,
        "u" => ten(-6)?,
        "m" => ten(-3)?,
        "k" => ten(3)?,
        "M" => ten(6)?,
        "G" => ten(9)?,
        "T" => ten(12)?,
        "P" => ten(15)?,
        "E" => ten(18)?,
        "Ki" => binary(1)?,
        "Mi" => binary(2)?,
        "Gi" => binary(3)?,
        "Ti" => binary(4)?,
        "Pi" => binary(5)?,
        "Ei" => binary(6)?,
        exponent => ten(exponent.strip_prefix(['e', 'E'])?.parse().ok()?)?,
    };
    number.checked_mul(factor)?.checked_mul(Decimal::ONE_THOUSAND)?.ceil().to_i64()
}

/// Ten to that power, as far as an amount can be told with it.
fn ten(power: i32) -> Option<Decimal> {
    match u32::try_from(power) {
        Ok(power) => Some(Decimal::from(10_i64.checked_pow(power)?)),
        Err(_) => (power >= -18).then(|| Decimal::new(1, power.unsigned_abs())),
    }
}

fn binary(power: u32) -> Option<Decimal> {
    Some(Decimal::from(1024_i64.checked_pow(power)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_an_amount_is_read() {
        for (text, wanted) in [
            ("1", Some(1_000)),
            ("250m", Some(250)),
            ("0.5", Some(500)),
            ("1500u", Some(2)),
            ("123456n", Some(1)),
            ("2k", Some(2_000_000)),
            ("1Ki", Some(1_024_000)),
            ("64Mi", Some(67_108_864_000)),
            ("1e3", Some(1_000_000)),
            ("12E-1", Some(1_200)),
            ("", None),
            ("m", None),
            ("1x", None),
            ("9E", None),
        ] {
            assert_eq!(milli(&Quantity(text.to_owned())), wanted, "{text}");
        }
    }
}
