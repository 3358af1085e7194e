//! Making a new cluster.
//!
//! The rule it protects: the data directory is either absent or whole. `initdb` works beside it, and
//! one rename puts the result in its place.

use std::{
    fs::{self, File},
    io,
    process::Stdio,
};

use crate::{
    Config, Durability, Error, SUPERUSER, binaries::Binaries, error::tail, identity::ServerUser,
    layout::Layout, process::Home,
};

/// Makes the cluster of this layout.
pub(crate) fn run(
    config: &Config,
    binaries: &Binaries,
    user: &ServerUser,
    layout: &Layout,
) -> Result<(), Error> {
    refuse_other_files(layout)?;
    clear_unfinished(layout)?;
    let unfinished = &layout.unfinished;
    user.private_directory(unfinished)?;

    let program = binaries.program("initdb");
    // It stands in the directory it fills, so that one that outlives us is found and ended.
    let mut command = user.command(&program, unfinished);
    command
        .arg("-D")
        .arg(unfinished)
        .args(["--username", SUPERUSER, "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"])
        .args(["--auth-local=trust", "--auth-host=reject"])
        .stderr(Stdio::piped());
    if config.durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    let result = command.output().map_err(Error::io("run", &program))?;
    if !result.status.success() {
        clear_unfinished(layout)?;
        return Err(Error::InitdbFailed {
            directory: layout.data.clone(),
            status: result.status.to_string(),
            output: tail(&[result.stdout, result.stderr].concat()),
        });
    }
    fs::rename(unfinished, &layout.data).map_err(Error::io("put in place", &layout.data))?;
    // The rename is on disk once its directory is.
    File::open(&layout.parent)
        .and_then(|parent| parent.sync_all())
        .map_err(Error::io("write to disk", &layout.parent))
}

fn refuse_other_files(layout: &Layout) -> Result<(), Error> {
    match fs::read_dir(&layout.data).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::NotACluster { directory: layout.data.clone() }),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("read", &layout.data)(error)),
    }
}

/// Removes what an interrupted `initdb` left, after ending one that still runs.
fn clear_unfinished(layout: &Layout) -> Result<(), Error> {
    let path = &layout.unfinished;
    if !path.exists() {
        return Ok(());
    }
    log::info!("removing {}, left by an interrupted initdb", path.display());
    Home::of(path)?.sweep(path);
    fs::remove_dir_all(path).map_err(Error::io("remove", path))
}
