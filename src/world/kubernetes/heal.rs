//! Healing from anywhere: what runs left in a namespace is undone from what the cluster itself has on record.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::Api;
use tokio::time::sleep;

use crate::history::Clock;
use crate::scenario::Access;

use super::cluster::{connect, said};
use super::lock::{self, Lock};
use super::names::LEASE;
use super::undo::{Records, Undone};
use super::{Place, node_lock, timestamp};

/// A lock has to stay as it is for so long before its run is taken for dead: three heartbeats, whatever the clocks of two
/// machines say. Whatever a process sent just before its death has arrived by then.
const SILENCE: Duration = Duration::from_secs(3);

/// Which runs are to be healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Every one that left something.
    Every,
    /// One.
    Run {
        /// Its name in the cluster.
        run: String,
        /// How the lock of its process would say that it holds it ends, where that process is known not to exist any more.
        /// The expiry of such a lock is not waited for.
        ended: Option<String>,
    },
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Healed {
    /// Its lock, or another's, is alive: nothing was touched. Whose it is, and when that was heard of last.
    Alive(String),
    /// It was healed as far as that was possible.
    Run {
        /// Its name in the cluster.
        run: String,
        /// Its faults, the latest first, and what became of what each has changed.
        faults: Vec<(String, Undone)>,
        /// What else of it is left, and why.
        left: Vec<String>,
    },
}

impl Healed {
    /// Whether everything is undone and nothing is left.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Alive(_) => false,
            Self::Run { faults, left, .. } => {
                left.is_empty() && faults.iter().all(|(_, undone)| undone.left.is_empty())
            }
        }
    }
}

/// Undoes what runs left in a place.
pub struct Healer {
    client: Client,
    place: Place,
    clock: Clock,
}

impl Healer {
    /// Connects to the place's cluster. Nothing is asked of it yet.
    ///
    /// # Errors
    /// A context that the kubeconfig does not have, or a kubeconfig that cannot be read or used.
    pub async fn connect(place: Place, clock: Clock) -> Result<Self, String> {
        Ok(Self { client: connect(&place.access).await?, place, clock })
    }

    /// Undoes what the runs that are meant left, then removes their records and their lock. May be called again.
    ///
    /// # Errors
    /// The cluster did not say what there is.
    pub async fn heal(&self, which: &Which) -> Result<Vec<Healed>, String> {
        let failed = |error: &kube::Error| {
            let namespace = &self.place.namespace;
            format!("cannot read the lock of namespace \"{namespace}\": {}", said(error))
        };
        let leases = Lock::leases(&self.client, &self.place.namespace);
        let mut lease = leases.get_opt(LEASE).await.map_err(|error| failed(&error))?;
        let recorded = Records::runs(&self.client, &self.place.namespace).await?;
        let mut runs: BTreeSet<String> = recorded.into_iter().collect();
        runs.extend(lease.iter().map(|lease| lock::holder(lease).to_owned()));
        if let Which::Run { run, .. } = which {
            runs.retain(|one| one == run);
        }
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(held) = &lease {
            let known_ended = match which {
                Which::Run { ended: Some(who), .. } => lock::held_by(held).ends_with(who.as_str()),
                _ => false,
            };
            let alive = |lease: &Lease| {
                let since = lock::since(lease, timestamp(self.clock));
                Ok(vec![Healed::Alive(format!("run {}, {since}", lock::holder(lease)))])
            };
            if !known_ended && !lock::is_expired(held, timestamp(self.clock)) {
                return alive(held);
            }
            sleep(self.silence(held, known_ended)).await;
            let now = leases.get_opt(LEASE).await.map_err(|error| failed(&error))?;
            if let Some(now) = now.as_ref().filter(|now| lock::renewed(now) != lock::renewed(held)) {
                return alive(now);
            }
            lease = now;
        }
        let mut healed = Vec::new();
        for run in runs {
            let own = lease.as_ref().filter(|lease| lock::holder(lease) == run);
            healed.push(self.heal_run(run, own, &leases).await);
        }
        Ok(healed)
    }

    /// How long a lock still has to be looked at. How old it is counts only where it was written by this machine's clock.
    fn silence(&self, lease: &Lease, same_clock: bool) -> Duration {
        let renewed = lock::renewed(lease).filter(|_| same_clock);
        let age = renewed.and_then(|renewed| timestamp(self.clock).duration_since(renewed).try_into().ok());
        SILENCE.saturating_sub(age.unwrap_or_default())
    }

    async fn heal_run(&self, run: String, lease: Option<&Lease>, leases: &Api<Lease>) -> Healed {
        let records = Records::of(&self.client, &self.place.namespace, &run);
        let (mut faults, mut left) = (Vec::new(), Vec::new());
        match records.all().await {
            // Backwards: of two changes of the same field the second one was made to what the first one had written.
            Ok(recorded) => {
                for (fault, record) in recorded.unwrap_or_default().into_iter().rev() {
                    // The nodes stay locked while they are not as before: the lock was recorded first, so it comes last.
                    let is_left = |(_, undone): &(String, Undone)| !undone.left.is_empty();
                    if fault == node_lock::RECORDED_AS && faults.iter().any(is_left) {
                        continue;
                    }
                    let undone = records.undo(&fault, &record).await;
                    faults.push((fault, undone));
                }
            }
            Err(why) => left.push(why),
        }
        let healed = Healed::Run { run, faults, left };
        if !healed.is_complete() {
            return healed;
        }
        let Healed::Run { run, faults, mut left } = healed else { return healed };
        // The lock goes last: while it is there nobody begins on what is half healed.
        if let Err(why) = records.remove().await {
            left.push(format!("its records stay: {why}"));
        } else if let Some(lease) = lease
            && let Err(error) = lock::delete(leases, lease).await
            // Somebody has taken it over meanwhile: it is theirs.
            && !matches!(&error, kube::Error::Api(status) if status.code == 409)
        {
            left.push(format!("its lock stays: {}", said(&error)));
        }
        Healed::Run { run, faults, left }
    }
}

/// The command that undoes whatever runs left in a place.
pub fn heal_command(place: &Place) -> String {
    let how = match &place.access {
        Access::Context(context) => format!("--context {}", quoted(context)),
        Access::InCluster => "--in-cluster".to_owned(),
    };
    format!("springback heal {how} --namespace {}", place.namespace)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/:@+%".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_copied_into_a_shell() {
        let at = |access| heal_command(&Place { access, namespace: "shop".into() });
        assert_eq!(
            at(Access::Context("arn:aws:eks:eu-west-1:1:cluster/staging".into())),
            "springback heal --context arn:aws:eks:eu-west-1:1:cluster/staging --namespace shop"
        );
        assert_eq!(
            at(Access::Context("my cluster's".into())),
            r"springback heal --context 'my cluster'\''s' --namespace shop"
        );
        assert_eq!(at(Access::InCluster), "springback heal --in-cluster --namespace shop");
    }

    #[test]
    fn a_run_is_complete_when_nothing_is_left() {
        let run = |undone, left: &[&str]| Healed::Run {
            run: "r".into(),
            faults: vec![("fault-0".into(), undone)],
            left: left.iter().map(|why| (*why).to_owned()).collect(),
        };
        let stays = Undone { done: vec![], left: vec!["Deployment/checkout: timeout".into()] };
        assert!(run(Undone::default(), &[]).is_complete());
        assert!(!run(stays, &[]).is_complete());
        assert!(!run(Undone::default(), &["its lock stays"]).is_complete());
        assert!(!Healed::Alive("run r".into()).is_complete());
    }
}
