//! The command line, exactly as README describes it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A laboratory for packet steering on Linux.
#[derive(Debug, Parser)]
#[command(
    name = "experiment",
    version,
    about = "Packet steering experiments from one YAML spec",
    long_about = "Packet steering experiments from one YAML spec: sets up the topology, deploys the \
                  systems, drives open-loop load, records HDR latencies and draws the figures.\n\n\
                  `experiment SPEC` is short for `experiment run SPEC`.",
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 every trial recorded, but for those that this host refuses with a \
                  reason; 1 a trial failed, or with --strict one is invalid or refused; 2 bad spec or \
                  arguments; 3 this host cannot run any of it (reason and remedy printed); 130 \
                  interrupted. `check` ends with 1 where this host refuses a system of the spec."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a spec (or a folder of specs) and record the result
    Run(RunArgs),
    /// Finish a run that was interrupted, killed, or had trials that failed
    Resume(ResumeArgs),
    /// Repeat a recorded run as a new one, and say what differs on this machine
    Rerun(RerunArgs),
    /// Run all specs of a paper, draw their figures and judge its claims, in one folder
    Reproduce(ReproduceArgs),
    /// Validate a spec and print its plan; needs no privilege
    Check(SpecArgs),
    /// What this machine can run, and why not where it cannot
    Doctor {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// The systems, probes and figures that a spec can name
    List {
        /// Print one JSON object instead of tables
        #[arg(long)]
        json: bool,
    },
    /// Redraw all figures of a recorded run, from its files alone
    Figures {
        /// The run's folder
        run: PathBuf,
    },
    /// Print a recorded run as a table
    Show {
        /// The run's folder
        run: PathBuf,
        /// Print the trials as JSON lines
        #[arg(long)]
        json: bool,
        /// Print the machine, the devices and the versions instead of the trials
        #[arg(long)]
        environment: bool,
    },
    /// Which differences a run shows between its systems, or two runs between each other
    Compare {
        /// The run's folder
        run: PathBuf,
        /// Another run, whose systems of the same labels are the baselines
        #[arg(value_name = "BASELINE_RUN", conflicts_with = "baseline")]
        other: Option<PathBuf>,
        /// The system that the others are compared with; the first of the spec otherwise
        #[arg(long, value_name = "LABEL")]
        baseline: Option<String>,
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Pack a recorded run as one archive with an RO-Crate description
    Bundle(BundleArgs),
    /// Hold papers' claims against recorded runs
    Claims(ClaimsArgs),
    /// What the recorded runs of the validation specs say about this instrument
    Validate {
        /// Runs, or folders that hold runs
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<PathBuf>,
        /// Where the report goes
        #[arg(long, value_name = "DIR", default_value = "./results/validation")]
        output: PathBuf,
        /// Print one JSON array instead of tables
        #[arg(long)]
        json: bool,
    },
    /// Serve one system to ordinary clients until a signal
    Serve(ServeArgs),
    /// Undo what a run that was killed left behind
    Clean {
        /// Only say what would be undone
        #[arg(long)]
        dry_run: bool,
    },
    /// Print a JSON schema
    Schema {
        /// What to describe
        #[arg(long, value_enum, default_value_t = SchemaOf::Spec)]
        of: SchemaOf,
    },
    /// The other end of the coordinator's pipes
    #[command(hide = true)]
    Agent {
        /// What to play
        role: Role,
        /// Process whose network and mount namespaces to enter first
        #[arg(long, value_name = "PID")]
        inside: Option<u32>,
    },
}

impl Command {
    /// Whether the command does nothing but print.
    pub(crate) fn only_prints(&self) -> bool {
        match self {
            Self::Check(_)
            | Self::List { .. }
            | Self::Show { .. }
            | Self::Compare { .. }
            | Self::Schema { .. } => true,
            Self::Run(_)
            | Self::Resume(_)
            | Self::Rerun(_)
            | Self::Reproduce(_)
            | Self::Doctor { .. }
            | Self::Figures { .. }
            | Self::Bundle(_)
            | Self::Claims(_)
            | Self::Validate { .. }
            | Self::Serve(_)
            | Self::Clean { .. }
            | Self::Agent { .. } => false,
        }
    }
}

/// What a JSON schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A spec, for editors
    Spec,
    /// run.json
    Run,
    /// trial.json
    Trial,
}

