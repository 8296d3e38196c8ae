//! The steering program.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use aya::maps::{MapData, XskMap};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::{PartitionTable, Policy, layout};

use crate::burn::{self, Burn};
use crate::counters::Counters;
use crate::hot_keys::HotKeys;
use crate::object::{self, map_error};
use crate::slots::{self, Slots};
use crate::turns::Turns;
use crate::{Attached, Error, Result, SteerCounters, attach, refuse_kernel, running_kernel};

/// What the steering program is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteerConfig {
    /// How owners are chosen.
    pub policy: Policy,
    /// Receive queues of the device.
    pub queues: u32,
    /// Owners, 1 to 256.
    pub owners: u32,
    /// Owners among which the receive queue decides: those of a cluster ([`Policy::Cluster`]), or
    /// the first so many of all, 1 to `owners`.
    pub members: u32,
    /// First UDP port of the server.
    pub server_port: u16,
    /// Number of consecutive ports (1, or one per partition for [`Policy::Port`]).
    pub ports: u16,
    /// Keys that can be hot at a time ([`Policy::Key`]); 0 for none, which another program steers.
    pub hot_keys: u32,
}

/// What the steering program does beside steering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SteerOptions {
    /// What it notes of each request's key in the packet's metadata; nothing by default.
    pub note: Option<Notes>,
    /// Work for each frame before it is decided, in nanoseconds; none by default.
    pub cost_ns: u32,
}

/// Notes of keys ([`steering::KeyNote`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notes {
    /// Slot of the partition table whose keys get a wrong hash, to see that it is noticed.
    pub corrupt_slot: Option<u16>,
}

/// The steering program, loaded: XDP -> AF_XDP socket of (receive queue, owner).
pub struct Steer {
    config: SteerConfig,
    name: &'static str,
    burn: Option<Burn>,
    ebpf: Ebpf,
    slots: Slots,
    sockets: XskMap<MapData>,
    hot_keys: Option<HotKeys>,
    turns: Option<Turns>,
    counters: Counters,
}

impl Steer {
    /// The program that only steers.
    const NAME: &str = "steerer";

