//! The few lines that are read from an instance's `/metrics`.

/// What a scrape is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scrape {
    /// Finished requests since the start of the process, whatever their status.
    pub(super) requests: f64,
    /// Time since the start of the process.
    pub(super) uptime_s: f64,
}

/// Reads an exposition. `None` if it lacks what is needed.
pub(super) fn parse(text: &str) -> Option<Scrape> {
    let (mut requests, mut uptime_s) = (None, None);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        let Ok(value) = value.parse::<f64>() else { continue };
        match name {
            "springback_requests_total" => *requests.get_or_insert(0.0) += value,
            "springback_uptime_seconds" => uptime_s = Some(value),
            _ => {}
        }
    }
    Some(Scrape { requests: requests?, uptime_s: uptime_s? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_statuses_count() {
        let text = "# HELP springback_requests_total Finished requests, by status.\n\
                    # TYPE springback_requests_total counter\n\
                    springback_requests_total{code=\"200\"} 41\n\
                    springback_requests_total{code=\"503\"} 1\n\
                    springback_in_flight 3\n\
                    springback_uptime_seconds 2.5\n";
        assert_eq!(parse(text), Some(Scrape { requests: 42.0, uptime_s: 2.5 }));
    }

    #[test]
    fn an_exposition_without_the_counter_is_none() {
        assert_eq!(parse("springback_uptime_seconds 2.5\n"), None);
        assert_eq!(parse(""), None);
    }
}
