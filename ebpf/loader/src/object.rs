//! What every loader does with an object: load it, find its program and its maps.

use aya::maps::xdp::XdpMapError;
use aya::maps::{
    Array, DevMap, HashMap, MapData, MapError, PerCpuArray, ProgramArray, RingBuf, XskMap,
};
use aya::programs::{ProgramError, Xdp};
use aya::{Ebpf, EbpfError, EbpfLoader, Pod};

use crate::{Error, Provenance, Result};

/// Loads an object's maps; the programs in it are not yet loaded.
pub(crate) fn load(
    program: &'static str,
    loader: &mut EbpfLoader<'_>,
    object: &[u8],
) -> Result<Ebpf> {
    loader.load(object).map_err(|source| match denied(&source) {
        true => Error::NotPermitted,
        false => Error::Load {
            program,
            source: Box::new(source),
        },
    })
}

/// Loads an object, and the XDP program in it that has its name.
pub(crate) fn xdp(name: &'static str, loader: &mut EbpfLoader<'_>, object: &[u8]) -> Result<Ebpf> {
    let mut ebpf = load(name, loader, object)?;
    program::<Xdp>(&mut ebpf, name)?
        .load()
        .map_err(program_error(name))?;
    Ok(ebpf)
}

fn denied(error: &EbpfError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error());
        }
        cause = error.source();
    }
    false
}

/// Turns aya's error into ours.
pub(crate) fn program_error(program: &'static str) -> impl Fn(ProgramError) -> Error {
    const NOT_PERMITTED: i32 = rustix::io::Errno::PERM.raw_os_error();
    move |source| {
        if let ProgramError::LoadError { io_error, .. } = &source
            && io_error.raw_os_error() == Some(NOT_PERMITTED)
        {
            return Error::NotPermitted;
        }
        Error::Program {
            program,
            source: Box::new(source),
        }
    }
}

/// The program in an object, as its type, not yet loaded.
pub(crate) fn program<'a, T>(ebpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut T>
where
    &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .ok_or(Error::Incomplete {
            program: name,
            part: "program section",
        })?
        .try_into()
        .map_err(program_error(name))
}

macro_rules! take_map {
    ($(#[$doc:meta])* $function:ident -> $map:ty $(, $value:ident)?) => {
        $(#[$doc])*
        pub(crate) fn $function$(<$value: Pod>)?(
            ebpf: &mut Ebpf,
            program: &'static str,
            name: &'static str,
        ) -> Result<$map> {
            ebpf.take_map(name)
                .ok_or(Error::Incomplete { program, part: name })?
                .try_into()
                .map_err(map_error(name))
        }
    };
}

take_map!(
    /// Takes an array out of an object.
    array -> Array<MapData, V>, V
);
take_map!(
    /// Takes a per-CPU array out of an object.
    per_cpu -> PerCpuArray<MapData, V>, V
);
take_map!(
    /// Takes an XSKMAP out of an object.
    sockets -> XskMap<MapData>
);
take_map!(
    /// Takes a list of devices out of an object.
    devices -> DevMap<MapData>
);
take_map!(
    /// Takes a hash map out of an object.
    hash -> HashMap<MapData, u64, V>, V
);
take_map!(
    /// Takes a list of programs to go on with out of an object.
    programs -> ProgramArray<MapData>
);
take_map!(
    /// Takes a ring buffer out of an object.
    ring -> RingBuf<MapData>
);

/// What the kernel says where there is nothing to remove.
const ABSENT: i32 = rustix::io::Errno::NOENT.raw_os_error();

/// Takes a key out of a map, if it is there.
pub(crate) fn remove(
    map: &mut HashMap<MapData, u64, u64>,
    key: u64,
    name: &'static str,
) -> Result<()> {
    match map.remove(&key) {
        Err(MapError::SyscallError(call)) if call.io_error.raw_os_error() == Some(ABSENT) => Ok(()),
        removed => removed.map_err(map_error(name)),
    }
}

/// Puts a device into a list of devices.
pub(crate) fn set_device(
    map: &mut DevMap<MapData>,
    name: &'static str,
    place: u32,
    ifindex: u32,
) -> Result<()> {
    map.set(place, ifindex, None, 0)
        .map_err(|error| match error {
            XdpMapError::MapError(error) => map_error(name)(error),
            XdpMapError::ChainedProgramNotSupported => {
                Error::BadConfig("the kernel has no programs behind a DEVMAP")
            }
        })
}

/// The program of an object as the kernel names it.
pub(crate) fn provenance(ebpf: &Ebpf, name: &'static str) -> Result<Provenance> {
    let program = ebpf.program(name).ok_or(Error::Incomplete {
        program: name,
        part: "program section",
    })?;
    Ok(Provenance::of(
        &program.info().map_err(program_error(name))?,
    ))
}

/// Turns aya's error into ours.
pub(crate) fn map_error(map: &'static str) -> impl Fn(aya::maps::MapError) -> Error {
    move |source| Error::Map {
        map,
        source: Box::new(source),
    }
}
