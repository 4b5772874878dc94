//! The clock that every instant of a history is on.

/// The run's clock: tokio's monotonic clock with an origin, and the wall clock beside it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: tokio::time::Instant,
    origin_unix_ms: i64,
    wall: Wall,
}

/// Where wall time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wall {
    /// The machine.
    Machine,
    /// A fixed origin, in milliseconds since 1970, from which it runs with the monotonic clock: in virtual time, so
    /// that two histories compare equal.
    From(i64),
}

impl Clock {
    /// A clock that starts now.
    pub fn start(wall: Wall) -> Self {
        let origin_unix_ms = match wall {
            Wall::Machine => machine_unix_ms(),
            Wall::From(unix_ms) => unix_ms,
        };
        Self { origin: tokio::time::Instant::now(), origin_unix_ms, wall }
    }
    /// Microseconds since the start of the run.
    pub fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
    /// The instant of a time on this clock.
    pub fn instant(&self, t_us: u64) -> tokio::time::Instant {
        self.origin + std::time::Duration::from_micros(t_us)
    }
    /// Wall clock at the origin, milliseconds since 1970.
    pub fn origin_unix_ms(&self) -> i64 {
        self.origin_unix_ms
    }
    /// Wall clock now, milliseconds since 1970. Evidence, never order.
    pub fn unix_ms(&self) -> i64 {
        match self.wall {
            Wall::Machine => machine_unix_ms(),
            Wall::From(unix_ms) => unix_ms + (self.now_us() / 1_000) as i64,
        }
    }
    /// Waits until a time on this clock.
    pub async fn sleep_until(&self, t_us: u64) {
        tokio::time::sleep_until(self.instant(t_us)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where a run reads the wall clock")]
fn machine_unix_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
