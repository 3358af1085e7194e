//! Which PostgreSQL to use.
//!
//! The rule it protects: a cluster is only ever opened by the major version that made it; a new one
//! gets the newest that is installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{Error, layout::Layout};

/// Names the directory of the programs, before any search.
const VARIABLE: &str = "MILEPOST_PG_BIN";
/// What has to be there; a directory with only the client is none.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "psql"];

/// The programs of one installed PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    directory: PathBuf,
    /// The major version, for example 15.
    pub(crate) major: u32,
}

impl Binaries {
    /// Finds the programs for the cluster of this layout, which need not exist yet.
    pub(crate) fn find(named: Option<&Path>, layout: &Layout) -> Result<Self, Error> {
        let places = match named.map(Path::to_path_buf).or_else(from_environment) {
            Some(directory) => vec![directory],
            None => usual_places(),
        };
        let installed: Vec<Self> = places.iter().filter_map(|place| Self::at(place)).collect();
        if installed.is_empty() {
            let looked: Vec<String> = places.iter().map(|at| at.display().to_string()).collect();
            return Err(Error::NoBinaries { looked: looked.join(", ") });
        }
        let wanted = if layout.is_cluster() { Some(version_of(layout)?) } else { None };
        choose(&installed, wanted).ok_or_else(|| Error::VersionMismatch {
            directory: layout.data.clone(),
            found: wanted.unwrap_or_default(),
            installed: describe(&installed),
        })
    }

    /// The path of one of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn at(directory: &Path) -> Option<Self> {
        if !PROGRAMS.iter().all(|name| directory.join(name).is_file()) {
            return None;
        }
        let server = directory.join("postgres");
        let answer = Command::new(&server).arg("--version").stdin(Stdio::null()).output();
        let said = answer.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let major = said.as_deref().ok().and_then(major_of);
        if major.is_none() {
            log::warn!("{} does not tell its version: {said:?}", server.display());
        }
        Some(Self { directory: directory.to_path_buf(), major: major? })
    }
}

/// The newest for a new cluster, the matching one for an existing one.
fn choose(installed: &[Binaries], wanted: Option<u32>) -> Option<Binaries> {
    match wanted {
        Some(major) => installed.iter().find(|each| each.major == major),
        None => installed.first(),
    }
    .cloned()
}

fn from_environment() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Debian and Ubuntu, the PostgreSQL project's packages for EL, Fedora and EL, then the PATH.
fn usual_places() -> Vec<PathBuf> {
    let mut places = numbered("/usr/lib/postgresql", "");
    places.extend(numbered("/usr", "pgsql-"));
    places.push(PathBuf::from("/usr/bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    for place in env::split_paths(&path) {
        if place.is_absolute() && !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The `bin` of the directories `PREFIX<number>` in a parent, the highest number first.
fn numbered(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = leading_number(name.to_str()?.strip_prefix(prefix)?)?;
            Some((number, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}

/// The major version that made the cluster.
fn version_of(layout: &Layout) -> Result<u32, Error> {
    let path = layout.data.join("PG_VERSION");
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    leading_number(text.trim()).ok_or_else(|| Error::NotACluster { directory: layout.data.clone() })
}

/// From `postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)` to 15; `18beta1` is 18.
fn major_of(said: &str) -> Option<u32> {
    leading_number(said.split_once("(PostgreSQL)")?.1.trim_start())
}

fn leading_number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn describe(installed: &[Binaries]) -> String {
    let each: Vec<String> = installed
        .iter()
        .map(|each| format!("PostgreSQL {} in {}", each.major, each.directory.display()))
        .collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Binaries> {
        let at = |major: &u32| Binaries { directory: format!("/{major}").into(), major: *major };
        majors.iter().map(at).collect()
    }

    #[test]
    fn the_major_version_is_read_from_any_build() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_of("something else 15"), None);
    }

    #[test]
    fn a_new_cluster_gets_the_first_and_an_old_one_its_own_version() {
        let all = installed(&[17, 15, 13]);
        assert_eq!(choose(&all, None).unwrap().major, 17);
        assert_eq!(choose(&all, Some(15)).unwrap().major, 15);
        assert_eq!(choose(&all, Some(16)), None);
    }

    #[test]
    fn numbered_directories_come_highest_first() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pgsql-9.6", "pgsql-17", "pgsql-13", "other"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = numbered(parent.path().to_str().unwrap(), "pgsql-");
        let names: Vec<_> = found.iter().map(|at| at.strip_prefix(parent.path()).unwrap()).collect();
        assert_eq!(names, ["pgsql-17/bin", "pgsql-13/bin", "pgsql-9.6/bin"].map(Path::new));
    }
}
