//! What arrivals must be: as many as the rate says, evenly spaced or random, and the same for the same seed.

use proptest::prelude::*;

use super::*;

const S: u64 = 1_000_000;

fn plan(baseline_per_s: f64, surges: Vec<SurgeLoad>) -> LoadPlan {
    LoadPlan {
        path: "/".into(),
        baseline_per_s,
        surges,
        timeout_us: S,
        max_in_flight: 1,
        late_after_us: 1,
        give_up_after_us: 1,
        thresholds_us: vec![],
        seed: 7,
    }
}

fn surge(id: &str, at_s: u64, shape: Shape, baseline_per_s: f64) -> SurgeLoad {
    SurgeLoad::from_shape(id, Span::from_secs(at_s), &shape, Rate::per_second(baseline_per_s))
}

fn step(to_per_s: f64, lasts_s: u64) -> Shape {
    Shape::Step { to_rate: Rate::per_second(to_per_s), lasts: Span::from_secs(lasts_s) }
}

fn poisson(to_per_s: f64, lasts_s: u64) -> Shape {
    Shape::Poisson { to_rate: Rate::per_second(to_per_s), lasts: Span::from_secs(lasts_s) }
}

/// All arrivals of a plan whose surges begin at `t0_us`.
fn arrivals(plan: &LoadPlan, start_us: u64, t0_us: u64, end_us: u64) -> Arrivals {
    let mut arrivals = Arrivals::new(plan, start_us);
    arrivals.surges_from(t0_us);
    arrivals.end(end_us);
    arrivals
}

#[test]
fn the_baseline_is_evenly_spaced_from_its_start() {
    let mut arrivals = Arrivals::new(&plan(4.0, vec![]), 3 * S);
    arrivals.end(4 * S);
    let times: Vec<u64> = arrivals.by_ref().collect();
    assert_eq!(times, [3_125_000, 3_375_000, 3_625_000, 3_875_000]);
    assert_eq!(arrivals.peek(), None);
}

#[test]
fn shapes_become_pieces_above_the_baseline() {
    let rate = Rate::per_second;
    let ramp = Shape::Ramp { to_rate: rate(100.0), over: Span::from_secs(4), lasts: Span::from_secs(10) };
    let pieces = surge("surge-0", 5, ramp, 40.0).pieces;
    assert_eq!(
        pieces,
        [
            RatePiece { from_us: 5 * S, to_us: 9 * S, from_per_s: 0.0, to_per_s: 60.0 },
            RatePiece { from_us: 9 * S, to_us: 15 * S, from_per_s: 60.0, to_per_s: 60.0 },
        ]
    );
    let spike = Shape::Spike { to_rate: rate(100.0), lasts: Span::from_secs(2) };
    let pieces = surge("surge-0", 0, spike, 40.0).pieces;
    assert_eq!(pieces, [RatePiece { from_us: 0, to_us: 2 * S, from_per_s: 60.0, to_per_s: 0.0 }]);
    let random = surge("surge-0", 1, poisson(50.0, 2), 40.0);
    assert!(random.poisson);
    assert_eq!(random.pieces, [RatePiece { from_us: S, to_us: 3 * S, from_per_s: 10.0, to_per_s: 10.0 }]);
    let at_once = Shape::Ramp { to_rate: rate(100.0), over: Span::default(), lasts: Span::from_secs(1) };
    assert_eq!(surge("surge-0", 0, at_once, 40.0).pieces, surge("surge-0", 0, step(100.0, 1), 40.0).pieces);
}

#[test]
fn the_predicted_rate_adds_surges_that_overlap() {
    let surges = vec![surge("surge-0", 0, step(30.0, 4), 10.0), surge("surge-1", 2, step(15.0, 4), 10.0)];
    let plan = plan(10.0, surges);
    let rates = [0, 1, 2, 3, 4, 5, 6].map(|s| plan.rate_at(s * S));
    assert_eq!(rates, [30.0, 30.0, 35.0, 35.0, 15.0, 15.0, 10.0]);
    assert!((plan.expected_between(0, 7 * S) - 170.0).abs() < 1e-6);
}

