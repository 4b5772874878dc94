//! A real Kubernetes control plane on loopback, for springback's own tests: etcd, the API server, the controller
//! manager and the scheduler, built from their Go modules and started as processes that never outlive their test.
//!
//! ```no_run
//! # async fn test() -> Result<(), controlplane::Error> {
//! let plane = controlplane::ControlPlane::builder().context("primary").start().await?;
//! let client = plane.client();
//! plane.kill(controlplane::Component::ApiServer);
//! plane.restart(controlplane::Component::ApiServer).await?;
//! plane.stop()
//! # }
//! ```

mod addons;
mod arguments;
mod binaries;
mod build;
mod builder;
mod certificates;
mod component;
mod error;
pub mod https;
mod manifests;
mod memory;
mod module;
pub mod nodes;
pub mod objects;
mod plane;
mod ports;
mod process;
mod waiting;

pub use addons::kwok_node;
pub use build::{build, shown};
pub use builder::{Builder, Progress};
pub use component::Component;
pub use error::Error;
pub use manifests::apply;
pub use memory::Memory;
pub use module::Module;
pub use plane::ControlPlane;
pub use waiting::eventually;
