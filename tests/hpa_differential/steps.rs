//! Any step of a case.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use springback::autoscaler::{ConditionStatus, Phase};

use crate::case::{Change, PodMetrics, PodPlan, S, SamplePlan, Source, Step, Trouble};

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let exact = select(vec![15 * S, 30 * S, 60 * S]);
    let other = select(vec![14_999_999, 15_300_001, 16 * S, 5_000, 300 * S]);
    let wait_us = prop_oneof![4 => exact, 1 => other];
    let levels = [100, 0, 0, 0, 10, 30, 50, 80, 90, 95, 99, 101, 110, 111, 115, 150, 200, 500, 2000];
    let level = option::weighted(0.3, select(levels.to_vec()));
    let at_zero_milli = select(vec![0_i64, 0, 1, 1000, 5000]);
    let more = || prop_oneof![12 => Just(0), 1 => -5..=5_i32];
    let pods = prop_oneof![1 => Just(vec![sound_pod()]), 1 => vec(pod(), 1..6)];
    let source = prop_oneof![
        30 => Just(Source::Works),
        1 => Just(Source::Negative),
        3 => Just(Source::WithOthers),
        1 => Just(Source::Empty),
        2 => Just(Source::Fails)
    ];
    let pod_metrics = prop_oneof![
        30 => Just(PodMetrics::Works),
        2 => Just(PodMetrics::WithGone),
        1 => Just(PodMetrics::Empty),
        1 => Just(PodMetrics::Fails)
    ];
    (
        (wait_us, change(), trouble(), level, at_zero_milli),
        (more(), more(), pods, vec(source, 1..4), pod_metrics),
    )
        .prop_map(
            |(
                (wait_us, change, trouble, level, at_zero_milli),
                (more_pods, more_in_status, pods, sources, pod_metrics),
            )| {
                Step {
                    wait_us,
                    change,
                    trouble,
                    level,
                    at_zero_milli,
                    more_pods,
                    more_in_status,
                    pods,
                    sources,
                    pod_metrics,
                }
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let replicas = select(vec![3_u32, 0, 1, 8, 100]).prop_map(Change::Replicas);
    let raise = (select(vec![2_u32, 4, 12]), select(vec![0_u32, 30]));
    prop_oneof![
        40 => Just(Change::Nothing),
        1 => Just(Change::Restart),
        2 => replicas,
        2 => raise.prop_map(|(min_to, max_by)| Change::Raise { min_to, max_by }),
        2 => Just(Change::Lower)
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        50 => Just(Trouble::None),
        1 => Just(Trouble::ScaleNotReadable),
        2 => Just(Trouble::ScaleNotWritable),
        1 => select(vec![Trouble::NoSelector, Trouble::BadSelector]),
        1 => Just(Trouble::Rival)
    ]
}

/// A pod that is long ready, with a fresh sample.
pub(crate) fn sound_pod() -> PodPlan {
    PodPlan {
        phase: Phase::Running,
        deleting: false,
        ready: Some((ConditionStatus::True, 1)),
        age_s: Some(2000),
        request_milli: Some(1000),
        sample: SamplePlan::Taken { age_s: 15, window_s: 30 },
        more_percent: 0,
    }
}

fn pod() -> impl Strategy<Value = PodPlan> {
    let phase = prop_oneof![
        8 => Just(Phase::Running),
        1 => select(vec![Phase::Pending, Phase::Failed, Phase::Succeeded, Phase::Unknown])
    ];
    let deleting = prop_oneof![15 => Just(false), 1 => Just(true)];
    let status = prop_oneof![
        6 => Just(ConditionStatus::True),
        2 => Just(ConditionStatus::False),
        1 => Just(ConditionStatus::Unknown)
    ];
    let ready = option::weighted(0.95, (status, select(vec![1_u64, 0, 29, 30, 31, 60, 99, 100, 200])));
    let age_s = option::weighted(0.95, select(vec![2000_u64, 0, 10, 30, 60, 100, 299, 300, 301]));
    let request_milli = prop_oneof![
        40 => select(vec![1000_i64, 100, 250, 1003]).prop_map(Some),
        1 => Just(Some(0)),
        1 => Just(None)
    ];
    let taken = (select(vec![15_u64, 0, 1, 60, 100]), select(vec![30_u64, 10, 60]))
        .prop_map(|(age_s, window_s)| SamplePlan::Taken { age_s, window_s });
    let sample = prop_oneof![6 => taken, 1 => Just(SamplePlan::Partly), 1 => Just(SamplePlan::None)];
    let more_percent = prop_oneof![2 => Just(0_i64), 1 => -20..=20_i64];
    (phase, deleting, ready, age_s, request_milli, sample, more_percent).prop_map(
        |(phase, deleting, ready, age_s, request_milli, sample, more_percent)| PodPlan {
            phase,
            deleting,
            ready,
            age_s,
            request_milli,
            sample,
            more_percent,
        },
    )
}
