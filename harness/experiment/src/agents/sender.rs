//! The sender agent: makes one trial's frames.

use anyhow::{Result, anyhow};
use loadgen::frames::{Frames, FramesConfig, FramesReport};
use protocol::{Phase, Progress};
use serde::{Deserialize, Serialize};
use sys::account::HardwareCounts;
use sys::environment::Reading;

use super::Role;
use super::hardware::Counting;
use super::window::Window;

/// A request to the sender agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// List the frames, load the programs.
    Load(FramesConfig),
    /// Send through the window, and report.
    Run(Window),
}

/// The answer of the sender agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Everything is ready.
    Ready,
    /// What it did.
    Report(Box<Sent>),
}

/// What became of one trial's frames at their sender.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// As the sender saw it.
    pub(crate) report: FramesReport,
    /// What the CPU counted for its threads in the measure phase.
    pub(crate) hardware: Reading<HardwareCounts>,
}

/// The role's state.
#[derive(Default)]
pub(crate) struct SenderRole {
    frames: Option<Frames>,
    progress: Progress,
}

impl Role for SenderRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(config) => {
                self.progress.enter(Phase::Attached)?;
                self.frames = Some(Frames::open(&config)?);
                Ok(Answer::Ready)
            }
            Request::Run(window) => {
                self.progress.enter(Phase::Measuring)?;
                let frames = self
                    .frames
                    .as_ref()
                    .ok_or_else(|| anyhow!("nothing was prepared"))?;
                let Window {
                    start_ns,
                    warmup_ns,
                    measure_ns,
                } = window;
                let counting = Counting::of_descendants(window);
                let report = frames.run(start_ns, warmup_ns, measure_ns)?;
                let hardware = counting.finish();
                self.progress.enter(Phase::Reported)?;
                Ok(Answer::Report(Box::new(Sent { report, hardware })))
            }
        }
    }
}
