//! Arrivals: when each request is meant to be sent. Pure, and the same for the same plan.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::{LoadPlan, RatePiece, SurgeLoad, stream};
use crate::scenario::{Rate, Shape, Span};

impl LoadPlan {
    /// Requests a second that are expected at an offset from the end of the baseline phase.
    pub fn rate_at(&self, offset_us: u64) -> f64 {
        let above: f64 = self.surges.iter().flat_map(|surge| &surge.pieces).map(|p| p.at(offset_us)).sum();
        (self.baseline_per_s + above).max(0.0)
    }

    /// Requests that are expected between two offsets from the end of the baseline phase.
    pub fn expected_between(&self, from_us: u64, to_us: u64) -> f64 {
        let pieces = self.surges.iter().flat_map(|surge| &surge.pieces);
        let curve = Curve::new(self.baseline_per_s, pieces, u64::MAX);
        (curve.integral(to_us) - curve.integral(from_us)).max(0.0)
    }
}

impl SurgeLoad {
    /// What a surge of this shape puts above the baseline; nothing where it lies below.
    pub fn from_shape(id: &str, at: Span, shape: &Shape, baseline: Rate) -> Self {
        let above = (shape.to_rate().per_s - baseline.per_s).max(0.0);
        let (start_us, end_us) = (at.us, at.us + shape.lasts().us);
        let piece = |from_us, to_us, from_per_s, to_per_s| RatePiece { from_us, to_us, from_per_s, to_per_s };
        let mut pieces = match shape {
            Shape::Ramp { over, .. } => {
                let risen_us = (start_us + over.us).min(end_us);
                let share = if over.us == 0 { 1.0 } else { (risen_us - start_us) as f64 / over.us as f64 };
                vec![
                    piece(start_us, risen_us, 0.0, above * share),
                    piece(risen_us, end_us, above * share, above * share),
                ]
            }
            Shape::Step { .. } | Shape::Poisson { .. } => vec![piece(start_us, end_us, above, above)],
            Shape::Spike { .. } => vec![piece(start_us, end_us, above, 0.0)],
        };
        pieces.retain(|piece| piece.from_us < piece.to_us);
        Self { id: id.to_owned(), pieces, poisson: matches!(shape, Shape::Poisson { .. }) }
    }
}

impl RatePiece {
    /// Requests a second above the baseline; the end does not belong to the piece.
    fn at(&self, offset_us: u64) -> f64 {
        if (self.from_us..self.to_us).contains(&offset_us) { self.line(offset_us) } else { 0.0 }
    }
    fn line(&self, offset_us: u64) -> f64 {
        let along = (offset_us - self.from_us) as f64 / (self.to_us - self.from_us) as f64;
        self.from_per_s + (self.to_per_s - self.from_per_s) * along
    }
}

/// The intended send times of a plan on the run's clock, in order.
///
/// The baseline and the surges that are not random are one evenly spaced stream: request *k* is due where the
/// integral of the rate reaches *k* + ½. It begins anew where the surges' time begins, so that the same plan gives the
/// same offsets from there, however long the baseline phase took. Every Poisson surge is a stream of its own with its
/// own generator: a draw in one does not change the draws in another.
#[derive(Debug, Clone)]
pub struct Arrivals {
    plan: LoadPlan,
    surges_from_us: Option<u64>,
    surges_until_us: u64,
    end_us: u64,
    last_us: u64,
    calm: Even,
    surged: Option<Even>,
    random: Vec<Random>,
}

/// Which stream an arrival comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Calm,
    Surged,
    Random(usize),
}

impl Arrivals {
    /// The baseline from `start_us` on; without an end yet, and without surges.
    pub fn new(plan: &LoadPlan, start_us: u64) -> Self {
        let calm = Even { origin_us: start_us, curve: Curve::new(plan.baseline_per_s, [], 0), next: 0 };
        Self {
            plan: plan.clone(),
            surges_from_us: None,
            surges_until_us: u64::MAX,
            end_us: u64::MAX,
            last_us: start_us,
            calm,
            surged: None,
            random: Vec::new(),
        }
    }

    /// Where the surges' offsets count from: the end of the baseline phase. The first call counts. It must come before
    /// that time; what lies before the latest arrival taken would be left out.
    pub fn surges_from(&mut self, t0_us: u64) {
        if self.surges_from_us.is_some() {
            return;
        }
        self.surges_from_us = Some(t0_us);
        self.surged = Some(self.surged_stream(t0_us));
        self.random = self.random_streams(t0_us);
        let last_us = self.last_us;
        for stream in &mut self.random {
            while stream.peek().is_some_and(|t_us| t_us < last_us) {
                stream.advance();
            }
        }
        if let Some(stream) = &mut self.surged {
            stream.next = stream.count_before(last_us);
        }
    }

