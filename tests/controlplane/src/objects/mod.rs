//! Objects for tests, built fluently: `a_deployment("checkout").with_replicas(3).apply(&client).await`.
//!
//! [`workload`] is what most tests want: a Deployment, the Service in front of it and, if asked for, its autoscaler
//! and disruption budget.

mod autoscaler;
mod container;
mod controller;
mod object;
mod service;
mod workload;

pub use autoscaler::{Autoscaler, an_hpa};
pub use container::{Container, a_container};
pub use controller::{Controller, a_deployment, a_job, a_stateful_set};
pub use object::{Build, Object, a_budget, a_claim, a_namespace, an_object};
pub use service::{Service, a_service};
pub use workload::{Workload, workload};
