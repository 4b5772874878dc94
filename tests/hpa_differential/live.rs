//! The same against a whole control plane: the HPA controller of a real controller manager, which reads real objects
//! and asks real metrics APIs, on real time.
//!
//! The metrics are ours. When the controller asks for an autoscaler's first metric, it begins a sync: the one before
//! is over then, and its status and scale are read and compared; then what the case has next is shown, and what the
//! controller may see of it is noted. The time that the model is given is when the last metric was answered. Windows
//! and periods end far from any sync, so that milliseconds decide nothing.

mod cluster;
mod series;

use std::rc::Rc;
use std::time::Duration;

use controlplane::https::Https;
use controlplane::{ControlPlane, eventually};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use springback::autoscaler::Settings;
use tokio::task::{LocalSet, spawn_local};

use crate::case::S;
use crate::coverage::Coverage;
use cluster::Cluster;
use series::Series;

/// So many autoscalers at once, and so many syncs of each.
const SERIES: usize = 10;
const SYNCS: usize = 40;
/// No whole number of seconds is near a multiple of it, but for multiples of 3 s.
const SYNC_PERIOD: Duration = Duration::from_millis(1_500);
/// In seconds; in the middle between syncs.
const WINDOWS_S: &[u64] = &[0, 2, 5, 8];
const PERIODS_S: &[u64] = &[2, 5, 8];
const DOWNSCALE_STABILIZATION: Duration = Duration::from_secs(5);

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn the_model_decides_as_a_live_control_plane_does() {
    let builder = ControlPlane::builder().hpa_sync_period(SYNC_PERIOD);
    let plane = builder.downscale_stabilization(DOWNSCALE_STABILIZATION).start().await.unwrap();
    let settings = Settings {
        sync_period_us: u64::try_from(SYNC_PERIOD.as_micros()).unwrap(),
        downscale_stabilization_us: DOWNSCALE_STABILIZATION.as_secs() * S,
        // As the plane's own flags have them.
        cpu_initialization_period_us: 2 * S,
        initial_readiness_delay_us: S,
        ..Settings::default()
    };
    let mut runner = TestRunner::new(crate::config());
    let series = (0..SERIES).map(|index| {
        let case = series::case(settings.clone()).new_tree(&mut runner).expect("no case is rejected");
        Series::new(index, case.current())
    });
    let cluster = Rc::new(Cluster::new(plane.client(), series.collect()));
    let server = Https::bind().await.unwrap();
    let port = server.port();
    let serving = Rc::clone(&cluster);
    LocalSet::new()
        .run_until(async {
            spawn_local(server.serve(move |question| {
                let cluster = Rc::clone(&serving);
                async move { cluster.answer(&question).await }
            }));
            for (group, version) in cluster::APIS {
                plane.aggregate(group, version, port).await.unwrap();
            }
            cluster.prepare().await;
            eventually("every sync of every autoscaler", async || cluster.is_over().then_some(())).await;
        })
        .await;
    let mut coverage = Coverage::default();
    let compared = cluster.compared(&mut coverage);
    let differences = cluster.differences();
    println!("{compared} decisions of a live controller compared; {} differ", differences.len());
    println!("{coverage}");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    plane.stop().unwrap();
}
