//! What this machine can run, and why not where it cannot.
//!
//! The same findings decide whether a run may begin ([`preflight`](preflight())) and which tests are skipped.

mod facts;
mod host;
mod preflight;
mod trial_run;

use serde::Serialize;

pub(crate) use facts::{machine, usable_cpus};
pub(crate) use host::Host;
pub(crate) use preflight::{need_privilege, preflight};

/// Looks at everything.
pub(crate) fn gather() -> Vec<Finding> {
    let mut findings = vec![facts::kernel(), facts::cpus(), facts::privilege()];
    findings.extend([trial_run::veth(), facts::memcached(), facts::clock_source()]);
    findings.extend(facts::governor());
    findings.push(facts::pressure());
    findings
}

/// One thing that experiments need or like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) subject: &'static str,
    /// What was seen.
    pub(crate) seen: String,
    /// What it means.
    pub(crate) verdict: Verdict,
}

/// What a finding means for experiments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// Experiments run; their numbers want care.
    Care {
        /// What to do, or to keep in mind.
        remedy: String,
    },
    /// Something cannot run.
    Missing {
        /// What cannot.
        without: &'static str,
        /// What to do.
        remedy: String,
    },
}

impl Finding {
    fn good(subject: &'static str, seen: impl Into<String>) -> Self {
        Self {
            subject,
            seen: seen.into(),
            verdict: Verdict::Good,
        }
    }

    fn care(subject: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            subject,
            seen: seen.into(),
            verdict: Verdict::Care {
                remedy: remedy.into(),
            },
        }
    }

    fn missing(
        subject: &'static str,
        seen: impl Into<String>,
        without: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        let verdict = Verdict::Missing {
            without,
            remedy: remedy.into(),
        };
        Self {
            subject,
            seen: seen.into(),
            verdict,
        }
    }
}
