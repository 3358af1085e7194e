//! Who PostgreSQL runs as.
//!
//! The rule it protects: PostgreSQL never runs as root and never on files of another user, and the
//! administrator learns which directory or account is in the way instead of "permission denied".

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    fcntl::OFlag,
    unistd::{Uid, User, geteuid},
};

use crate::{Error, layout::Layout};

/// The accounts that are tried, in this order, when we are root and nobody named one. Never
/// `nobody`: other daemons run as that, and would own the database with us.
const ACCOUNTS: [&str; 2] = ["postgres", "milepost"];

/// The account of the server.
#[derive(Debug, Clone)]
pub(crate) struct ServerUser {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether we have to become that user, which only root can.
    switch: bool,
}

impl ServerUser {
    /// Decides as whom to run: as ourselves, or when we are root as the user that was named, the
    /// owner of the cluster, or one of the usual accounts.
    pub(crate) fn choose(requested: Option<&str>, layout: &Layout) -> Result<Self, Error> {
        let owner = if layout.is_cluster() || !can_look_into(&layout.data) {
            fs::metadata(&layout.data).ok().map(|found| (found.uid(), found.gid()))
        } else {
            None
        };
        let user = if geteuid().is_root() {
            Self::below_root(requested, owner)?
        } else {
            Self::ourselves(requested)?
        };
        match owner {
            Some((uid, _)) if uid != user.uid => Err(Error::WrongOwner {
                directory: layout.data.clone(),
                owner: name_of(Uid::from_raw(uid)),
                user: user.name,
            }),
            _ => Ok(user),
        }
    }

    fn ourselves(requested: Option<&str>) -> Result<Self, Error> {
        let name = name_of(geteuid());
        match requested {
            Some(other) if other != name => Err(Error::UnusableUser {
                user: other.to_owned(),
                reason: format!("only root can change to another user, and this is {name}"),
            }),
            _ => Ok(Self {
                uid: geteuid().as_raw(),
                gid: nix::unistd::getegid().as_raw(),
                switch: false,
                name,
            }),
        }
    }

    fn below_root(requested: Option<&str>, owner: Option<(u32, u32)>) -> Result<Self, Error> {
        if let Some(name) = requested {
            let refuse =
                |reason: &str| Error::UnusableUser { user: name.to_owned(), reason: reason.to_owned() };
            let user = lookup(name).ok_or_else(|| refuse("there is no such user"))?;
            return if user.uid == 0 { Err(refuse("that is root")) } else { Ok(user) };
        }
        if let Some((uid, gid)) = owner.filter(|(uid, _)| *uid != 0) {
            let known = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(Self::from);
            let name = uid.to_string();
            return Ok(known.unwrap_or(Self { name, uid, gid, switch: true }));
        }
        ACCOUNTS.into_iter().find_map(lookup).ok_or(Error::NoServerUser)
    }

    /// A command that runs as this user, without our environment: PGPORT or PGOPTIONS would change
    /// the server, and our secrets are not its business.
    pub(crate) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir(directory).stdin(Stdio::null());
        for name in ["PATH", "LD_LIBRARY_PATH", "TZ"] {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes a directory that only this user may enter, or checks that the one that is there is
    /// theirs: below /tmp anybody could have made it first, to stand between us and our server.
    pub(crate) fn private_directory(&self, path: &Path) -> Result<(), Error> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("make the directory", path)(error));
            }
            _ => {}
        }
        let refuse = |reason| Error::UnsafeDirectory { path: path.to_path_buf(), reason };
        // By its handle from here on: the path may be somebody else's to swap, and we may be root.
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let directory = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(refuse("it belongs to another user"));
            }
            Err(_) => return Err(refuse("it is not a directory")),
            Ok(directory) => directory,
        };
        let found = directory.metadata().map_err(Error::io("look at", path))?.uid();
        if found != self.uid && found != geteuid().as_raw() {
            return Err(refuse("it belongs to another user"));
        }
        directory
            .set_permissions(fs::Permissions::from_mode(0o700))
            .map_err(Error::io("set the permissions of", path))?;
        self.own(&directory, path)
    }

    /// Gives an open file to this user; by its handle, for the same reason.
    pub(crate) fn own(&self, file: &File, path: &Path) -> Result<(), Error> {
        if self.switch {
            fchown(file, Some(self.uid), Some(self.gid)).map_err(Error::io("change the owner of", path))?;
        }
        Ok(())
    }

    /// Refuses a directory that this user cannot enter, naming the first one on the way that it may
    /// not pass. Tried for real rather than computed from mode bits: there are ACLs, too.
    pub(crate) fn check_reach(&self, program: &Path, layout: &Layout) -> Result<(), Error> {
        if self.can_stand_in(program, &layout.parent)? {
            return Ok(());
        }
        let mut way: Vec<&Path> = layout.parent.ancestors().collect();
        way.reverse();
        for directory in way {
            if self.can_stand_in(program, directory)? {
                continue;
            }
            if directory == Path::new("/") {
                return Err(Error::UnusableUser {
                    user: self.name.clone(),
                    reason: format!("it may not execute {}", program.display()),
                });
            }
            return Err(Error::Unreachable {
                directory: layout.data.clone(),
                blocking: directory.to_path_buf(),
                user: self.name.clone(),
            });
        }
        Ok(())
    }

    /// std changes the user first and the directory second, so a spawn is the question itself.
    fn can_stand_in(&self, program: &Path, directory: &Path) -> Result<bool, Error> {
        let mut command = self.command(program, directory);
        match command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(Error::io("run", program)(error)),
        }
    }
}

impl From<User> for ServerUser {
    fn from(user: User) -> Self {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        Self { name: user.name, uid, gid, switch: true }
    }
}

fn lookup(name: &str) -> Option<ServerUser> {
    User::from_name(name).ok().flatten().map(ServerUser::from)
}

/// The name of an account, or its number where it has none.
pub(crate) fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// A directory that we cannot read hides its `PG_VERSION`; its owner still tells whose it is.
fn can_look_into(directory: &Path) -> bool {
    !directory.exists() || fs::read_dir(directory).is_ok()
}
