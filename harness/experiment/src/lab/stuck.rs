//! A role that does not answer, named so that a person can look into it.

use std::time::Duration;

use sys::tasks;

/// An agent that did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {role} agent (process {pid} on {host}) is stuck: it did not answer '{asked}' within {within:?}; \
     its threads: {threads}"
)]
pub(crate) struct Stuck {
    /// What it plays.
    pub(crate) role: &'static str,
    /// Its process.
    pub(crate) pid: u32,
    /// Where it lives.
    pub(crate) host: &'static str,
    /// The request that it was given, or the greeting.
    pub(crate) asked: String,
    /// How long it was waited for.
    pub(crate) within: Duration,
    /// What each of its threads is doing.
    pub(crate) threads: String,
}

/// What the threads of `pid` are doing, or why that cannot be told.
pub(crate) fn threads_of(pid: u32) -> String {
    match tasks::of_process(pid) {
        Ok(tasks) => tasks::describe(&tasks),
        Err(error) => format!("cannot be seen ({error})"),
    }
}

/// A request's name: the variant's, as it stands on the wire.
pub(crate) fn name_of(request: &serde_json::Value) -> String {
    let name = match request {
        serde_json::Value::String(name) => Some(name.as_str()),
        serde_json::Value::Object(fields) => fields.keys().next().map(String::as_str),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_) => None,
    };
    name.unwrap_or("a request").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::serving::Request;
    use crate::agents::window::Window;

    #[test]
    fn requests_are_called_by_their_names() {
        let name = |request: &Request| name_of(&serde_json::to_value(request).unwrap());
        assert_eq!(name(&Request::Quiesce), "quiesce");
        let window = Window {
            start_ns: 0,
            warmup_ns: 0,
            measure_ns: 0,
        };
        assert_eq!(name(&Request::Measure(window)), "measure");
    }
}