#[test]
fn offsets_from_the_surges_start_do_not_depend_on_when_that_is() {
    let surges = vec![surge("surge-0", 1, step(33.0, 3), 7.0), surge("surge-1", 2, poisson(20.0, 3), 7.0)];
    let plan = plan(7.0, surges);
    let offsets = |start_us, t0_us: u64| -> Vec<u64> {
        let all = arrivals(&plan, start_us, t0_us, t0_us + 8 * S);
        all.filter(|t_us| *t_us >= t0_us).map(|t_us| t_us - t0_us).collect()
    };
    assert_eq!(offsets(0, 10 * S), offsets(123_456, 17_654_321));
}

#[test]
fn another_surge_does_not_change_the_draws_of_a_random_one() {
    let random = surge("surge-1", 0, poisson(50.0, 5), 0.0);
    let alone: Vec<u64> = arrivals(&plan(0.0, vec![random.clone()]), 0, 0, 5 * S).collect();
    let other = surge("surge-0", 0, poisson(70.0, 5), 0.0);
    let both: Vec<u64> = arrivals(&plan(0.0, vec![other, random]), 0, 0, 5 * S).collect();
    assert!(alone.len() > 100 && both.len() > alone.len());
    assert!(alone.iter().all(|t_us| both.binary_search(t_us).is_ok()));
}

#[test]
fn another_seed_draws_otherwise() {
    let one = plan(0.0, vec![surge("surge-0", 0, poisson(50.0, 5), 0.0)]);
    let other = LoadPlan { seed: 8, ..one.clone() };
    assert!(arrivals(&one, 0, 0, 5 * S).ne(arrivals(&other, 0, 0, 5 * S)));
}

#[test]
fn a_poisson_stream_is_as_irregular_as_it_should_be() {
    let all: Vec<u64> =
        arrivals(&plan(0.0, vec![surge("surge-0", 0, poisson(1_000.0, 20), 0.0)]), 0, 0, 20 * S).collect();
    let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!((mean - 1_000.0).abs() < 30.0, "mean {mean}");
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "deviation {}", variance.sqrt());
}

#[test]
fn a_cut_leaves_what_came_before_and_then_only_the_baseline() {
    let surges =
        vec![surge("surge-0", 0, step(100.0, 10), 10.0), surge("surge-1", 0, poisson(60.0, 10), 10.0)];
    let plan = plan(10.0, surges);
    let whole: Vec<u64> = arrivals(&plan, 0, S, 11 * S).collect();
    let mut cut = arrivals(&plan, 0, S, 11 * S);
    let mut times: Vec<u64> = cut.by_ref().take_while(|t_us| *t_us < 3 * S).collect();
    cut.surges_until(4 * S);
    times.extend(cut.by_ref().take_while(|t_us| *t_us < 4 * S));
    let until = whole.iter().filter(|t_us| **t_us < 4 * S).count();
    // `take_while` swallows the first one beyond each bound.
    assert!(times.len() + 2 >= until && times.iter().all(|t_us| whole.contains(t_us)));
    assert!((69..=70).contains(&cut.count()));
    let mut told_before = arrivals(&plan, 0, S, 11 * S);
    told_before.surges_until(4 * S);
    assert_eq!(told_before.planned_between(0, 4 * S), until as u64);
    assert_eq!(told_before.planned_between(4 * S, 11 * S), 70);
}

#[test]
fn surges_told_too_late_are_not_filled_in_afterwards() {
    let random = surge("surge-1", 0, poisson(60.0, 5), 10.0);
    let mut arrivals = Arrivals::new(&plan(10.0, vec![surge("surge-0", 0, step(50.0, 5), 10.0), random]), 0);
    let last_us = arrivals.by_ref().nth(29).unwrap();
    arrivals.surges_from(S);
    assert!(arrivals.next().unwrap() >= last_us);
}

#[test]
fn no_rate_gives_no_arrivals() {
    assert_eq!(Arrivals::new(&plan(0.0, vec![]), 5).next(), None);
    let gap = plan(0.0, vec![surge("surge-0", 100, step(2.0, 1), 0.0)]);
    assert_eq!(arrivals(&gap, 0, 0, 200 * S).collect::<Vec<_>>(), [100_250_000, 100_750_000]);
}

