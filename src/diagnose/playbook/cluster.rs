//! What a cluster keeps beside the groups.

use super::Play;

pub(super) const PLAYS: &[Play] = &[
    Play {
        code: "pvc-orphan",
        title: "a volume that nobody mounts any more",
        meaning: "A claim, or a volume that lost its claim, appeared in the run and stayed when its pod was gone. It is paid for \
                  until somebody deletes it.",
        recognised_by: "A claim that no pod mounts, or a volume that is Released, and that was not there at baseline. Of a \
                        StatefulSet: an ordinal that is not wanted any more.",
        check: &["whose it was (last mounted by), and whether what is on it is still needed"],
        fix: "Let the claims go with their replicas, or delete them in the tear-down; only data that is needed stays.",
        kubernetes: "A StatefulSet keeps its claims unless spec.persistentVolumeClaimRetentionPolicy.whenScaled is Delete. kubectl \
                     get pvc,pv; kubectl describe pvc NAME says Used By.",
    },
    Play {
        code: "lb-orphan",
        title: "a load balancer that leads nowhere",
        meaning: "A Service of type LoadBalancer appeared in the run and has no ready endpoint: it costs, and answers nobody.",
        recognised_by: "A Service of type LoadBalancer that was not there at baseline, without a ready endpoint.",
        check: &[
            "who made it, and what its selector was to match",
            "whether its pods are gone or only not ready",
        ],
        fix: "Delete it with what it stood in front of; put both into one release, so that both go.",
        kubernetes: "kubectl get svc,endpointslices; a Service whose deletion hangs waits for the finalizer \
                     service.kubernetes.io/load-balancer-cleanup.",
    },
    Play {
        code: "job-left",
        title: "a Job that is still there",
        meaning: "A Job appeared in the run and was not gone by the deadline: it has not finished, or nobody clears it away.",
        recognised_by: "A Job that no CronJob owns, that was not there at baseline.",
        check: &["whether it has finished", "its time to live"],
        fix: "Give it a deadline and a time to live.",
        kubernetes: "spec.activeDeadlineSeconds ends it, spec.ttlSecondsAfterFinished deletes it. kubectl describe job NAME.",
    },
    Play {
        code: "node-cordoned",
        title: "a node that takes no pods any more",
        meaning: "A node that took pods at baseline is cordoned after the run: it is paid for, and nothing is placed on it.",
        recognised_by: "A node with spec.unschedulable that was schedulable at baseline.",
        check: &["who cordoned it, and whether a drain was to follow or had ended"],
        fix: "Let whoever drains a node uncordon or delete it.",
        kubernetes: "kubectl get nodes shows SchedulingDisabled; kubectl uncordon NAME.",
    },
    Play {
        code: "node-tainted",
        title: "a taint that was left on a node",
        meaning: "A node that took pods at baseline keeps them away by a taint after the run.",
        recognised_by: "A node with a taint of effect NoSchedule or NoExecute that it did not have at baseline.",
        check: &["the taint's key: a maintenance, a pressure, a node that is not ready or not reachable"],
        fix: "Take it away with whatever set it; one of Kubernetes' own goes with its reason.",
        kubernetes: "kubectl describe node NAME; kubectl taint nodes NAME KEY-.",
    },
    Play {
        code: "node-left",
        title: "a node that came and did not go",
        meaning: "There are more nodes than at baseline, and nothing that was seen says why.",
        recognised_by: "A node or NodeClaim that appeared in the run, beyond as many as there were at baseline.",
        check: &["what runs on it", "the autoscaler of nodes: its log, its status, its timers"],
        fix: "Give the autoscaler of nodes the time that it takes, or find what keeps it.",
        kubernetes: "Cluster Autoscaler needs a node to be unneeded for 10 min, and as long after the last one that it added: see the \
                     ConfigMap cluster-autoscaler-status. Karpenter says why in events on the NodeClaim: kubectl describe nodeclaim.",
    },
    Play {
        code: "nodeclaim-stuck",
        title: "a node that is being taken away and does not go",
        meaning: "Karpenter has decided, and something keeps the end from coming: a pod, a volume, the instance itself.",
        recognised_by: "A NodeClaim with a deletion timestamp that is still there.",
        check: &["its conditions Drained, VolumesDetached and InstanceTerminating, in this order"],
        fix: "Repair what it waits for, and set a terminationGracePeriod, or it waits for ever.",
        kubernetes: "kubectl describe nodeclaim NAME; kubectl get volumeattachments.",
    },
    Play {
        code: "pdb-blocks",
        title: "a disruption budget leaves no room",
        meaning: "A PodDisruptionBudget allows no pod of the node to go, so the node stays.",
        recognised_by: "DisruptionBlocked on the node or NodeClaim, with the budget named.",
        check: &[
            "minAvailable against the replicas at rest",
            "pods of it that are not ready: they use it up",
        ],
        fix: "Leave room for one at rest: minAvailable below the least replicas, or maxUnavailable of 1.",
        kubernetes: "kubectl get pdb -A: ALLOWED DISRUPTIONS 0.",
    },
    Play {
        code: "evict-annotation-left",
        title: "an annotation pins the node",
        meaning: "A pod on the node says that it must not be disturbed, and so the node stays as long as the pod.",
        recognised_by: "DisruptionBlocked on the node or NodeClaim that names karpenter.sh/do-not-disrupt.",
        check: &["which pod has it, who set it, and whether its reason is over"],
        fix: "Set it only for as long as it is needed, on what ends by itself.",
        kubernetes: "karpenter.sh/do-not-disrupt on pod, node or NodeClaim; cluster-autoscaler.kubernetes.io/safe-to-evict: \"false\" \
                     for Cluster Autoscaler.",
    },
    Play {
        code: "karpenter-budget-zero",
        title: "the pool's budget lets no node go",
        meaning: "The disruption budget of the NodePool is zero, always or now by its schedule.",
        recognised_by: "A budget of 0 nodes in spec.disruption.budgets, and DisruptionBlocked on the NodePool.",
        check: &["spec.disruption.budgets, their schedules and reasons"],
        fix: "Allow some nodes at a time, and let schedules end before the next night.",
        kubernetes: "kubectl get nodepool NAME -o yaml; kubectl get events --field-selector reason=DisruptionBlocked.",
    },
    Play {
        code: "karpenter-never-consolidates",
        title: "the pool never consolidates",
        meaning: "consolidateAfter of the NodePool is Never: what a surge added stays until something else takes it away.",
        recognised_by: "spec.disruption.consolidateAfter: Never on the NodePool of a node that is left.",
        check: &["whether that is meant, and what else takes its nodes away"],
        fix: "Give it the time that a node may stand idle.",
        kubernetes: "kubectl patch nodepool NAME --type merge -p '{\"spec\":{\"disruption\":{\"consolidateAfter\":\"5m\"}}}'.",
    },
    Play {
        code: "karpenter-pod-churn",
        title: "pods that come and go keep the node",
        meaning: "consolidateAfter counts from the last pod that came or went; where that is more often than it is long, the node is \
                  never up for consolidation.",
        recognised_by: "lastPodEventTime of the NodeClaim moving on after quiesce, with Consolidatable never true.",
        check: &["CronJobs and short Jobs on the node, and their interval"],
        fix: "Keep them on other nodes, or make consolidateAfter shorter than their interval.",
        kubernetes: "kubectl get nodeclaim NAME -o jsonpath='{.status.lastPodEventTime}'.",
    },
    Play {
        code: "karpenter-fragmented",
        title: "a few small pods on every node",
        meaning: "What is left is spread so that no node is empty, and none can be emptied or replaced by a cheaper one.",
        recognised_by: "Unconsolidatable on the NodeClaim: WhenEmpty but not empty, or no room elsewhere.",
        check: &[
            "the consolidation policy",
            "which pods are on it, and why they cannot move: affinity, spread, volumes",
        ],
        fix: "Consolidate what is underutilized too, and let pods of small requests be placed together.",
        kubernetes: "spec.disruption.consolidationPolicy: WhenEmptyOrUnderutilized.",
    },
    Play {
        code: "spot-lock-in",
        title: "spot nodes that are not replaced by cheaper spot nodes",
        meaning: "Karpenter replaces a spot node by another only with a feature gate, and with many types to choose from.",
        recognised_by: "Unconsolidatable on the NodeClaim that names SpotToSpotConsolidation.",
        check: &["the feature gate", "how many instance types the pool allows"],
        fix: "Allow at least fifteen types, and turn the gate on.",
        kubernetes: "--feature-gates SpotToSpotConsolidation=true of Karpenter.",
    },
];
