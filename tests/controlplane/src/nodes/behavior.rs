//! What a container's process does: told by environment variables of the container, all of them here.
//!
//! A container without any of them is ready at once and answers every request in 10 ms. Durations are whole numbers
//! with `us`, `ms`, `s` or `m`; memory is a whole number of bytes, or with `Ki`, `Mi` or `Gi`.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;
use serde_json::json;

/// How long it takes until it answers `/healthz` with 200.
pub const STARTUP: &str = "STANDIN_STARTUP";
/// How long a request takes, as a timer and not as CPU.
pub const SERVICE_TIME: &str = "STANDIN_SERVICE_TIME";
/// How many requests it works on at the same time; one unless told.
pub const CONCURRENCY: &str = "STANDIN_CONCURRENCY";
/// How many requests may wait; more are answered with 503. 128 unless told.
pub const QUEUE: &str = "STANDIN_QUEUE";
/// CPU time that each request really burns.
pub const CPU_PER_REQUEST: &str = "STANDIN_CPU_PER_REQUEST";
/// Memory that it holds from its start.
pub const MEMORY: &str = "STANDIN_MEMORY";
/// It ends by itself so long after its start: how Jobs complete, and what crashes over and over.
pub const RUNS_FOR: &str = "STANDIN_RUNS_FOR";
/// Exit status when it ends by itself; 0 unless told.
pub const EXIT_CODE: &str = "STANDIN_EXIT_CODE";
/// `true`: SIGTERM does not end it.
pub const IGNORES_SIGTERM: &str = "STANDIN_IGNORES_SIGTERM";
/// `true`: `/healthz` always answers 503.
pub const NEVER_READY: &str = "STANDIN_NEVER_READY";

/// What one container's process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Behavior {
    startup: Duration,
    service_time: Duration,
    concurrency: u32,
    queue: u32,
    cpu_per_request: Duration,
    memory_bytes: u64,
    runs_for: Option<Duration>,
    exit_code: u8,
    ignores_sigterm: bool,
    never_ready: bool,
}

impl Default for Behavior {
    fn default() -> Self {
        Self {
            startup: Duration::ZERO,
            service_time: Duration::from_millis(10),
            concurrency: 1,
            queue: 128,
            cpu_per_request: Duration::ZERO,
            memory_bytes: 0,
            runs_for: None,
            exit_code: 0,
            ignores_sigterm: false,
            never_ready: false,
        }
    }
}

impl Behavior {
    /// Reads a container's variables. Of mistakes it tells all at once.
    pub(super) fn of(container: &Container) -> Result<Self, String> {
        let mut behavior = Self::default();
        let mut mistakes = Vec::new();
        for variable in container.env.iter().flatten() {
            let value = variable.value.as_deref().unwrap_or_default();
            if let Err(wrong) = behavior.set(&variable.name, value) {
                mistakes.push(format!("{}={value}: {wrong}", variable.name));
            }
        }
        if mistakes.is_empty() { Ok(behavior) } else { Err(mistakes.join("; ")) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        const DURATION: &str = "not a duration such as 250ms";
        const NUMBER: &str = "not a whole number";
        match name {
            STARTUP => self.startup = duration(value).ok_or(DURATION)?,
            SERVICE_TIME => self.service_time = duration(value).ok_or(DURATION)?,
            CPU_PER_REQUEST => self.cpu_per_request = duration(value).ok_or(DURATION)?,
            RUNS_FOR => self.runs_for = Some(duration(value).ok_or(DURATION)?),
            CONCURRENCY => self.concurrency = value.parse().map_err(|_| NUMBER)?,
            QUEUE => self.queue = value.parse().map_err(|_| NUMBER)?,
            EXIT_CODE => self.exit_code = value.parse().map_err(|_| "not an exit status, 0 to 255")?,
            MEMORY => self.memory_bytes = bytes(value).ok_or("not an amount of memory such as 64Mi")?,
            IGNORES_SIGTERM => self.ignores_sigterm = value.parse().map_err(|_| "neither true nor false")?,
            NEVER_READY => self.never_ready = value.parse().map_err(|_| "neither true nor false")?,
            _ if name.starts_with("STANDIN_") => return Err("not a variable that is known here"),
            _ => {}
        }
        Ok(())
    }

    /// The argument of `springback __instance`: see `InstanceConfig` in `src/world/local/wire.rs`.
    pub(super) fn instance_config(&self, name: &str, grace: Duration) -> String {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        json!({
            "name": name,
            "startup_us": us(self.startup),
            "service_us": us(self.service_time),
            "distribution": "constant",
            "concurrency": self.concurrency.max(1),
            "queue": self.queue,
            "grace_us": us(grace),
            "ignores_sigterm": self.ignores_sigterm,
            "never_ready": self.never_ready,
            "seed": 0,
            "container": {
                "cpu_us": us(self.cpu_per_request),
                "memory_bytes": self.memory_bytes,
                "runs_for_us": self.runs_for.map(us),
                "exit_code": self.exit_code,
                "dies_with_parent": true,
            },
        })
        .to_string()
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()));
    let unit: u64 = match unit {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::EnvVar;

    use super::*;

    fn container(variables: &[(&str, &str)]) -> Container {
        let env = variables.iter().map(|(name, value)| EnvVar {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            value_from: None,
        });
        Container { env: Some(env.collect()), ..Container::default() }
    }

    #[test]
    fn variables_tell_what_a_container_does() {
        let told =
            container(&[(STARTUP, "2s"), (CPU_PER_REQUEST, "1500us"), (MEMORY, "64Mi"), ("HOME", "/")]);
        let behavior = Behavior::of(&told).unwrap();
        let expected = Behavior {
            startup: Duration::from_secs(2),
            cpu_per_request: Duration::from_micros(1_500),
            memory_bytes: 64 << 20,
            ..Behavior::default()
        };
        assert_eq!(behavior, expected);
    }

    #[test]
    fn every_mistake_is_told() {
        let told = container(&[(STARTUP, "2"), (EXIT_CODE, "256"), ("STANDIN_STARTUPS", "1s"), (QUEUE, "5")]);
        insta::assert_snapshot!(
            Behavior::of(&told).unwrap_err().replace("; ", "\n"),
            @r"
        STANDIN_STARTUP=2: not a duration such as 250ms
        STANDIN_EXIT_CODE=256: not an exit status, 0 to 255
        STANDIN_STARTUPS=1s: not a variable that is known here
        "
        );
    }
}
