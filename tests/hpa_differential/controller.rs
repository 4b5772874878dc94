//! Kubernetes' own controller: the program in `tests/controlplane/go/hpa`, and what it answers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use controlplane::Module;
use serde::Deserialize;
use serde_json::Value;

/// A running program. It ends when this does, since its standard input does then.
pub(crate) struct Controller {
    child: Child,
    messages: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What the controller came to at one sync.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    /// The status' current metrics, each `None` if it could not be measured. `None`: nothing is told of them.
    pub(crate) measured: Option<Vec<Option<Measured>>>,
    /// What it wrote to the scale, if it wrote.
    pub(crate) wrote: Option<u32>,
}

/// An HPA's `status`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) desired_replicas: u32,
    #[serde(default)]
    pub(crate) conditions: Vec<Shown>,
}

/// A condition, as Kubernetes shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shown {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) utilization: Option<i32>,
    pub(crate) average_milli: Option<i64>,
    pub(crate) value_milli: Option<i64>,
}

impl Controller {
    /// Builds the program, unless it is there, and starts it.
    pub(crate) fn start() -> Controller {
        let folder = controlplane::build(Module::Hpa, &|_| {}).expect("the controller can be built");
        let mut child = Command::new(folder.join("hpa"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the controller starts");
        let messages = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Controller { child, messages, answers }
    }

    /// Begins a case. The one before ends.
    pub(crate) fn open(&mut self, opening: &Value) {
        self.tell(opening);
    }

    /// Has it sync once.
    pub(crate) fn sync(&mut self, sync: &Value) -> Answer {
        self.tell(sync);
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the controller answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in the answer {line:?} to {sync}"))
    }

    fn tell(&mut self, message: &Value) {
        let messages = self.messages.as_mut().expect("it is open until the end");
        // In one piece: formatting into a pipe writes it token by token.
        messages.write_all(format!("{message}\n").as_bytes()).expect("the controller reads");
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.messages = None;
        // Also where a test failed; how the program ends does not matter then.
        let _ = self.child.wait();
    }
}
