//! The memory that a server's clients write requests into, in place of a packet side.

use std::path::PathBuf;
use std::sync::Arc;

use pktio::region::{RegionIo, Regions};

use super::config::ServerConfig;
use super::{Obtained, ServerError};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
}

impl Memory {
    /// Maps the regions; returns each owner's I/O beside them.
    ///
    /// # Errors
    /// When the configuration names none, or they are not there, or not of so many owners.
    pub(crate) fn open(config: &ServerConfig) -> Result<(Self, Vec<RegionIo>), ServerError> {
        let Some(path) = &config.regions else {
            let message = "io: memory needs the path of its request regions";
            return Err(ServerError::Config(message.to_owned()));
        };
        let regions = Regions::open(path).map_err(ServerError::io("the request regions"))?;
        let regions = Arc::new(regions);
        if u32::from(regions.owners()) != config.owners() {
            return Err(ServerError::Config(format!(
                "regions of {} owners for a server of {}",
                regions.owners(),
                config.owners()
            )));
        }
        let io = |owner| RegionIo::new(Arc::clone(&regions), owner, config.port);
        let ios = (0..regions.owners()).map(io).collect();
        Ok((Self { path: path.clone() }, ios))
    }

    /// What the machine gave.
    pub(crate) fn obtained(&self) -> Obtained {
        Obtained {
            io: "memory".to_owned(),
            program: None,
            listening: vec![format!("memory {}", self.path.display())],
            queues_known: false,
            pages: None,
            steering_cost: None,
        }
    }
}
