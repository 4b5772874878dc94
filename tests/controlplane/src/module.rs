//! The Go modules below `go/`.

use std::path::{Path, PathBuf};

/// Beside the programs: KWOK's stages.
pub(crate) const STAGES: &str = "stages";
/// Beside the programs: definitions of custom resources.
pub(crate) const CRDS: &str = "crds";

/// A Go module of ours, below `go/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Module {
    /// Ends programs together with their test.
    Leash,
    /// etcd, the API server, the controller manager and the scheduler, in one program.
    Kubernetes,
    /// KWOK.
    Kwok,
    /// Karpenter, with the provider that has KWOK stand in for its nodes.
    Karpenter,
    /// KEDA's operator and its adapter.
    Keda,
    /// The HPA's controller alone, on a clock that only its test moves.
    Hpa,
}

impl Module {
    /// All of them, those that every control plane needs first.
    pub const ALL: [Self; 6] =
        [Self::Leash, Self::Kubernetes, Self::Kwok, Self::Karpenter, Self::Keda, Self::Hpa];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leash => "leash",
            Self::Kubernetes => "kubernetes",
            Self::Kwok => "kwok",
            Self::Karpenter => "karpenter",
            Self::Keda => "keda",
            Self::Hpa => "hpa",
        }
    }

    /// What is built in it: its own program, or the tools that its `go.mod` names.
    pub(crate) fn packages(self) -> &'static str {
        match self {
            Self::Leash | Self::Kubernetes | Self::Hpa => ".",
            Self::Kwok | Self::Karpenter | Self::Keda => "tool",
        }
    }

    /// What its programs need besides themselves: folders of YAML files, each with the module that brings it and the
    /// name that it gets beside the programs.
    pub(crate) fn manifests(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Leash | Self::Kubernetes | Self::Hpa => &[],
            Self::Kwok => &[
                ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast", STAGES),
                ("sigs.k8s.io/kwok", "kustomize/stage/node/fast", STAGES),
                ("sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat-with-lease", STAGES),
            ],
            Self::Karpenter => &[
                ("sigs.k8s.io/karpenter", "pkg/apis/crds", CRDS),
                ("sigs.k8s.io/karpenter", "kwok/apis/crds", CRDS),
            ],
            Self::Keda => &[("github.com/kedacore/keda/v2", "config/crd/bases", CRDS)],
        }
    }

    /// Without a version of its own in it, a program says that it has none, and clients stumble over that.
    pub(crate) fn link_flags(self) -> String {
        match self {
            Self::Kubernetes => {
                let at = "k8s.io/component-base/version";
                format!("-s -w -X {at}.gitVersion=v1.36.3 -X {at}.gitMajor=1 -X {at}.gitMinor=36")
            }
            _ => "-s -w".to_owned(),
        }
    }

    pub(crate) fn folder(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.name())
    }
}
