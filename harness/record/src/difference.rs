//! What differs between two machines, or one machine at two times, as runs record them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::Git;

/// Facts that are never the same twice and say nothing about a machine.
const PASSING: [&str; 1] = ["memory.available_kib"];

/// One fact that was another then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Its path in `environment`, such as `frequency.governors.0`, or `commit`.
    pub what: String,
    /// What the earlier run recorded; `absent` when it has no such fact.
    pub then: String,
    /// What is found now.
    pub now: String,
}

/// Where a result was obtained, and by which version of the program.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The program's version, where it is known.
    pub git: Option<&'a Git>,
    /// The machine, as `run.json` has it.
    pub environment: &'a Value,
}

/// Every fact in which `now` differs from `then`: the commit first, then the machine's in the order of
/// their paths.
#[must_use]
pub fn differences(then: Origin<'_>, now: Origin<'_>) -> Vec<Difference> {
    let commit = |git: Option<&Git>| match git {
        None => "unknown".to_owned(),
        Some(git) if git.dirty => format!("{} with changes", git.commit),
        Some(git) => git.commit.clone(),
    };
    let mut found = Vec::new();
    let (old, new) = (commit(then.git), commit(now.git));
    // Two trees with changes are not known to be the same.
    if old != new || now.git.is_none_or(|git| git.dirty) {
        found.push(Difference {
            what: "commit".to_owned(),
            then: old,
            now: new,
        });
    }
    compare(
        "",
        Some(then.environment),
        Some(now.environment),
        &mut found,
    );
    found
}

fn compare(path: &str, then: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    if then == now || PASSING.contains(&path) {
        return;
    }
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match (then, now) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                compare(&below(key), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(
                    &below(&index.to_string()),
                    old.get(index),
                    new.get(index),
                    found,
                );
            }
        }
        (then, now) => found.push(Difference {
            what: path.to_owned(),
            then: text(then),
            now: text(now),
        }),
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn git(commit: &str, dirty: bool) -> Git {
        Git {
            commit: commit.to_owned(),
            dirty,
        }
    }

    #[test]
    fn only_what_changed_is_told() {
        let (old, new) = (
            json!({"kernel": "6.17", "cpus": {"model": "a", "list": [0, 1]}, "turbo": true,
                "memory": {"available_kib": 5}}),
            json!({"kernel": "6.18", "cpus": {"model": "a", "list": [0]}, "smt": 2,
                "memory": {"available_kib": 6}}),
        );
        let (then, now) = (git("aa", false), git("bb", false));
        let origin = |git, environment| Origin {
            git: Some(git),
            environment,
        };
        let found = differences(origin(&then, &old), origin(&now, &new));
        let told: Vec<(&str, &str, &str)> = found
            .iter()
            .map(|d| (d.what.as_str(), d.then.as_str(), d.now.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("commit", "aa", "bb"),
                ("cpus.list.1", "1", "absent"),
                ("kernel", "6.17", "6.18"),
                ("smt", "absent", "2"),
                ("turbo", "true", "absent"),
            ]
        );
        assert!(differences(origin(&then, &old), origin(&then, &old)).is_empty());
    }

    #[test]
    fn a_tree_with_changes_is_never_known_to_be_the_same() {
        let dirty = git("aa", true);
        let origin = Origin {
            git: Some(&dirty),
            environment: &Value::Null,
        };
        assert_eq!(differences(origin, origin)[0].now, "aa with changes");
    }
}
