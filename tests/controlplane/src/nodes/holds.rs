//! Faults that may overlap: what the first begins, the last ends.

use std::cell::Cell;

/// How many hold.
#[derive(Debug, Default)]
pub(super) struct Holds(Cell<u32>);

impl Holds {
    /// One more; whether it is the first.
    pub(super) fn begin(&self) -> bool {
        self.0.set(self.0.get() + 1);
        self.0.get() == 1
    }

    /// One less; whether it was the last.
    pub(super) fn end(&self) -> bool {
        self.0.set(self.0.get() - 1);
        self.0.get() == 0
    }

    /// Whether any holds.
    pub(super) fn any(&self) -> bool {
        self.0.get() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::Holds;

    #[test]
    fn the_first_begins_and_the_last_ends() {
        let holds = Holds::default();
        assert_eq!([holds.begin(), holds.begin()], [true, false]);
        assert_eq!([holds.end(), holds.any(), holds.end(), holds.any()], [false, true, true, false]);
    }
}
