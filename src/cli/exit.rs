//! Exit codes: what a script learns without reading anything.

use crate::check::Outcome;

/// How springback ends. The numbers are a contract, and stand in `--help` and the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every expectation held.
    Pass,
    /// At least one did not.
    Fail,
    /// At least one could not be judged, and none failed.
    Inconclusive,
    /// Somebody asked it to end; everything is healed.
    Interrupted,
    /// Something could not be healed.
    HealIncomplete,
    /// It would not start: nothing was touched.
    Refused,
    /// The history could not be written; everything is healed.
    HistoryLost,
    /// Bad input: nothing was started.
    BadInput,
    /// A bug.
    Internal,
}

impl Exit {
    /// From the worst to the best.
    const BY_WEIGHT: [Exit; 9] = [
        Exit::HealIncomplete,
        Exit::Internal,
        Exit::HistoryLost,
        Exit::Interrupted,
        Exit::Refused,
        Exit::BadInput,
        Exit::Fail,
        Exit::Inconclusive,
        Exit::Pass,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 2,
            Self::Interrupted => 3,
            Self::HealIncomplete => 4,
            Self::Refused => 5,
            Self::HistoryLost => 6,
            Self::BadInput => 64,
            Self::Internal => 70,
        }
    }

    /// The heavier of two: of a suite the worst counts.
    pub fn worse(self, other: Self) -> Self {
        let weight = |exit| Self::BY_WEIGHT.iter().position(|known| *known == exit);
        if weight(self) <= weight(other) { self } else { other }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => Self::Pass,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Fail => Self::Fail,
        }
    }
}

/// The table of `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   pass: every expectation held
  1   fail: at least one did not hold
  2   inconclusive: at least one could not be judged, none failed
  3   interrupted, and everything is healed
  4   heal incomplete: the output says what is left and how to finish
  5   refused: nothing was started (folder in use, port, permission, lock)
  6   history lost: it, or the reports made from it, could not be written;
      everything is healed
  64  bad input or usage: nothing was started
  70  internal error
Of several scenarios the worst counts, in the order 4, 70, 6, 3, 5, 1, 2, 0.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_a_contract() {
        let numbers: Vec<u8> = Exit::BY_WEIGHT.iter().map(|exit| exit.code()).collect();
        assert_eq!(numbers, [4, 70, 6, 3, 5, 64, 1, 2, 0]);
        for exit in Exit::BY_WEIGHT {
            assert!(EXIT_CODES.contains(&format!("  {:<3} ", exit.code())), "{exit:?} is not in --help");
        }
    }

    #[test]
    fn of_two_the_heavier_counts_whatever_their_order() {
        for a in Exit::BY_WEIGHT {
            for b in Exit::BY_WEIGHT {
                assert_eq!(a.worse(b), b.worse(a));
            }
        }
        assert_eq!(Exit::Fail.worse(Exit::Inconclusive), Exit::Fail);
        assert_eq!(Exit::Fail.worse(Exit::Interrupted), Exit::Interrupted);
        assert_eq!(Exit::HealIncomplete.worse(Exit::Internal), Exit::HealIncomplete);
    }
}