/// What to pack, and what only its authors know.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// The archive; EXPERIMENT-RUN.tar.gz otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// An author: "Name", or "Name <https://orcid.org/...>" (may be given again)
    #[arg(long = "author", value_name = "AUTHOR")]
    pub(crate) authors: Vec<String>,
    /// Licence of the data: an SPDX name such as CC-BY-4.0, or an address
    #[arg(long, value_name = "LICENCE")]
    pub(crate) license: Option<String>,
}

/// What an agent plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Holds a namespace and applies a host's part of the plan
    Host,
    /// Runs one of our systems
    Server,
    /// Runs Debian's memcached
    Memcached,
    /// Serves by an XDP program alone
    InKernel,
    /// Drives the load
    Client,
    /// Passes frames on between sender and receiver
    Router,
    /// Makes frames
    Sender,
    /// Runs one slice of a router whose slices are isolated
    Slice,
    /// Measures thread notification
    Probe,
    /// Holds settings of the machine
    Settings,
}

/// A spec and what to change in it.
#[derive(Debug, Args)]
pub(crate) struct SpecArgs {
    /// YAML spec, or a folder of specs
    #[arg(value_name = "SPEC")]
    pub(crate) spec: Option<PathBuf>,
    /// Replace a value of the spec, for example workload.keys=1000
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// Only the systems with this label (may be given again)
    #[arg(long = "only", value_name = "LABEL")]
    pub(crate) only: Vec<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Finish this earlier run of the spec instead of starting a new one (see also `resume`)
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Where results go.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Where results go
    #[arg(long, value_name = "DIR", default_value = "./results")]
    pub(crate) output: PathBuf,
}

/// How to go about a run.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// Exit with 1 also if a trial is invalid, or if this machine refuses one
    #[arg(long)]
    pub(crate) strict: bool,
    /// Wait while another run holds this machine
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long a role may take beyond its schedule before it counts as stuck and its trial as failed
    #[arg(long, value_name = "TIME", default_value = "30 s")]
    pub(crate) patience: spec::Duration,
    /// The machine-wide lock file
    #[arg(long, value_name = "FILE", env = "STEERBENCH_LOCK")]
    pub(crate) lock: Option<PathBuf>,
}

/// Which run to finish.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Which run to repeat.
#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    /// The run's folder
    pub(crate) run: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// What to reproduce.
#[derive(Debug, Args)]
pub(crate) struct ReproduceArgs {
    /// A paper by its folder in experiments/, such as netslice2012; or a recorded run, which is then repeated
    #[arg(value_name = "PAPER")]
    pub(crate) what: PathBuf,
    /// Replace a value of every spec, for example blocks=1 to see that everything runs
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) overrides: Vec<String>,
    /// Print JSON objects instead of text: one a run, and one with the claims
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// Which claims, and which runs.
#[derive(Debug, Args)]
pub(crate) struct ClaimsArgs {
    /// The runs' folders, or folders of runs
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of claims; by default experiments/claims here, or else those that are built in
    #[arg(long, value_name = "DIR")]
    pub(crate) claims: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Where claims.csv goes; by default into the folder of a single run, or else here
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// System, as `experiment list` names it
    #[arg(long)]
    pub(crate) system: String,
    /// Where clients are
    #[arg(long, value_enum, default_value_t = ServeTopology::Loopback)]
    pub(crate) topology: ServeTopology,
    /// UDP port (and TCP, for systems on kernel sockets)
    #[arg(long, default_value_t = 11211)]
    pub(crate) port: u16,
    /// Owner threads
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) cores: u16,
    /// udp or af_xdp; the system's own default otherwise
    #[arg(long)]
    pub(crate) io: Option<String>,
    /// Network device, for the nic topology
    #[arg(long, value_name = "DEV")]
    pub(crate) interface: Option<String>,
    /// Memory of the store, for example 64 MiB
    #[arg(long, default_value = "256 MiB")]
    pub(crate) memory: String,
    /// The machine-wide lock file
    #[arg(long, value_name = "FILE", env = "STEERBENCH_LOCK")]
    pub(crate) lock: Option<PathBuf>,
}

/// Where the clients of `serve` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeTopology {
    /// On this host, over the loopback device
    Loopback,
    /// In another network namespace, over a veth pair that is made
    Veth,
    /// On the network of a real device
    Nic,
}