    const fn name(&self) -> &'static str {
        self.name
    }

    /// Loads the program with an even table.
    ///
    /// # Errors
    /// A broken kernel, a configuration out of range, missing privilege, or the verifier's refusal.
    pub fn load(config: &SteerConfig) -> Result<Self> {
        Self::load_with(config, &SteerOptions::default())
    }

    /// [`load`](Self::load), to do more than steering.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(config: &SteerConfig, options: &SteerOptions) -> Result<Self> {
        if options.cost_ns == 0 {
            return Self::load_burning(config, options, 0);
        }
        let burn = burn::calibrate(options.cost_ns, |rounds| {
            let steer = Self::load_burning(config, options, rounds)?;
            Ok(burn::over_a_frame(move |frame, repeat, context| {
                steer.test_run(frame, repeat, context)
            }))
        })?;
        let steer = Self::load_burning(config, options, burn.rounds)?;
        Ok(Self {
            burn: Some(burn),
            ..steer
        })
    }

    /// What the work that was asked for takes; nothing where none was.
    #[must_use]
    pub const fn burn(&self) -> Option<Burn> {
        self.burn
    }

    fn load_burning(config: &SteerConfig, options: &SteerOptions, rounds: u32) -> Result<Self> {
        let rounds = ("BURN_ROUNDS", rounds);
        let Some(notes) = options.note else {
            if let Some(order) = config.policy.about_scans() {
                let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/scans"));
                let order = [("ORDER_KEYS", order.keys), ("ORDER_DIGITS", order.digits)];
                return Self::load_object(
                    config,
                    Self::NAME,
                    &[order[0], order[1], rounds],
                    object,
                );
            }
            let object = match config.hot_keys {
                0 => include_bytes_aligned!(concat!(env!("OUT_DIR"), "/steer")),
                _ => include_bytes_aligned!(concat!(env!("OUT_DIR"), "/spread")),
            };
            return Self::load_object(config, Self::NAME, &[rounds], object);
        };
        if config.hot_keys > 0 {
            return Err(Error::BadConfig("a program notes keys or spreads hot ones"));
        }
        match config.policy {
            Policy::Key | Policy::Cluster => {}
            Policy::Rss
            | Policy::Port
            | Policy::FlowToeplitz
            | Policy::FlowMix
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_)
            | Policy::Range(_)
            | Policy::ScansInTurn => {
                return Err(Error::BadConfig("only policies by key have keys to note"));
            }
        }
        let corrupt = notes.corrupt_slot.map_or(layout::NO_SLOT, u32::from);
        Self::load_object(
            config,
            "noting",
            &[("CORRUPT_SLOT", corrupt), rounds],
            include_bytes_aligned!(concat!(env!("OUT_DIR"), "/noting")),
        )
    }

    /// Loads the bare reference in the steering program's place: IPv4 without options or tags,
    /// ASCII `get` only; anything else passes. For the benchmark.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bare(config: &SteerConfig) -> Result<Self> {
        Self::load_object(
            config,
            Self::NAME,
            &[],
            include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bare")),
        )
    }

    fn load_object(
        config: &SteerConfig,
        name: &'static str,
        further: &[(&str, u32)],
        object: &[u8],
    ) -> Result<Self> {
        refuse_kernel(running_kernel()?)?;
        let SteerConfig {
            policy,
            queues,
            owners,
            members,
            server_port,
            ports,
            hot_keys,
        } = *config;
        slots::check_owners(owners)?;
        if queues == 0 || queues > layout::MAX_TARGETS {
            return Err(Error::BadConfig("the number of queues must be 1 to 256"));
        }
        if members == 0 || members > owners {
            return Err(Error::BadConfig(
                "members must be 1 to the number of owners",
            ));
        }
        let partitions = match policy {
            Policy::Cluster => owners / members,
            Policy::Rss
            | Policy::Key
            | Policy::Port
            | Policy::FlowToeplitz
            | Policy::FlowMix
            | Policy::Token
            | Policy::Function
            | Policy::Argument(_)
            | Policy::Range(_)
            | Policy::ScansInTurn => owners,
        };
        let spreads = hot_keys > 0;
        if spreads && policy != Policy::Key {
            return Err(Error::BadConfig("keys are hot where they choose the owner"));
        }
        let table = PartitionTable::of(policy, partitions as u16);
        let has_turns = policy.about_scans().is_some();
        let policy = policy.number();
        let mut loader = EbpfLoader::new();
        loader
            .override_global("POLICY", &policy, true)
            .override_global("OWNERS", &owners, true)
            .override_global("MEMBERS", &members, true)
            .override_global("SERVER_PORT", &server_port, true)
            .override_global("PORTS", &ports, true)
            .map_max_entries("SOCKETS", queues * owners)
            .map_max_entries(HotKeys::MAP, hot_keys.max(1))
            .map_max_entries(Counters::NAME, layout::COUNTER_REDIRECTED + owners);
        for (setting, value) in further {
            loader.override_global(setting, value, true);
        }
        let mut ebpf = object::xdp(name, &mut loader, object)?;
        let mut steer = Self {
            config: *config,
            name,
            burn: None,
            slots: Slots::take(&mut ebpf, name)?,
            sockets: object::sockets(&mut ebpf, name, "SOCKETS")?,
            counters: Counters::take(&mut ebpf, name)?,
            hot_keys: (spreads.then(|| HotKeys::take(&mut ebpf, name))).transpose()?,
            turns: (has_turns.then(|| Turns::take(&mut ebpf, name))).transpose()?,
            ebpf,
        };
        steer.set_table(&table)?;
        Ok(steer)
    }

    /// Registers the AF_XDP socket of an owner on a receive queue. The socket may be unbound still,
    /// but frames reach it only when it is bound to that queue of the device.
    ///
    /// # Errors
    /// When the pair is outside the mesh or the descriptor is no AF_XDP socket.
    pub fn register(&mut self, queue: u32, owner: u32, fd: BorrowedFd<'_>) -> Result<()> {
        if queue >= self.config.queues || owner >= self.config.owners {
            return Err(Error::BadConfig("no such queue or owner in the mesh"));
        }
        let index = layout::mesh_index(queue, self.config.owners, owner);
        self.sockets
            .set(index, fd.as_raw_fd(), 0)
            .map_err(map_error("SOCKETS"))
    }

    /// Attaches to a device that is to run the program itself, by a link that the result holds.
    ///
    /// # Errors
    /// [`Error::NoOffload`] with the driver's reason.
    pub fn attach_offloaded(&mut self, ifindex: u32) -> Result<Attached> {
        let program = object::program(&mut self.ebpf, self.name)?;
        attach::xdp(self.name, program, ifindex, attach::Place::Device)
    }

    /// Writes the whole partition table, slot by slot.
    ///
    /// # Errors
    /// When the map cannot be written.
    pub fn set_table(&mut self, table: &PartitionTable) -> Result<()> {
        self.slots.set_all(table)
    }

    /// Writes one slot ([`steering::table::entry`] makes the value).
    ///
    /// # Errors
    /// When there is no such slot.
    pub fn set_slot(&mut self, slot: u16, entry: u64) -> Result<()> {
        self.slots.set(slot, entry)
    }

    /// The kernel's table.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn table(&self) -> Result<Vec<u64>> {
        self.slots.all()
    }

    /// The hot keys, where the program spreads such, for whoever chooses them; once.
    pub fn take_hot_keys(&mut self) -> Option<HotKeys> {
        self.hot_keys.take()
    }

    /// Sets whose turn the next scan is, on every CPU, where scans have such.
    ///
    /// # Errors
    /// When they have none, or the map cannot be written.
    pub fn set_turn(&mut self, turn: u32) -> Result<()> {
        match &mut self.turns {
            Some(turns) => turns.set(turn),
            None => Err(Error::BadConfig("only a program about scans has turns")),
        }
    }

    /// What the program counted so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self) -> Result<SteerCounters> {
        self.counters.steer(self.config.owners)
    }
}

crate::chain::xdp_methods!(named Steer);
