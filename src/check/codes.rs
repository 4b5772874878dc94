//! The codes of findings: stable, in kebab-case, each with its meaning in one line. `explain` and the documents read
//! them here.

macro_rules! codes {
    ($($variant:ident, $code:literal, $meaning:literal;)*) => {
        /// Why a finding is what it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code { $(#[doc = $meaning] $variant),* }

        impl Code {
            /// As recorded and shown.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }

        /// Every code that a finding can have, and what it means.
        pub const CODES: &[(&str, &str)] = &[$(($code, $meaning)),*];
    };
}

codes! {
    // What held.
    BaselineHeld, "baseline-held", "the calm system had no more than its reference allows";
    BaselineUnanchored, "baseline-unanchored", "a note: nothing says what the calm system may have, so a leak of last night would not show";
    Expanded, "expanded", "enough instances were ready in time";
    Replaced, "replaced", "as many new instances were ready in time as were ended";
    Contracted, "contracted", "supply and desired count were back within their bound in time, and stayed there";
    LaterExcursion, "later-excursion", "a note: after its hold was over, supply rose above its bound again";
    StandbyReleased, "standby-released", "the standby was back at its dormant size in time, and stayed there";
    NoIdleSpend, "no-idle-spend", "spend was back at its baseline in time, and stayed there";
    NothingLeft, "nothing-left", "what had appeared beside the groups and served nothing was gone in time, and nothing new was left";
    ObjectiveMet, "objective-met", "enough requests were good";
    BurnWithinLimit, "burn-within-limit", "the error budget never burned faster than its limit";
    Recovered, "recovered", "each objective was met in every 5 s from the deadline on";
    StopNotTripped, "stop-not-tripped", "the stop condition was never met";
    LoadDelivered, "load-delivered", "the planned requests were sent";
    UnplannedDeath, "unplanned-death", "a note: an instance ended that no fault struck and nobody had asked to end";
    FaultEffective, "fault-effective", "the very instances were seen gone";
    // What did not hold.
    BaselineInherited, "baseline-inherited", "the calm system already had more than its reference allows: something was left over from before";
    NotExpanded, "not-expanded", "too few instances were ready by the deadline";
    NotReplaced, "not-replaced", "fewer new instances were ready by the deadline than were ended";
    NotContracted, "not-contracted", "supply or desired count was still above its bound after the deadline";
    Regrowth, "regrowth", "supply was back, and rose again inside its hold";
    TerminatingOverdue, "terminating-overdue", "instances that were asked to end outlived their grace";
    StandbyNotReleased, "standby-not-released", "the standby was still above its dormant size after the deadline";
    StandbyReleasedEarly, "standby-released-early", "the standby was released before the primary was healthy";
    StandbyBelowDormant, "standby-below-dormant", "the standby was released to less than its dormant size";
    ResidualSpend, "residual-spend", "spend was above its baseline by more than allowed after the deadline";
    LeftBehind, "left-behind", "something that appeared since the baseline was still there after the deadline, and served nothing";
    ObjectiveMissed, "objective-missed", "too many requests were not good";
    BurnTooFast, "burn-too-fast", "the error budget burned faster than its limit";
    NotRecovered, "not-recovered", "an objective was missed in some 5 s after the deadline";
    Stopped, "stopped", "a stop condition tripped: the stimuli were ended early";
    // What cannot be known.
    NeverSteady, "never-steady", "supply was never steady for long enough to have a baseline";
    AnchorNotReached, "anchor-not-reached", "the event that the deadline counts from did not happen";
    DeadlineUnknown, "deadline-unknown", "no deadline could be derived from the autoscaler as it was seen";
    SignalGap, "signal-gap", "a source was silent when it mattered; no data is never zero";
    HistoryTooShort, "history-too-short", "the history ends before it can be judged";
    HistoryUnsealed, "history-unsealed", "the history was not closed: springback or its disk died";
    RunInterrupted, "run-interrupted", "somebody asked springback to end before it was done";
    NeverExpanded, "never-expanded", "supply never rose above its baseline, so nothing was given back";
    ContractionNotProven, "contraction-not-proven", "no recorded drop of the desired count brought supply back; a heal does not count";
    DemandShifted, "demand-shifted", "traffic after the deadline differs from the baseline's, and no capacity says how much that needs";
    StandbyNeverActivated, "standby-never-activated", "the standby was never ready above its dormant size and serving";
    TooClose, "too-close", "the margin is smaller than what the source can resolve";
    SurgeNotDelivered, "surge-not-delivered", "springback did not send the load that was planned";
    StimulusCutShort, "stimulus-cut-short", "the stimulus was ended before the deadline";
    FaultHadNoEffect, "fault-had-no-effect", "the instances that a fault ended were not seen gone";
    FaultSkipped, "fault-skipped", "a fault was not injected";
    HealIncomplete, "heal-incomplete", "a fault could not be undone";
    NothingTerminated, "nothing-terminated", "no fault ended an instance that could be replaced";
    HarnessStarved, "harness-starved", "springback itself was too late for times to mean something";
    Confounded, "confounded", "somebody else changed the system during the run";
    LowTraffic, "low-traffic", "too few requests for a share of them to mean something";
    ThresholdNotCounted, "threshold-not-counted", "the run did not count requests for this latency threshold";
    NotWatched, "not-watched", "the run did not watch what this is about";
    NoPrice, "no-price", "no instance had a price";
    MixedCurrencies, "mixed-currencies", "prices are in more than one currency";
    CheckPanicked, "check-panicked", "the check itself failed: a bug in springback";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CODES;

    #[test]
    fn codes_are_kebab_case_and_each_stands_once() {
        let kebab = |code: &str| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(CODES.iter().all(|(code, _)| kebab(code)));
        assert_eq!(CODES.iter().map(|(code, _)| code).collect::<BTreeSet<_>>().len(), CODES.len());
    }

    #[test]
    fn every_code_and_its_meaning() {
        let listed: Vec<_> = CODES.iter().map(|(code, meaning)| format!("{code}: {meaning}")).collect();
        insta::assert_snapshot!(listed.join("\n"));
    }
}
