//! Who owns a cluster.
//!
//! The rule it protects: two services never drive one server. The kernel drops the lock with its
//! holder, however that one ends, so no stale lock has to be judged.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    process,
};

use nix::fcntl::OFlag;

use crate::{Error, identity::ServerUser, layout::Layout};

/// The lock on one data directory, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock and writes our process id into its file, or tells who has it.
    pub(crate) fn take(layout: &Layout, user: &ServerUser) -> Result<Self, Error> {
        let path = &layout.lock;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // The parent may belong to an ordinary user, and we may be root.
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(path)
            .map_err(Error::io("open the lock", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::AlreadyOwned { directory: layout.data.clone(), owner: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
        }
        let action = "write the lock";
        file.set_len(0).map_err(Error::io(action, path))?;
        file.rewind().map_err(Error::io(action, path))?;
        writeln!(file, "{}", process::id()).map_err(Error::io(action, path))?;
        user.own(&file, path)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Explicitly: between fork and exec a child of another thread holds the same open file, and
        // closing ours would leave the lock with it for that moment.
        if let Err(error) = self.file.unlock() {
            log::warn!("cannot release the lock of the database directory: {error}");
        }
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // 32 bytes hold any process id; the file is not ours to trust.
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!("pid {}", text.trim()),
        _ => "it has not said its pid yet".to_owned(),
    }
}
