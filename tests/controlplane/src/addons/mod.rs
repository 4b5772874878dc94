//! What runs on a control plane besides Kubernetes' own: each is started on its own, once the plane is ready.

mod karpenter;
mod keda;
mod kwok;

pub use kwok::kwok_node;
