//! Who has a spool open.
//!
//! The rule it protects: two processes never write one spool. The kernel drops the lock with its holder,
//! however that one ends, so no stale lock has to be judged.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    process,
};

use crate::{Error, directory::Directory};

/// The lock on one spool, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, or tells who has it.
    pub(crate) fn take(directory: &Directory) -> Result<Self, Error> {
        let path = directory.path.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("open the lock", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { directory: directory.path.clone(), owner: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        if let Err(error) = sign(&mut file) {
            // The name is a courtesy, and a full disk must not keep anyone from emptying the spool on it.
            log::debug!("cannot write our process id to {}: {error}", path.display());
        }
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Explicitly: between fork and exec a child of another thread holds the same open file, and closing
        // ours would leave the lock with it for that moment.
        if let Err(error) = self.file.unlock() {
            log::warn!("cannot release the lock of the spool: {error}");
        }
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // 32 bytes hold any process id; the file is not ours to trust.
    match file.take(32).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!("pid {}", text.trim()),
        _ => "it has not said its pid".to_owned(),
    }
}
