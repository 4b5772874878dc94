//! The model of the autoscaler against Kubernetes' own controller, decision by decision.
//!
//! Cases are made up from a seed. Each is played sync by sync to the controller of Kubernetes 1.36.3, unchanged, on a
//! clock of its own (`tests/controlplane/go/hpa`), and to `springback::autoscaler`. What is expected is what the
//! controller left on its autoscaler and wrote to the scale; nothing here computes it. The controller also closes
//! the loop: the next sync begins with the replicas that it wrote. `live` does the same with a whole control plane.
//!
//! `PROPTEST_CASES` (256) says how many cases, `PROPTEST_RNG_SEED` (36) which.

#![expect(clippy::print_stdout, reason = "how much was compared is a part of the result")]

mod case;
mod compare;
mod controller;
mod coverage;
mod documents;
mod input;
mod live;
mod play;
mod scene;
mod specs;
mod steps;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use case::Case;
use controller::Controller;
use coverage::Coverage;
use play::{Play, play};

/// A simpler case is looked for so often.
const SIMPLER_AT_MOST: u32 = 2_000;

#[test]
#[ignore = "needs Go, and a minute to build Kubernetes' controller"]
fn the_model_decides_as_kubernetes_does() {
    let config = config();
    let (cases, seed) = (config.cases, config.rng_seed);
    let mut runner = TestRunner::new(config);
    let mut controller = Controller::start();
    let mut coverage = Coverage::default();
    let (mut compared, mut differing, mut first) = (0, 0, None);
    for _ in 0..cases {
        let tree = case::case().new_tree(&mut runner).expect("no case is rejected");
        let played = play(&tree.current(), &mut controller, &mut coverage);
        compared += played.compared;
        if played.difference.is_some() {
            differing += 1;
            first.get_or_insert(tree);
        }
    }
    println!("{compared} decisions compared, in {cases} cases ({seed:?}); {differing} differ");
    println!("{coverage}");
    if let Some(tree) = first {
        let Play { difference, .. } = simplest(tree, &mut controller);
        panic!(
            "{differing} of {compared} decisions differ. The first, made simple:\n{}",
            difference.unwrap()
        );
    }
    let never = coverage.never_reached();
    assert!(never.is_empty(), "no case leads to {never:?}: nothing is proven about them");
}

/// The same cases every time, unless the environment says otherwise.
fn config() -> Config {
    let mut config = Config::default();
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(36);
    }
    config
}

/// The simplest case that proptest finds which still differs, played.
fn simplest(mut tree: impl ValueTree<Value = Case>, controller: &mut Controller) -> Play {
    let mut again = |case: &Case| play(case, controller, &mut Coverage::default());
    let mut simplest = again(&tree.current());
    let mut more = tree.simplify();
    for _ in 0..SIMPLER_AT_MOST {
        if !more {
            break;
        }
        let played = again(&tree.current());
        more = if played.difference.is_some() {
            simplest = played;
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    simplest
}
