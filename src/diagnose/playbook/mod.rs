//! What each code means, how it is recognised, and what to do: at 3 a.m., by somebody who did not write the scenario.

mod autoscaler;
mod cluster;
mod premise;
mod service;
mod supply;

use std::fmt;

use crate::{check, scenario};

/// What to know about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Play {
    /// The code.
    pub code: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// By what behaviour it is recognised.
    pub recognised_by: &'static str,
    /// What to look at, in this order.
    pub check: &'static [&'static str],
    /// How to repair it, in the words of a scenario where it lies there.
    pub fix: &'static str,
    /// How to look and repair on Kubernetes; empty where it has no part in it.
    pub kubernetes: &'static str,
}

const FAMILIES: [&[Play]; 5] =
    [autoscaler::PLAYS, supply::PLAYS, cluster::PLAYS, service::PLAYS, premise::PLAYS];
const COUNT: usize =
    FAMILIES[0].len() + FAMILIES[1].len() + FAMILIES[2].len() + FAMILIES[3].len() + FAMILIES[4].len();

/// Every code that a diagnosis can have, by family.
pub const PLAYBOOK: &[Play] = &joined();

const fn joined() -> [Play; COUNT] {
    let mut plays = [FAMILIES[0][0]; COUNT];
    let (mut at, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut i = 0;
        while i < FAMILIES[family].len() {
            plays[at] = FAMILIES[family][i];
            at += 1;
            i += 1;
        }
        family += 1;
    }
    plays
}

/// What to know about a code, if it is one of a diagnosis.
pub fn explain(code: &str) -> Option<&'static Play> {
    PLAYBOOK.iter().find(|play| play.code == code.trim())
}

/// The known code, of a diagnosis or of a finding, that was probably meant.
pub fn nearest(code: &str) -> Option<&'static str> {
    let findings = check::CODES.iter().map(|(code, _)| *code);
    scenario::nearest(code.trim(), PLAYBOOK.iter().map(|play| play.code).chain(findings))
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {}\n\n{}\n\nRecognised by\n  {}\n\nCheck",
            self.code, self.title, self.meaning, self.recognised_by
        )?;
        for check in self.check {
            writeln!(f, "  - {check}")?;
        }
        write!(f, "\nFix\n  {}", self.fix)?;
        if !self.kubernetes.is_empty() {
            write!(f, "\n\nOn Kubernetes\n  {}", self.kubernetes)?;
        }
        writeln!(f)
    }
}
