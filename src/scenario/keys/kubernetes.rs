//! Keys of `[target.kubernetes]`.

use super::*;

pub(super) static KUBERNETES: Section = choice(
    "kubernetes",
    "A system in a Kubernetes cluster. Its namespaces have to opt in by the label `springback.dev/opt-in: \"true\"`.",
    &[
        optional(
            "context",
            Kind::Text,
            r#""staging""#,
            "The context of the kubeconfig. It is never taken silently from what is current.",
        ),
        optional(
            "in_cluster",
            Kind::Flag,
            "true",
            "Reach the cluster from within, as the pod's service account.",
        ),
        required("namespace", Kind::Text, r#""shop""#, "Namespace of whatever does not name its own."),
        optional(
            "service",
            Kind::Text,
            r#""checkout""#,
            "The Service that load goes to: its load balancer's address, or from within its cluster address.",
        ),
        optional(
            "port",
            Kind::Count { min: 1, max: 65_535 },
            "80",
            "The Service's port; without it, its only one.",
        ),
        optional(
            "address",
            Kind::Text,
            r#""checkout.staging.example:80""#,
            "A host and port that load goes to instead of a Service; `allow.hosts` of springback.toml has to name it.",
        ),
        optional(
            "hpa",
            Kind::Table(&HPA),
            r#"{ sync_period = "15s" }"#,
            "How the cluster's HPA controller is set, where not as Kubernetes sets it by default. No API tells.",
        ),
        optional(
            "prices",
            Kind::Table(&OBJECT_PRICES),
            r#"{ volume_per_gib = "0.0001 USD/h", load_balancer = "0.025 USD/h" }"#,
            "What stands beside the groups and costs.",
        ),
        required(
            "group",
            Kind::Named(&KUBERNETES_GROUP),
            r#"{ primary = { workload = "Deployment/checkout" } }"#,
            "Groups of instances, by names of your choice.",
        ),
    ],
    &["context", "in_cluster"],
);

pub(super) static HPA: Section = section(
    "hpa",
    "Flags of kube-controller-manager.",
    &[
        optional("sync_period", TIME, r#""15s""#, "`--horizontal-pod-autoscaler-sync-period`; default 15s."),
        optional(
            "downscale_stabilization",
            TIME_OR_ZERO,
            r#""5m""#,
            "`--horizontal-pod-autoscaler-downscale-stabilization`; default 5m.",
        ),
        optional("tolerance", TOLERANCE, r#""10%""#, "`--horizontal-pod-autoscaler-tolerance`; default 10%."),
        optional(
            "cpu_initialization_period",
            TIME_OR_ZERO,
            r#""5m""#,
            "`--horizontal-pod-autoscaler-cpu-initialization-period`; default 5m.",
        ),
        optional(
            "initial_readiness_delay",
            TIME_OR_ZERO,
            r#""30s""#,
            "`--horizontal-pod-autoscaler-initial-readiness-delay`; default 30s.",
        ),
    ],
);

pub(super) static OBJECT_PRICES: Section = section(
    "object_prices",
    "What it costs while it exists. In idle spend count volumes and load balancers that appeared since the baseline and serve \
     nothing, and every node: where nodes have a price, what runs on them needs none.",
    &[
        optional("node", Kind::Price, r#""0.20 USD/h""#, "A node."),
        optional("volume_per_gib", Kind::Price, r#""0.0001 USD/h""#, "A GiB of a volume."),
        optional("load_balancer", Kind::Price, r#""0.025 USD/h""#, "A Service of type LoadBalancer."),
    ],
);

pub(super) static KUBERNETES_GROUP: Section = section(
    "kubernetes_group",
    "A group of pods: a workload that has a `scale` subresource.",
    &[
        required(
            "workload",
            Kind::Workload,
            r#""Deployment/checkout""#,
            "Kind and name; a kind that several API groups have with its group: `Rollout.argoproj.io/checkout`.",
        ),
        optional("namespace", Kind::Text, r#""shop-dr""#, "Its namespace, where that is not the target's."),
        optional(
            "context",
            Kind::Text,
            r#""dr""#,
            "The context of its cluster, where that is not the target's.",
        ),
        optional("replicas", INSTANCES, "1", "Of a standby, its dormant size; default 1."),
        optional(
            "capacity",
            RATE,
            r#""50/s""#,
            "Requests a second that one instance serves within the objectives.",
        ),
        optional("startup", TIME_OR_ZERO, r#""10s""#, "From its scheduling to ready, about."),
        optional(
            "grace",
            TIME_OR_ZERO,
            r#""30s""#,
            "Its `terminationGracePeriodSeconds`, where that is not Kubernetes' default of 30s.",
        ),
        optional("price", Kind::Price, r#""0.10 USD/h""#, "What one instance costs while it exists."),
        optional("takes_over_from", Kind::Group, r#""primary""#, "Makes this group a standby of that group."),
        optional("promoted_replicas", INSTANCES, "3", "Instances of a standby while it stands in."),
    ],
);
