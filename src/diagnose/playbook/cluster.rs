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
];