fn any_shape() -> impl Strategy<Value = Shape> {
    let rate = (1.0f64..400.0).prop_map(Rate::per_second);
    let lasts = (1u64..8_000).prop_map(Span::from_ms);
    (0..4, rate, lasts, 0u64..8_000).prop_map(|(kind, to_rate, lasts, over)| match kind {
        0 => Shape::Ramp { to_rate, over: Span::from_ms(over), lasts },
        1 => Shape::Step { to_rate, lasts },
        2 => Shape::Spike { to_rate, lasts },
        _ => Shape::Poisson { to_rate, lasts },
    })
}

fn any_plan() -> impl Strategy<Value = LoadPlan> {
    let surges = prop::collection::vec((0u64..6_000, any_shape()), 0..4);
    (0.0f64..80.0, surges, any::<u64>()).prop_map(|(baseline, surges, seed)| {
        let surges = surges.iter().enumerate().map(|(i, (at_ms, shape))| {
            let (at, baseline) = (Span::from_ms(*at_ms), Rate::per_second(baseline));
            SurgeLoad::from_shape(&format!("surge-{i}"), at, shape, baseline)
        });
        LoadPlan { seed, ..plan(baseline, surges.collect()) }
    })
}

proptest! {
    #[test]
    fn as_many_arrive_as_the_rate_says(plan in any_plan(), from_us in 0..12 * S, length_us in 0..12 * S) {
        let to_us = from_us + length_us;
        let random: Vec<SurgeLoad> = plan.surges.iter().filter(|surge| surge.poisson).cloned().collect();
        let mean = LoadPlan { baseline_per_s: 0.0, surges: random, ..plan.clone() }
            .expected_between(from_us, to_us);
        let even = LoadPlan {
            surges: plan.surges.iter().filter(|surge| !surge.poisson).cloned().collect(),
            ..plan.clone()
        };
        let planned = |plan| arrivals(plan, 0, 0, 30 * S).planned_between(from_us, to_us) as f64;
        let even_count = planned(&even);
        let expected = even.expected_between(from_us, to_us);
        prop_assert!((even_count - expected).abs() <= 1.001, "{even_count} of {expected}");
        // Six deviations, and some room for the skew of small means.
        let random_count = planned(&plan) - even_count;
        prop_assert!((random_count - mean).abs() <= 6.0 * mean.sqrt() + 12.0, "{random_count} of {mean}");
    }

    #[test]
    fn the_order_the_count_and_the_repetition_agree(
        plan in any_plan(), start_us in 0..2 * S, t0_us in 2 * S..5 * S, cut_us in 0..14 * S, end_us in 0..16 * S,
        from_us in 0..16 * S, length_us in 0..9 * S,
    ) {
        let mut arrivals = arrivals(&plan, start_us, t0_us, end_us);
        arrivals.surges_until(cut_us);
        let all: Vec<u64> = arrivals.clone().collect();
        prop_assert!(all.is_sorted());
        prop_assert!(all.iter().all(|t_us| (start_us..end_us).contains(t_us)));
        prop_assert!(arrivals.clone().eq(all.iter().copied()));
        let range = from_us..from_us + length_us;
        let counted = all.iter().filter(|t_us| range.contains(t_us)).count() as u64;
        prop_assert_eq!(arrivals.planned_between(range.start, range.end), counted);
    }

    #[test]
    fn an_overlay_adds_to_what_was_there(plan in any_plan(), at_ms in 0u64..4_000, shape in any_shape()) {
        let baseline = Rate::per_second(plan.baseline_per_s);
        let extra = SurgeLoad::from_shape("extra", Span::from_ms(at_ms), &shape, baseline);
        let mut surges = plan.surges.clone();
        surges.push(extra.clone());
        let both = LoadPlan { surges, ..plan.clone() };
        let alone = LoadPlan { baseline_per_s: 0.0, surges: vec![extra], ..plan.clone() };
        let total = |plan: &LoadPlan| plan.expected_between(0, 20 * S);
        prop_assert!((total(&both) - total(&plan) - total(&alone)).abs() < 1e-3);
        let count = |plan: &LoadPlan| arrivals(plan, 0, 0, 20 * S).count() as i64;
        prop_assert!((count(&both) - count(&plan) - count(&alone)).abs() <= 2);
    }
}