    /// Cuts the surges off: from here on there is only the baseline.
    pub fn surges_until(&mut self, t_us: u64) {
        if self.surges_until_us == t_us {
            return;
        }
        self.surges_until_us = t_us;
        let Some(t0_us) = self.surges_from_us else { return };
        let until_us = t_us.saturating_sub(t0_us);
        if let Some(stream) = &mut self.surged {
            stream.curve = even_curve(&self.plan, until_us);
        }
        for (stream, surge) in self.random.iter_mut().zip(random_surges(&self.plan)) {
            stream.curve = Curve::new(0.0, &surge.pieces, until_us);
        }
    }

    /// Ends everything: no arrival at or after this time.
    pub fn end(&mut self, t_us: u64) {
        self.end_us = t_us;
    }

    /// The next arrival, without taking it. What is told later may still change it.
    pub fn peek(&self) -> Option<u64> {
        self.front().map(|(t_us, _)| t_us)
    }

    /// Requests planned in `[from_us, to_us)` by all that is known now: exactly as many as the iterator gives there.
    pub fn planned_between(&self, from_us: u64, to_us: u64) -> u64 {
        self.planned_before(to_us).saturating_sub(self.planned_before(from_us))
    }

    fn planned_before(&self, t_us: u64) -> u64 {
        let t_us = t_us.min(self.end_us);
        let calm = self.calm.count_before(t_us.min(self.surges_from_us.unwrap_or(u64::MAX)));
        let Some(t0_us) = self.surges_from_us else { return calm };
        let random = self.random_streams(t0_us).into_iter().map(|stream| stream.count_before(t_us));
        calm + self.surged_stream(t0_us).count_before(t_us) + random.sum::<u64>()
    }

    fn surged_stream(&self, t0_us: u64) -> Even {
        let until_us = self.surges_until_us.saturating_sub(t0_us);
        Even { origin_us: t0_us, curve: even_curve(&self.plan, until_us), next: 0 }
    }

    fn random_streams(&self, t0_us: u64) -> Vec<Random> {
        let until_us = self.surges_until_us.saturating_sub(t0_us);
        random_surges(&self.plan)
            .map(|surge| {
                let curve = Curve::new(0.0, &surge.pieces, until_us);
                Random::new(t0_us, curve, stream(self.plan.seed, &format!("arrivals/{}", surge.id)))
            })
            .collect()
    }

    /// The earliest of all streams; at the same time the even ones come first.
    fn front(&self) -> Option<(u64, Source)> {
        let before_us = self.surges_from_us.unwrap_or(u64::MAX);
        let calm = self.calm.peek().filter(|t_us| *t_us < before_us).map(|t_us| (t_us, Source::Calm));
        let surged = self.surged.as_ref().and_then(Even::peek).map(|t_us| (t_us, Source::Surged));
        let random = self.random.iter().enumerate();
        let random = random.filter_map(|(i, stream)| stream.peek().map(|t_us| (t_us, Source::Random(i))));
        calm.into_iter()
            .chain(surged)
            .chain(random)
            .min_by_key(|(t_us, _)| *t_us)
            .filter(|(t_us, _)| *t_us < self.end_us)
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (t_us, from) = self.front()?;
        match from {
            Source::Calm => self.calm.next += 1,
            Source::Surged => self.surged.iter_mut().for_each(|stream| stream.next += 1),
            Source::Random(i) => self.random[i].advance(),
        }
        self.last_us = t_us;
        Some(t_us)
    }
}

fn random_surges(plan: &LoadPlan) -> impl Iterator<Item = &SurgeLoad> {
    plan.surges.iter().filter(|surge| surge.poisson)
}

/// The baseline with all surges that are not random, from the end of the baseline phase.
fn even_curve(plan: &LoadPlan, until_us: u64) -> Curve {
    let surges = plan.surges.iter().filter(|surge| !surge.poisson);
    Curve::new(plan.baseline_per_s, surges.flat_map(|surge| &surge.pieces), until_us)
}

/// Evenly spaced arrivals under a curve of rate.
#[derive(Debug, Clone)]
struct Even {
    origin_us: u64,
    curve: Curve,
    next: u64,
}

