//! Codes of instances, of those who want them, and of what they cost.

use super::Play;

pub(super) const PLAYS: &[Play] = &[
    Play {
        code: "gitops-fight",
        title: "two writers of one count",
        meaning: "Somebody else writes the count that the autoscaler owns, and undoes what it decides.",
        recognised_by: "A count raised again each time after the autoscaler lowered it, or a smaller count that was not taken.",
        check: &["which name wrote the count, and from where it takes its number"],
        fix: "Let one of them own the count: take it out of what the other one applies.",
        kubernetes: "kubectl get deploy NAME -o yaml --show-managed-fields: who owns spec.replicas? Leave it out of the \
                     manifests, or tell the deployer to ignore that field.",
    },
    Play {
        code: "regrowth",
        title: "it came back, and grew again",
        meaning: "The group had contracted, and was then wanted larger again within the time that it had to stay small.",
        recognised_by: "A write of a larger count after the contraction; its writer and reason are named.",
        check: &[
            "the writer: a schedule, a deployer, an operator, the autoscaler itself",
            "what the metric did at that time",
        ],
        fix: "Let that writer leave the count alone, or move its schedule out of the run if it is meant.",
        kubernetes: "kubectl get events --field-selector reason=ScalingReplicaSet; cron scalers and KEDA's cron trigger are \
                     usual suspects.",
    },
    Play {
        code: "one-replica-left",
        title: "instances that nobody wants any more",
        meaning: "More instances exist than are wanted, and nothing is being done about it. One each night is a fleet in a month.",
        recognised_by: "Supply above the wanted count for longer than a scale-down takes, with instances that were not asked to \
                        end and for which no tear-down runs.",
        check: &["who started them, and who was to end them", "whether anything still sends to them"],
        fix: "End them by hand, then repair what should have: the loop that compares wanted and existing instances.",
        kubernetes: "kubectl get pods -o wide: pods without a controller (no ownerReferences) are nobody's.",
    },
    Play {
        code: "termination-overdue",
        title: "instances outlive their grace",
        meaning: "An instance was asked to end, had its time, and is still there, and still costs.",
        recognised_by: "Asked to end, and not gone after its grace.",
        check: &[
            "whether it handles SIGTERM",
            "what it waits for: open connections, a lock, a volume",
            "who was to kill it after its grace",
        ],
        fix: "Handle SIGTERM, bound what is done after it, and let the supervisor kill after the grace.",
        kubernetes: "kubectl get pod NAME -o yaml: deletionTimestamp with finalizers names whose turn it is; a node that is gone \
                     needs its pods deleted by force.",
    },
    Play {
        code: "pod-finalizer-stuck",
        title: "a finalizer keeps a pod that has ended",
        meaning: "A pod was asked to end and had its time. A finalizer keeps its object, and whoever should take that away does not.",
        recognised_by: "Asked to end, not gone after its grace, and with finalizers.",
        check: &[
            "which controller the finalizer belongs to, and whether it runs",
            "what it guards: a volume, a registration, an address",
        ],
        fix: "Repair or bring back the controller; take the finalizer away by hand only when what it guards is cleaned up.",
        kubernetes: "kubectl get pod NAME -o jsonpath='{.metadata.finalizers}'; kubectl patch pod NAME --type=json -p \
                     '[{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}]' as the last resort.",
    },
    Play {
        code: "billing-script-dead",
        title: "the tear-down does not do its work",
        meaning: "Removing an instance waits for a program that fails, hangs or never runs. The instance stays, and so does its \
                  bill.",
        recognised_by: "Tear-downs with a failing exit status (shown with what they wrote), one that was started and has not \
                        ended, or none at all for instances that are no longer wanted.",
        check: &[
            "its exit status and what it wrote to standard error",
            "its credentials and paths since the last change",
            "who is told when it fails",
        ],
        fix: "Run it by hand for one instance, repair it, give it a time limit, and alert on its failures.",
        kubernetes: "kubectl get jobs,cronjobs -A: failed or suspended ones; kubectl logs job/NAME.",
    },
    Play {
        code: "standby-not-released",
        title: "the standby keeps standing in",
        meaning: "The primary is healthy again, and the standby is still at the size at which it stood in. Often the promotion \
                  has an owner and the release has none.",
        recognised_by: "A standby promoted by the failover, not lowered in time after the primary was healthy.",
        check: &[
            "what promotes the standby, and whether it is also what releases it",
            "whether it takes the primary for healthy",
        ],
        fix: "Release the standby where it is promoted, once the primary has been healthy for a while.",
        kubernetes: "kubectl get deploy STANDBY -o yaml --show-managed-fields: who wrote spec.replicas last, and when.",
    },
    Play {
        code: "standby-released-early",
        title: "the standby went before the primary was back",
        meaning: "The standby was sent to sleep while the primary could not serve: an outage caused by saving.",
        recognised_by: "A lower count of the standby, written while its primary had too few ready instances or was not sent to.",
        check: &["what the release waits for: a time, or the primary's health", "how health is seen"],
        fix: "Release on health, held for a while, and only once traffic goes to the primary again.",
        kubernetes: "Compare the time of the scale event with the primary's Ready endpoints (kubectl get endpointslices).",
    },
    Play {
        code: "standby-never-activated",
        title: "the standby never stood in",
        meaning: "A release is proven only of a standby that was in use.",
        recognised_by: "No time at which the standby was ready above its dormant size and sent to.",
        check: &["whether a fault lost the whole primary", "how long the failover takes to notice"],
        fix: "Add a fault that loses the primary for longer than the failover needs, or repair the failover.",
        kubernetes: "",
    },
    Play {
        code: "price-class-drift",
        title: "as many instances, but dearer ones",
        meaning: "Supply is back, spend is not: instances were replaced by ones of a dearer class.",
        recognised_by: "Instances at the end that cost more than any did while the system was calm.",
        check: &["which instances replaced others, and what decided their class"],
        fix: "Let replacements take the class of what they replace, or move them back afterwards.",
        kubernetes: "kubectl get nodes -L node.kubernetes.io/instance-type -L karpenter.sh/capacity-type: spot that became \
                     on-demand, and larger types.",
    },
    Play {
        code: "baseline-leak-inherited",
        title: "the calm system is too large already",
        meaning: "Before anything was done to it, the system had more than it may have. What an earlier night left has become \
                  tonight's normal.",
        recognised_by: "A baseline above expect.baseline.at_most, or above that of the last passing run, and nothing in this \
                        history that says why.",
        check: &[
            "what changed since the last passing run (springback compare)",
            "instances older than the run",
        ],
        fix: "Remove what is left over. Raise expect.baseline.at_most only if the system is meant to be that large.",
        kubernetes: "kubectl get pods,pvc,svc -A --sort-by=.metadata.creationTimestamp shows what has been there for longer than \
                     it should.",
    },
    Play {
        code: "replacement-missing",
        title: "nobody starts what is wanted",
        meaning: "Fewer instances exist than are wanted, and none is on its way.",
        recognised_by: "Supply below the wanted count for seconds, or until the end, without a new instance.",
        check: &["what replaces instances, and its log", "quota, images, addresses: what a start needs"],
        fix: "Repair or restart what replaces instances; let it report starts that fail.",
        kubernetes: "kubectl describe rs NAME: FailedCreate names quota or admission; Pending pods want room.",
    },
    Play {
        code: "replacement-slow",
        title: "replaced, but too late",
        meaning: "The killed instances have successors, and these were ready after the deadline.",
        recognised_by: "The last successor that was needed ready after the deadline; how long each took is shown.",
        check: &["time until the death was noticed", "time from start to ready"],
        fix: "Shorten the start-up, notice deaths sooner, or allow a longer `within`.",
        kubernetes: "Image pulls, init containers and initialDelaySeconds of the readiness probe are the usual parts.",
    },
    Play {
        code: "instance-never-ready",
        title: "a new instance does not become ready",
        meaning: "It was started and never served: what it needs is not there, or it fails.",
        recognised_by: "Started and not ready for much longer than the others took, or gone before it was ready.",
        check: &[
            "its log and exit status",
            "its readiness probe",
            "what it needs that the first ones still had: a secret, a lock, a licence",
        ],
        fix: "Repair its start; until then the group lives on borrowed instances.",
        kubernetes: "kubectl describe pod NAME, kubectl logs NAME --previous.",
    },
    Play {
        code: "startup-slow",
        title: "started in time, ready too late",
        meaning: "Enough instances were on their way when it counted, and not ready yet.",
        recognised_by: "Instances that were started before the deadline and ready after it, with fewer ready than wanted.",
        check: &["time from start to ready", "when the decision to grow came"],
        fix: "Shorten the start-up, or aim at a lower target so that growth begins earlier.",
        kubernetes: "Pre-pulled images, smaller images and headroom on the nodes shorten it most.",
    },
];
