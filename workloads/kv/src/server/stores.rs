//! How the threads of a server share out its store: one type a layout, so that each design is compiled
//! with the engines that it can have and no others.

use std::sync::Arc;

use pktio::DatagramIo;

use super::ServerError;
use super::engine::{Clustered, Common, Elsewhere, Owned};
use super::readable::{CommonLog, Crew};
use super::shared::Shared;
use super::start::{Parts, Running, spawn_all};
use crate::handoff::mesh::Notify;
use crate::store::log::Crcw;
use crate::store::{LogConfig, Shard, ShardConfig, ShardError, Striped};
use crate::systems::{Design, EngineKind, Layout};

/// See the [module](self).
pub(crate) trait Stores {
    /// Which threads serve a key.
    const LAYOUT: Layout;

    /// Makes the store and starts the threads on it.
    ///
    /// # Errors
    /// When memory or threads cannot be had.
    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static;
}

/// A shard for each owner.
#[derive(Debug)]
pub(crate) struct OneEach;

/// One store for all.
#[derive(Debug)]
pub(crate) struct OneForAll;

/// One log for all, which any owner reads and writes by versions.
#[derive(Debug)]
pub(crate) struct OneLogForAll;

/// A log for each owner, which all others read.
#[derive(Debug)]
pub(crate) struct OneEachToRead;

/// One store for each cluster.
#[derive(Debug)]
pub(crate) struct OnePerCluster;

impl Stores for OneEach {
    const LAYOUT: Layout = Layout::Partitioned;

    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static,
    {
        let shared = Arc::clone(&parts.shared);
        let tcp = Elsewhere(Arc::clone(&shared));
        let part = part(&parts);
        match parts.config.engine {
            EngineKind::Slab => {
                let make = move |owner| {
                    let shard = Shard::new(part).map_err(reason)?;
                    shared.pages.get_or_init(|| shard.pages());
                    Ok(Owned::new(shard, owner, Arc::clone(&shared)))
                };
                spawn_all::<D, N, I, _, _>(parts, make, tcp)
            }
            EngineKind::Log => {
                let make = move |owner| {
                    let shard = Shard::log(LogConfig::cache(part.bytes)).map_err(reason)?;
                    shared.pages.get_or_init(|| shard.pages());
                    Ok(Owned::new(shard, owner, Arc::clone(&shared)))
                };
                spawn_all::<D, N, I, _, _>(parts, make, tcp)
            }
        }
    }
}

impl Stores for OneForAll {
    const LAYOUT: Layout = Layout::Shared;

    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static,
    {
        match parts.config.engine {
            EngineKind::Slab => {
                let store = Common(striped(&parts, &parts.shared)?);
                let tcp = store.clone();
                spawn_all::<D, N, I, _, _>(parts, move |_| Ok(store.clone()), tcp)
            }
            EngineKind::Log => OneLogForAll::spawn::<D, N, I>(parts),
        }
    }
}

impl Stores for OneLogForAll {
    const LAYOUT: Layout = Layout::Shared;

    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static,
    {
        let log = LogConfig::cache(part(&parts).bytes);
        let store = Crcw::new(log, parts.config.stripes() as usize).map_err(refused)?;
        parts.shared.pages.get_or_init(|| store.pages());
        let store = Arc::new(store);
        let tcp = CommonLog::new(Arc::clone(&store));
        let make = move |_| Ok(CommonLog::new(Arc::clone(&store)));
        spawn_all::<D, N, I, _, _>(parts, make, tcp)
    }
}

impl Stores for OneEachToRead {
    const LAYOUT: Layout = Layout::ReadAnywhere;

    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static,
    {
        let shared = Arc::clone(&parts.shared);
        let log = LogConfig::cache(part(&parts).bytes);
        let views = Crew::views(shared.owners);
        let tcp = Elsewhere(Arc::clone(&shared));
        let make = move |owner| {
            let shard = Shard::shared_log(log).map_err(reason)?;
            shared.pages.get_or_init(|| shard.pages());
            let (views, shared) = (Arc::clone(&views), Arc::clone(&shared));
            Ok(Crew::new(shard, views, owner, shared))
        };
        spawn_all::<D, N, I, _, _>(parts, make, tcp)
    }
}

impl Stores for OnePerCluster {
    const LAYOUT: Layout = Layout::Clustered;

    fn spawn<D, N, I>(parts: Parts<I>) -> Result<Running, ServerError>
    where
        D: Design,
        N: Notify,
        I: DatagramIo + 'static,
    {
        let shared = Arc::clone(&parts.shared);
        let clusters = (0..parts.config.partitions()).map(|_| striped(&parts, &shared));
        let stores = clusters.collect::<Result<Vec<_>, _>>()?;
        let tcp = Elsewhere(Arc::clone(&shared));
        let make = move |owner| {
            let store = Arc::clone(&stores[owner / shared.members]);
            Ok(Clustered::new(store, owner, Arc::clone(&shared)))
        };
        spawn_all::<D, N, I, _, _>(parts, make, tcp)
    }
}

fn part<I>(parts: &Parts<I>) -> ShardConfig {
    ShardConfig {
        bytes: parts.config.partition_bytes(),
    }
}

/// A store with striped locks for the members of one partition.
fn striped<I>(parts: &Parts<I>, shared: &Shared) -> Result<Arc<Striped>, ServerError> {
    let stripes = parts.config.stripes() as usize;
    let store = Striped::new(part(parts), stripes).map_err(refused)?;
    shared.pages.get_or_init(|| store.pages());
    Ok(Arc::new(store))
}

fn reason(error: ShardError) -> String {
    error.to_string()
}

fn refused(error: ShardError) -> ServerError {
    ServerError::Config(reason(error))
}
