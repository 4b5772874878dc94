//! How many instances a steady load needs, seen from above.

/// How much a quotient of floats may be off, relative to itself, and still count as a whole number.
const NOISE: f64 = 1e-9;

/// The number of instances that an autoscaler settles at, at the most, when it comes down to a steady
/// traffic.
///
/// With traffic L and a target of t for an instance, n instances run at the ratio r = L / (n·t). The
/// controller leaves n alone
///
/// - within the tolerance, that is while r ≥ 1 − tolerance, or n ≤ L / ((1 − tolerance)·t);
/// - and when it would ask for n again, ⌈r·n⌉ = ⌈L/t⌉ = n.
///
/// The largest number that one of the two leaves alone is max(⌈L/t⌉, ⌊L / ((1 − tolerance)·t)⌋). An
/// autoscaler that jumps straight to ⌈L/t⌉ ends lower; one whose policies make it walk down step by step can
/// stop there. Derived from the ratio and tolerance of Kubernetes' HorizontalPodAutoscaler controller.
///
/// `traffic_per_s` and `target_per_instance` are requests per second, `down_tolerance` is a share (0.1 for 10
/// %). A quotient within a billionth of a whole number counts as that number. No traffic demands nothing. A
/// target or tolerance that nothing can satisfy (a target of 0, a tolerance of 1) demands [`u32::MAX`].
pub fn demand_replicas(traffic_per_s: f64, target_per_instance: f64, down_tolerance: f64) -> u32 {
    if traffic_per_s <= 0.0 {
        return 0;
    }
    let needed = traffic_per_s / target_per_instance;
    let tolerated = needed / (1.0 - down_tolerance);
    let is_satisfiable = target_per_instance > 0.0 && down_tolerance < 1.0 && tolerated.is_finite();
    if !is_satisfiable {
        return u32::MAX;
    }
    let least = (needed * (1.0 - NOISE)).ceil();
    let most = (tolerated * (1.0 + NOISE)).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "neither is negative, and a conversion from a float stops at the ends of the range"
    )]
    let replicas = least.max(most) as u32;
    replicas
}

#[cfg(test)]
mod tests {
    use super::demand_replicas;

    #[test]
    fn rounds_up_to_whole_instances() {
        assert_eq!(demand_replicas(41.0, 20.0, 0.1), 3);
    }

    #[test]
    fn stops_within_the_tolerance_on_the_way_down() {
        // 19 instances run at 0.947, 20 at 0.9, which is still tolerated; 21 are not.
        assert_eq!(demand_replicas(180.0, 10.0, 0.1), 20);
        assert_eq!(demand_replicas(180.0, 10.0, 0.0), 18);
    }

    #[test]
    fn a_whole_quotient_survives_float_noise() {
        // Each of these is a hair off a whole number as floats: 3.0000000000000004 and 8.999999999999998 or
        // so.
        assert_eq!(demand_replicas(0.1 + 0.2, 0.1, 0.0), 3);
        for n in 1..2_000_u32 {
            assert_eq!(demand_replicas(f64::from(n) * 0.7, 0.7, 0.0), n, "rounding up");
            // n instances at exactly 1 − tolerance are left alone.
            let traffic = f64::from(n) * 0.3 * (1.0 - 0.1);
            assert_eq!(demand_replicas(traffic, 0.3, 0.1), n, "rounding down");
        }
    }

    #[test]
    fn nothing_demands_nothing_and_the_impossible_everything() {
        assert_eq!(demand_replicas(0.0, 10.0, 0.1), 0);
        assert_eq!(demand_replicas(-1.0, 10.0, 0.1), 0);
        assert_eq!(demand_replicas(5.0, 0.0, 0.1), u32::MAX);
        assert_eq!(demand_replicas(5.0, 10.0, 1.0), u32::MAX);
        assert_eq!(demand_replicas(f64::NAN, 10.0, 0.1), u32::MAX);
        assert_eq!(demand_replicas(5.0, f64::NAN, 0.1), u32::MAX);
    }
}
