//! The status as rows for a terminal of a given size: a small one shows less, a large one uses its room.

use super::picture::{Group, Picture, Stand, State};
use super::text::{Line, Tone, bar, seconds_left, sparkline};

/// From so many columns on, series stand beside the numbers, one above the other.
const WIDE: usize = 130;
/// Where they begin then, after the label.
const NUMBERS: usize = 74;
/// A series is not drawn in less room, and takes no more.
const SERIES: (usize, usize) = (6, 60);
/// What is still to come is said up to so many rows.
const COMING_ROWS: usize = 3;
/// A bar takes no less room, and no more.
const BAR: (usize, usize) = (4, 60);
const GAP: &str = "  ";

/// The rows of a status on a terminal of so many columns and rows, none as wide as the terminal. At least a third of
/// the terminal stays for the events.
pub(super) fn rows(picture: &Picture, columns: usize, rows: usize) -> Vec<Line> {
    let columns = columns.saturating_sub(1);
    let budget = rows.saturating_sub(1) * 2 / 3;
    if columns < 8 || budget == 0 {
        return Vec::new();
    }
    Layout::new(picture, columns).fit(budget).into_iter().map(|row| row.cut(columns)).collect()
}

/// The parts of a status from top to bottom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Strip,
    Phase,
    Traffic,
    Groups,
    Spend,
    Gauges,
    Coming,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Title,
        Self::Strip,
        Self::Phase,
        Self::Traffic,
        Self::Groups,
        Self::Spend,
        Self::Gauges,
        Self::Coming,
    ];
    /// Where there is no room for all, the first of these stay.
    const BY_WEIGHT: [Self; 8] = [
        Self::Phase,
        Self::Groups,
        Self::Traffic,
        Self::Coming,
        Self::Gauges,
        Self::Title,
        Self::Strip,
        Self::Spend,
    ];
}

struct Layout<'a> {
    picture: &'a Picture,
    columns: usize,
    /// Columns of the labels at the left, with the gap after them.
    label: usize,
}

impl<'a> Layout<'a> {
    fn new(picture: &'a Picture, columns: usize) -> Self {
        let names = picture.groups.iter().map(|group| Line::new().with(Tone::Plain, &group.name).width());
        let label = names.chain(["warm-up ".len(), "traffic ".len()]).max().unwrap_or(0);
        Self { picture, columns, label: label.min(columns / 3) + GAP.len() }
    }

    fn fit(&self, budget: usize) -> Vec<Line> {
        let mut left = budget;
        let mut taken: Vec<(Part, Vec<Line>)> = Vec::new();
        for part in Part::BY_WEIGHT {
            let mut rows = self.part(part, left);
            rows.truncate(left);
            left -= rows.len();
            taken.push((part, rows));
        }
        let untitled = taken.iter().any(|(part, rows)| *part == Part::Title && rows.is_empty());
        if untitled && let Some((_, rows)) = taken.iter_mut().find(|(part, _)| *part == Part::Phase) {
            *rows = vec![self.phase(&self.picture.place.words(""))];
        }
        let of = |part: Part| taken.iter().filter(move |(other, _)| *other == part);
        Part::ALL.into_iter().flat_map(of).flat_map(|(_, rows)| rows.clone()).collect()
    }

    /// The rows of a part, where so many are left.
    fn part(&self, part: Part, left: usize) -> Vec<Line> {
        match part {
            Part::Title => vec![self.title()],
            Part::Strip => self.strip(),
            Part::Phase => vec![self.phase("")],
            Part::Traffic => self.traffic(),
            Part::Groups => self.groups(left.saturating_sub(2).max(1)),
            Part::Spend => self.spend(),
            Part::Gauges => self.gauges(),
            Part::Coming => self.coming(),
        }
    }

    fn labelled(&self, label: &str, tone: Tone) -> Line {
        Line::new().with(tone, label).cut(self.label - GAP.len()).padded(self.label)
    }

