//! Codes of autoscalers.

use super::Play;

pub(super) const PLAYS: &[Play] = &[
    Play {
        code: "hpa-one-metric-broken",
        title: "one broken metric forbids every scale-down",
        meaning: "An autoscaler with several metrics grows on any of them, but shrinks only while all of them can be read. \
                  One that cannot keeps the group up for ever, even where the others are at zero.",
        recognised_by: "ScalingActive=False with a metric that failed, while another one of the same autoscaler is valid.",
        check: &["which metric failed, and with what message", "whether anybody still needs that metric"],
        fix: "Repair the metric's source, or take the metric out of the autoscaler.",
        kubernetes: "kubectl describe hpa NAME shows FailedGet…Metric; kubectl get --raw /apis/external.metrics.k8s.io/v1beta1 \
                     and its custom.metrics sister show whether an adapter answers at all.",
    },
    Play {
        code: "hpa-stale-metric",
        title: "the metric stands still",
        meaning: "The autoscaler goes by a sample that is no longer renewed. It keeps what that sample once asked for: too much \
                  after a surge, too little before one.",
        recognised_by: "Decisions whose newest sample stays the same, or whose traffic stays exactly the same, while time and \
                        the traffic that was sent moved on.",
        check: &[
            "when the series was last written",
            "the adapter between source and autoscaler, and its cache",
            "whether the series' labels changed with the last deployment",
        ],
        fix: "Repair the series or its adapter, and alert on its age, not only on its absence.",
        kubernetes: "kubectl get hpa NAME -o yaml: compare status.currentMetrics over some syncs; then ask the metric's source \
                     for the same series with its timestamp.",
    },
    Play {
        code: "hpa-missing-samples",
        title: "instances without samples are taken to be busy",
        meaning: "For an instance without a sample the autoscaler assumes the worst: on the way down, that it is fully used. A \
                  few such instances are enough to stop a contraction; without any sample there is no decision at all.",
        recognised_by: "Running instances counted as missing in most decisions, or ScalingActive=False because no instance had \
                        a sample.",
        check: &[
            "which instances report no metric",
            "scrape failures and timeouts",
            "how long a new instance takes to its first sample",
        ],
        fix: "Make every instance report from its start to its end, also when it is idle.",
        kubernetes: "kubectl top pods shows which pods have no sample; look at metrics-server, or at the scrape targets of the \
                     adapter.",
    },
    Play {
        code: "hpa-selector-overlap",
        title: "two autoscalers select the same instances",
        meaning: "The labels of two workloads overlap, so that an autoscaler measures instances that are not its own, or refuses \
                  to act.",
        recognised_by: "ScalingActive=False, AmbiguousSelector.",
        check: &["which workloads carry the same labels"],
        fix: "Give each workload a label that no other one has, and select by it.",
        kubernetes: "kubectl get pods -l SELECTOR with the selector of each workload must list its own pods and no others.",
    },
    Play {
        code: "hpa-no-request",
        title: "a container without a request",
        meaning: "The target is a share of what the pods request, and one of their containers requests nothing: the share cannot \
                  be computed, and the autoscaler does nothing at all.",
        recognised_by: "ScalingActive=False, FailedGetResourceMetric, with a message about a missing request.",
        check: &["which container it is: sidecars that are injected are easily forgotten"],
        fix: "Give every container a request for that resource, or measure one container only, with a ContainerResource metric.",
        kubernetes: "kubectl describe hpa NAME; kubectl get pod POD -o jsonpath='{.spec.containers[*].resources.requests}'.",
    },
    Play {
        code: "hpa-scale-down-disabled",
        title: "scaling down is switched off",
        meaning: "The policies for scaling down allow no instance to go: a policy of Disabled, or an amount that comes to less \
                  than one. Often left over from an incident in which it was to be kept up.",
        recognised_by: "ScalingLimited, ScaleDownLimit in decision after decision, and never a single instance given up.",
        check: &["selectPolicy of scaleDown", "policies whose percentage of the group rounds to no instance"],
        fix: "Remove scale_down.select_policy = \"Disabled\" from the group's autoscaler, or allow at least one instance a period.",
        kubernetes: "kubectl get hpa NAME -o jsonpath='{.spec.behavior.scaleDown}'.",
    },
    Play {
        code: "hpa-window-too-long",
        title: "the stabilization window is longer than the deadline",
        meaning: "On the way down the autoscaler follows the highest recommendation of its window. As long as the end of the \
                  surge lies inside it, nothing shrinks.",
        recognised_by: "AbleToScale, ScaleDownStabilized in a decision that was in force at or after the deadline, while the \
                        metrics already asked for less.",
        check: &[
            "the window against the deadline of the contraction",
            "whether the metric went up again in between, which starts the window anew",
        ],
        fix: "Shorten scale_down.stabilization_window, or allow a longer `within`; within = \"auto\" derives it from the settings \
              as seen.",
        kubernetes: "spec.behavior.scaleDown.stabilizationWindowSeconds; without it, the controller's flag rules (300 s).",
    },
    Play {
        code: "hpa-rate-too-slow",
        title: "the policies let it shrink too slowly",
        meaning: "Instances are given up one small step at a time, and the last step comes after the deadline.",
        recognised_by: "ScalingLimited, ScaleDownLimit in force after the deadline, with a count that falls in even steps.",
        check: &["amount and period of the scale-down policies", "from how many the group comes down"],
        fix: "Allow more instances a period in scale_down.policies, or a shorter period, or a longer `within`.",
        kubernetes: "spec.behavior.scaleDown.policies; with several, selectPolicy Max takes the faster one.",
    },
    Play {
        code: "hpa-tolerance-plateau",
        title: "the tolerance hides the last instances",
        meaning: "Usage is below the target, but within the tolerance, so that the autoscaler sees no reason to act.",
        recognised_by: "A usage-to-target ratio below 1 in decisions that change nothing, where fewer instances would meet the \
                        target.",
        check: &["the tolerance for scaling down", "how far the group is above what its target needs"],
        fix: "Narrow the tolerance of the autoscaler (scale_down.tolerance), or accept the bound that it implies.",
        kubernetes: "spec.behavior.scaleDown.tolerance where the cluster has it, else the controller's flag \
                     --horizontal-pod-autoscaler-tolerance.",
    },
    Play {
        code: "hpa-floor-raised",
        title: "the minimum is above what is needed",
        meaning: "The autoscaler's minimum keeps more instances than the traffic asks for. It was raised for an event, and \
                  nobody lowered it again; the calm system then counts it as its own.",
        recognised_by: "ScalingLimited, TooFewReplicas at a count above the bound, or a count that was raised to the minimum at \
                        once.",
        check: &["who raised the minimum, and when", "what the metrics ask for"],
        fix: "Lower min_replicas of the autoscaler; write expect.baseline.at_most, so that a raised minimum shows.",
        kubernetes: "kubectl get hpa NAME -o yaml --show-managed-fields names who wrote spec.minReplicas; KEDA writes it from \
                     minReplicaCount.",
    },
    Play {
        code: "hpa-flapping",
        title: "it goes up and down by itself",
        meaning: "With a steady load the count rises and falls by turns. Each rise starts the stabilization window anew, so that \
                  the group never settles.",
        recognised_by: "Two or more rises by the autoscaler after the load had ended.",
        check: &[
            "what new instances cost while they start",
            "a target close to what the instances use when calm",
            "tolerance and sync period",
        ],
        fix: "Give scale_up a stabilization_window, keep start-up work out of the metric, or widen the tolerance.",
        kubernetes: "For CPU: --horizontal-pod-autoscaler-cpu-initialization-period and readiness probes that wait for the warm-up.",
    },
    Play {
        code: "autoscaler-silent",
        title: "the autoscaler stopped deciding",
        meaning: "The last decision is many sync periods old, and it left the group large.",
        recognised_by: "No decision for more than four usual periods while the group is above its bound.",
        check: &["whether its controller runs, and its log", "whether it can still reach what it scales"],
        fix: "Restart or repair the controller, and alert when it does not decide.",
        kubernetes: "kubectl -n kube-system logs -l component=kube-controller-manager; for KEDA its operator's log.",
    },
    Play {
        code: "max-reached",
        title: "the maximum was reached",
        meaning: "The metrics asked for more instances than the autoscaler may have.",
        recognised_by: "ScalingLimited, TooManyReplicas.",
        check: &["the maximum against the surge", "what one instance serves"],
        fix: "Raise max_replicas, after making sure that what lies behind can bear it.",
        kubernetes: "spec.maxReplicas of the HPA; also see whether the nodes have room for so many.",
    },
    Play {
        code: "scale-up-limited",
        title: "growth was slowed down",
        meaning: "The policies or a stabilization window for scaling up let the group follow the surge too slowly.",
        recognised_by: "ScalingLimited, ScaleUpLimit, or AbleToScale, ScaleUpStabilized, while the metrics asked for more.",
        check: &["amount and period of the scale-up policies", "the stabilization window for scaling up"],
        fix: "Allow a larger change a period in scale_up.policies, and set scale_up.stabilization_window to 0s.",
        kubernetes: "spec.behavior.scaleUp; the default is the larger of 4 pods and 100 % in 15 s.",
    },
    Play {
        code: "demand-too-low",
        title: "nothing asked for as many",
        meaning: "The group grew as far as its metrics asked, and the traffic by that time needs no more.",
        recognised_by: "The decision in force at the deadline asks for no more than what is there, and nothing held it back.",
        check: &["the surge's rate at the deadline, against capacity × target utilization", "the deadline"],
        fix: "Expect fewer instances, or later, or let the surge rise faster.",
        kubernetes: "kubectl get hpa NAME: current against target, at that time.",
    },
    Play {
        code: "never-expanded",
        title: "the group never grew",
        meaning: "Supply stayed where it was, so nothing could be given back and nothing is proven.",
        recognised_by: "No instance more than before, from the start of the surge to its end. Why is told with it: what was \
                        wanted, what the metrics asked for, what was sent.",
        check: &[
            "what the surge offers against what the baseline serves within its target",
            "whether anything scales this group at all",
        ],
        fix: "Let the surge rise above what the instances at baseline serve; `plan` shows what it predicts.",
        kubernetes: "kubectl describe hpa NAME during the surge; a ScalingActive other than True explains most cases.",
    },
    Play {
        code: "no-scaler",
        title: "nobody scales this group down",
        meaning: "Somebody raised the count, and nothing that could lower it was ever seen to decide.",
        recognised_by: "A count above the bound, and not one decision of an autoscaler in the whole history.",
        check: &["who raised it, and whether the same should lower it"],
        fix: "Give the group an autoscaler, or let the one that scales it up scale it down too.",
        kubernetes: "kubectl get hpa -A: is there one whose scaleTargetRef names this workload?",
    },
    Play {
        code: "demand-shifted",
        title: "the traffic is not what it was",
        meaning: "When the group was to be back, more was sent than while the system was calm. Then it may rightly be larger.",
        recognised_by: "Traffic while it was judged that differs from the baseline's by more than a tenth.",
        check: &["who else sends", "whether the capacity of one instance is declared"],
        fix: "End other traffic during the run, or declare `capacity`, so that demand can be told from waste.",
        kubernetes: "",
    },
];