impl Even {
    fn time(&self, k: u64) -> Option<u64> {
        self.curve.inverse(k as f64 + 0.5).map(|offset_us| self.origin_us + offset_us)
    }
    fn peek(&self) -> Option<u64> {
        self.time(self.next)
    }
    /// Arrivals before a time. The integral is a guess that is right to a rounding; the times themselves decide.
    fn count_before(&self, t_us: u64) -> u64 {
        let is_before = |k| self.time(k).is_some_and(|time_us| time_us < t_us);
        let offset_us = t_us.saturating_sub(self.origin_us);
        let mut count = if offset_us == 0 { 0 } else { self.curve.integral(offset_us).round() as u64 };
        while count > 0 && !is_before(count - 1) {
            count -= 1;
        }
        while is_before(count) {
            count += 1;
        }
        count
    }
}

/// Poisson arrivals under a curve of rate: exponential steps along its integral.
#[derive(Debug, Clone)]
struct Random {
    origin_us: u64,
    curve: Curve,
    generator: ChaCha8Rng,
    /// Where the integral of the rate must be for the next arrival.
    target: f64,
    last_us: u64,
}

impl Random {
    fn new(origin_us: u64, curve: Curve, generator: ChaCha8Rng) -> Self {
        let mut stream = Self { origin_us, curve, generator, target: 0.0, last_us: origin_us };
        stream.step();
        stream
    }
    fn step(&mut self) {
        let uniform = (self.generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        self.target -= (1.0 - uniform).ln();
    }
    fn peek(&self) -> Option<u64> {
        self.curve.inverse(self.target).map(|offset_us| (self.origin_us + offset_us).max(self.last_us))
    }
    fn advance(&mut self) {
        self.last_us = self.peek().unwrap_or(self.last_us);
        self.step();
    }
    fn count_before(mut self, t_us: u64) -> u64 {
        let mut count = 0;
        while self.peek().is_some_and(|time_us| time_us < t_us) {
            self.advance();
            count += 1;
        }
        count
    }
}

/// A rate over time from zero on, made of straight pieces; the last one is level and never ends.
#[derive(Debug, Clone)]
struct Curve {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    from_us: u64,
    /// Requests a microsecond at its start.
    rate: f64,
    /// Change of that rate a microsecond.
    slope: f64,
    /// The integral up to its start.
    before: f64,
}

impl Curve {
    /// A constant rate, and on top of it the sum of the pieces up to `until_us`.
    fn new<'a>(constant_per_s: f64, pieces: impl IntoIterator<Item = &'a RatePiece>, until_us: u64) -> Self {
        let pieces: Vec<&RatePiece> =
            pieces.into_iter().filter(|piece| piece.from_us < piece.to_us.min(until_us)).collect();
        let mut bounds: Vec<u64> =
            pieces.iter().flat_map(|piece| [piece.from_us, piece.to_us.min(until_us)]).chain([0]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut segments = Vec::with_capacity(bounds.len());
        let mut before = 0.0;
        for pair in bounds.windows(2) {
            let (from_us, to_us) = (pair[0], pair[1]);
            let over = pieces.iter().filter(|piece| piece.from_us <= from_us && to_us <= piece.to_us);
            let (mut from_per_s, mut to_per_s) = (constant_per_s, constant_per_s);
            for piece in over {
                from_per_s += piece.line(from_us);
                to_per_s += piece.line(to_us);
            }
            let (rate, to_rate) = (from_per_s.max(0.0) / 1e6, to_per_s.max(0.0) / 1e6);
            let length = (to_us - from_us) as f64;
            segments.push(Segment { from_us, rate, slope: (to_rate - rate) / length, before });
            before += (rate + to_rate) / 2.0 * length;
        }
        let from_us = bounds.last().copied().unwrap_or(0);
        segments.push(Segment { from_us, rate: constant_per_s.max(0.0) / 1e6, slope: 0.0, before });
        Self { segments }
    }

    fn integral(&self, t_us: u64) -> f64 {
        let i = self.segments.partition_point(|segment| segment.from_us <= t_us) - 1;
        let Segment { from_us, rate, slope, before } = self.segments[i];
        let x = (t_us - from_us) as f64;
        before + (rate + slope * x / 2.0) * x
    }

    /// The whole microsecond in which the integral reaches a value; `None` if it never does.
    fn inverse(&self, value: f64) -> Option<u64> {
        let i = self.segments.partition_point(|segment| segment.before <= value) - 1;
        let Segment { from_us, rate, slope, before } = self.segments[i];
        let rest = value - before;
        // The root in the form that loses no digits when the slope is small, or falls to zero.
        let divisor = rate + (rate * rate + 2.0 * slope * rest).max(0.0).sqrt();
        let x = 2.0 * rest / divisor;
        match self.segments.get(i + 1) {
            Some(next) if rest > 0.0 => Some((from_us + x as u64).min(next.from_us)),
            Some(_) => Some(from_us),
            None if rate > 0.0 => Some(from_us.saturating_add(x as u64)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