    /// A rule that parts the status from the events.
    fn title(&self) -> Line {
        let mut place = self.picture.place.words("scenario ");
        if !place.is_empty() {
            place = format!(" {place} ");
        }
        let room = self.columns.saturating_sub(place.len() + 7);
        let name = Line::new().with(Tone::Strong, &self.picture.name).cut(room);
        let rule = |columns: usize| "\u{2500}".repeat(columns);
        let mut title = Line::new().with(Tone::Dim, rule(2) + " ");
        title.append(name);
        title.push(Tone::Dim, " ");
        let filler = self.columns.saturating_sub(title.width() + place.len() + 2);
        title.push(Tone::Dim, &rule(filler));
        title.push(Tone::Plain, &place);
        title.push(Tone::Dim, &rule(2));
        title
    }

    fn strip(&self) -> Vec<Line> {
        let items = self.picture.strip.iter().map(|(name, stand)| match stand {
            Stand::Over => Line::new().with(Tone::Good, "\u{2713} ").with(Tone::Plain, name),
            Stand::Now => Line::new().with(Tone::Busy, "\u{25b8} ").with(Tone::Strong, name),
            Stand::ToCome => Line::new().with(Tone::Dim, format!("\u{b7} {name}")),
        });
        let mut strip = Line::new();
        for (n, item) in items.enumerate() {
            strip.push(Tone::Plain, if n > 0 { GAP } else { "" });
            strip.append(item);
        }
        // Half a strip would be a riddle; the phase's own row says the most of it.
        if strip.width() > self.columns { Vec::new() } else { vec![strip] }
    }

    /// The present phase, its time, and more at the end where there is room.
    fn phase(&self, more: &str) -> Line {
        let phase = &self.picture.phase;
        let mut row = self.labelled(phase.name, Tone::Strong);
        let time = Line::new().with(Tone::Plain, &phase.time);
        let more = Line::new().with(Tone::Dim, more);
        let mut words = time.clone();
        let room = |words: &Line| self.columns.saturating_sub(self.label + 2 * GAP.len() + words.width());
        if more.width() > 0 && room(&time) > more.width() + BAR.0 {
            words.push(Tone::Plain, GAP);
            words.append(more);
        }
        let bar_columns = room(&words).min(self.columns / 3).min(BAR.1);
        if let Some((done, whole)) = phase.progress.filter(|_| bar_columns >= BAR.0) {
            row.append(bar(done, whole, bar_columns));
            row.push(Tone::Plain, GAP);
        }
        row.append(words);
        row
    }

    fn traffic(&self) -> Vec<Line> {
        let Some(traffic) = &self.picture.traffic else {
            return vec![self.labelled("traffic", Tone::Plain).with(Tone::Dim, "none yet")];
        };
        let per_s = |rate: f64, what: &str| Line::new().with(Tone::Plain, format!("{rate:.0}/s {what}"));
        let errors = if traffic.errors_percent > 0.0 { Tone::Bad } else { Tone::Plain };
        let mut items = vec![
            per_s(traffic.wanted, "wanted"),
            per_s(traffic.sent, "sent"),
            per_s(traffic.good, "good"),
            Line::new().with(errors, format!("errors {:.1}%", traffic.errors_percent)),
        ];
        if let Some((p50, p99)) = &traffic.percentiles {
            items.push(Line::new().with(Tone::Plain, format!("p50 {p50}  p99 {p99}")));
        }
        let mut rows = self.flow("traffic", items, 2);
        if self.columns >= WIDE
            && let Some(first) = rows.first_mut()
        {
            let series = self.series(&traffic.series, self.label + NUMBERS);
            *first = std::mem::take(first).padded(self.label + NUMBERS).with(Tone::Busy, series);
        }
        rows
    }

    /// A row a group; the groups that find no room are summed up in the last one.
    fn groups(&self, room: usize) -> Vec<Line> {
        let groups = &self.picture.groups;
        let shown = if groups.len() > room { room - 1 } else { groups.len() };
        let mut rows: Vec<_> = groups[..shown].iter().map(|group| self.group(group)).collect();
        let rest = &groups[shown..];
        if !rest.is_empty() {
            let ready: usize = rest.iter().map(|group| group.ready).sum();
            let desired: u32 = rest.iter().map(|group| group.desired).sum();
            let words = if shown > 0 { "more groups" } else { "groups" };
            let text = format!("{} {words}: {ready}/{desired} ready", rest.len());
            rows.push(Line::new().with(Tone::Plain, text));
        }
        rows
    }

