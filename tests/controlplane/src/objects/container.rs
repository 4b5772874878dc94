//! A container as a real process of the stand-in.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::nodes::behavior;

/// The port that containers name, and Services send to.
pub(super) const PORT: u16 = 8080;

/// A container: what it asks for, and what its process does.
#[derive(Debug, Clone)]
pub struct Container {
    name: String,
    requests: Map<String, Value>,
    environment: Vec<(&'static str, String)>,
    readiness_probe: Option<Value>,
    liveness_probe: Option<Value>,
}

/// A container that is ready at once, answers a request in 10 ms, asks for 100m of CPU and is probed every second.
pub fn a_container() -> Container {
    let probe =
        json!({ "httpGet": { "path": "/healthz", "port": "http" }, "periodSeconds": 1, "timeoutSeconds": 1 });
    Container {
        name: "app".to_owned(),
        requests: Map::from_iter([("cpu".to_owned(), json!("100m")), ("memory".to_owned(), json!("32Mi"))]),
        environment: vec![(behavior::SERVICE_TIME, "10ms".to_owned())],
        readiness_probe: Some(probe),
        liveness_probe: None,
    }
}

impl Container {
    /// Its name; `app` unless told.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The CPU that it requests, such as `100m`.
    #[must_use]
    pub fn requesting_cpu(mut self, quantity: &str) -> Self {
        self.requests.insert("cpu".to_owned(), json!(quantity));
        self
    }

    /// The memory that it requests, such as `64Mi`.
    #[must_use]
    pub fn requesting_memory(mut self, quantity: &str) -> Self {
        self.requests.insert("memory".to_owned(), json!(quantity));
        self
    }

    /// It requests nothing.
    #[must_use]
    pub fn without_requests(mut self) -> Self {
        self.requests.clear();
        self
    }

    /// How long it takes until it answers its probes.
    #[must_use]
    pub fn starting_up_in(self, startup: Duration) -> Self {
        self.with(behavior::STARTUP, in_us(startup))
    }

    /// How long a request takes, and how many it works on at the same time.
    #[must_use]
    pub fn serving_in(self, service_time: Duration, concurrency: u32) -> Self {
        self.with(behavior::SERVICE_TIME, in_us(service_time))
            .with(behavior::CONCURRENCY, concurrency.to_string())
    }

    /// CPU time that each request really burns.
    #[must_use]
    pub fn burning(self, cpu_per_request: Duration) -> Self {
        self.with(behavior::CPU_PER_REQUEST, in_us(cpu_per_request))
    }

    /// Memory that it holds, such as `64Mi`.
    #[must_use]
    pub fn holding(self, memory: &str) -> Self {
        self.with(behavior::MEMORY, memory.to_owned())
    }

    /// It ends by itself, with this exit status.
    #[must_use]
    pub fn ending_after(self, runs_for: Duration, exit_code: u8) -> Self {
        self.with(behavior::RUNS_FOR, in_us(runs_for)).with(behavior::EXIT_CODE, exit_code.to_string())
    }

    /// It does not end on SIGTERM.
    #[must_use]
    pub fn ignoring_sigterm(self) -> Self {
        self.with(behavior::IGNORES_SIGTERM, "true".to_owned())
    }

    /// It never answers its readiness probe well.
    #[must_use]
    pub fn never_ready(self) -> Self {
        self.with(behavior::NEVER_READY, "true".to_owned())
    }

    /// Without a readiness probe it is ready as soon as it runs.
    #[must_use]
    pub fn without_readiness_probe(mut self) -> Self {
        self.readiness_probe = None;
        self
    }

    /// It is restarted when it does not answer: every second, for so many times in a row.
    #[must_use]
    pub fn with_liveness_probe(mut self, failure_threshold: u32) -> Self {
        self.liveness_probe = Some(json!({
            "httpGet": { "path": "/metrics", "port": "http" },
            "periodSeconds": 1,
            "timeoutSeconds": 1,
            "failureThreshold": failure_threshold,
        }));
        self
    }

    /// Sets one of the variables of [`crate::nodes::behavior`].
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: String) -> Self {
        self.environment.retain(|(name, _)| *name != variable);
        self.environment.push((variable, value));
        self
    }

    pub(super) fn value(&self) -> Value {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        let mut value = json!({
            "name": self.name,
            "image": "standin",
            "ports": [{ "name": "http", "containerPort": PORT }],
            "env": environment,
            "resources": { "requests": self.requests },
        });
        if let Some(probe) = &self.readiness_probe {
            value["readinessProbe"] = probe.clone();
        }
        if let Some(probe) = &self.liveness_probe {
            value["livenessProbe"] = probe.clone();
        }
        value
    }
}

fn in_us(duration: Duration) -> String {
    format!("{}us", duration.as_micros())
}