    fn group(&self, group: &Group) -> Line {
        let groups = &self.picture.groups;
        let counts = |group: &Group| format!("{}/{} ready", group.ready, group.desired);
        let widest = |words: &dyn Fn(&Group) -> usize| groups.iter().map(words).max().unwrap_or(0);
        let tone = if group.ready == group.desired as usize { Tone::Plain } else { Tone::Warn };
        let mut row = self.labelled(&group.name, Tone::Plain).with(tone, counts(group));
        let mut end = self.label + widest(&|group| counts(group).len());
        let states = widest(&|group| group.state.words().len());
        if states > 0 {
            row = row.padded(end + GAP.len()).with(state_tone(&group.state), group.state.words());
            end += GAP.len() + states;
        }
        let spends = widest(&|group| group.spend.as_ref().map_or(0, String::len));
        if spends > 0 && end + GAP.len() + spends + GAP.len() + SERIES.0 <= self.columns {
            row = row.padded(end + GAP.len()).with(Tone::Plain, group.spend.as_deref().unwrap_or_default());
            end += GAP.len() + spends;
        }
        let at = if self.columns >= WIDE { self.label + NUMBERS } else { end + GAP.len() };
        let series = self.series(&group.series, at);
        if series.is_empty() { row } else { row.padded(at).with(Tone::Busy, series) }
    }

    /// A series that begins in that column.
    fn series(&self, values: &[Option<u32>], at: usize) -> String {
        let room = self.columns.saturating_sub(at).min(SERIES.1);
        if room < SERIES.0 { String::new() } else { sparkline(values, room) }
    }

    fn spend(&self) -> Vec<Line> {
        let spend = self.picture.spend.as_ref();
        spend.map(|spend| self.labelled("spend", Tone::Plain).with(Tone::Plain, spend)).into_iter().collect()
    }

    fn gauges(&self) -> Vec<Line> {
        let items = self.picture.gauges.iter().map(|gauge| {
            let reached = gauge.limit.as_ref().map_or(0.0, |limit| limit.reached);
            let (tone, mark) = match reached {
                reached if reached > 1.0 => (Tone::Bad, "!"),
                reached if reached > 0.5 => (Tone::Warn, ""),
                _ => (Tone::Plain, ""),
            };
            let mut item = Line::new().with(Tone::Plain, format!("{} ", gauge.name));
            item.push(tone, &format!("{}{mark}", gauge.value));
            if let Some(limit) = &gauge.limit {
                let over = limit.over.as_ref().map_or_else(String::new, |over| format!(" over {over}"));
                item.push(Tone::Dim, &format!(" (stops above {}{over})", limit.words));
            }
            item
        });
        self.flow("slo", items.collect(), 2)
    }

    fn coming(&self) -> Vec<Line> {
        let items = self.picture.coming.iter().map(|coming| {
            let time = format!("in {}: ", seconds_left(coming.in_us));
            Line::new().with(Tone::Strong, time).with(Tone::Plain, &coming.what)
        });
        self.flow("next", items.collect(), COMING_ROWS)
    }

    /// Items one after another behind a label, in at most so many rows; what does not fit is counted.
    fn flow(&self, label: &str, items: Vec<Line>, rows_max: usize) -> Vec<Line> {
        let mut rows: Vec<Line> = Vec::new();
        let total = items.len();
        for (n, item) in items.into_iter().enumerate() {
            let last = rows.len() == rows_max;
            // On the last row there has to be room to say how many were left out.
            let reserve = if last && n + 1 < total { "  +99".len() } else { 0 };
            match rows.last_mut() {
                Some(row) if row.width() + GAP.len() + item.width() + reserve <= self.columns => {
                    row.push(Tone::Plain, GAP);
                    row.append(item);
                }
                Some(row) if last => {
                    row.push(Tone::Dim, &format!("{GAP}+{}", total - n));
                    break;
                }
                Some(_) => {
                    let mut row = Line::new().padded(self.label);
                    row.append(item);
                    rows.push(row);
                }
                None => {
                    let mut row = self.labelled(label, Tone::Plain);
                    row.append(item);
                    rows.push(row);
                }
            }
        }
        rows
    }
}

fn state_tone(state: &State) -> Tone {
    match state {
        State::Usual => Tone::Plain,
        State::Dormant => Tone::Dim,
        State::Promoted => Tone::Good,
        State::NoTraffic => Tone::Warn,
        State::Lost => Tone::Bad,
    }
}
