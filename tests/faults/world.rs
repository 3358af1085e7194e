//! What all who take part share: the services, their database, the faults so far, what went wrong.
//!
//! The rule it protects: whatever is wrong is noted with what is needed to find it, and the run
//! goes on, so that one run shows all of it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    faults::Kind,
    http::{Answer, Request, Silence},
    node::{Node, Span},
    place::Place,
    postgres::Postgres,
    settings::Settings,
};

/// How many wrongs are written down.
const NOTES_MAX: usize = 60;
/// What a spool that shall become full has.
const SMALL: &str = "size=1m";

/// A fault that was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) began: Instant,
    pub(crate) lifted: Instant,
    pub(crate) recovered: Instant,
}

pub(crate) struct World {
    pub(crate) began: Instant,
    pub(crate) nodes: Vec<Node>,
    pub(crate) postgres: Postgres,
    pub(crate) manage: String,
    /// Where each service keeps its spool, as we can see it.
    pub(crate) spools: Vec<PathBuf>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    /// When something was under way that is no calm.
    pub(crate) trouble: Mutex<Vec<Span>>,
    /// Times at which everything acknowledged before was in the database.
    pub(crate) drained: Mutex<Vec<Instant>>,
    wrongs: Mutex<Vec<String>>,
    pub(crate) is_over: AtomicBool,
    /// Holds the mount of the small file system.
    holder: Option<Child>,
    pub(crate) place: Place,
}

/// A few clients say here what a hall of machines does elsewhere.
const WITHOUT_LIMITS: [&str; 4] = [
    "--limits-build-reports-per-second=0",
    "--limits-build-reports=0",
    "--limits-build-log-megabytes=0",
    "--limits-address-requests-per-second=0",
];

impl World {
    /// Two services on one PostgreSQL, the second with a spool on a file system of its own that is
    /// soon full.
    pub(crate) fn of_two(settings: &Settings) -> Self {
        let place = Place::new();
        let postgres = Postgres::start(place.path("pg"));
        let secret = place.path("secret");
        fs::write(&secret, "not a secret, for it guards nothing but this").unwrap();
        let (small, holder) = small_file_system(&place);
        let url = postgres.url();
        let node = |name: &'static str, around: Vec<String>, more: &[&str]| {
            let mut command = around;
            let data = place.path(name);
            fs::create_dir_all(&data).unwrap();
            let binary = settings.binary.display().to_string();
            command.extend([binary, "serve".to_owned(), "--listen=127.0.0.1:0".to_owned()]);
            command.push(format!("--data-dir={}", data.display()));
            command.push(format!("--secret-file={}", secret.display()));
            command.push("--database-patience-seconds=1".to_owned());
            command.extend(WITHOUT_LIMITS.map(ToOwned::to_owned));
            command.extend(more.iter().map(|argument| (*argument).to_owned()));
            Node::new(name, place.path(&format!("{name}.log")), command, vec![("DATABASE_URL", url.clone())])
        };
        let spool = format!("--spool-dir={}", small.display());
        let (around, size, seen) = match &holder {
            Some(holder) => (
                vec!["nsenter".to_owned(), "--mount".to_owned(), format!("--target={}", holder.id())],
                "--spool-megabytes=64",
                PathBuf::from(format!("/proc/{}/root{}", holder.id(), small.display())),
            ),
            None => (Vec::new(), "--spool-megabytes=1", small.clone()),
        };
        let nodes = vec![node("a", Vec::new(), &["--ingest-lanes=2"]), node("b", around, &[&spool, size])];
        let spools = vec![place.path("a/spool"), seen];
        Self::begin(place, nodes, postgres, spools, holder, settings)
    }

    /// One service with the PostgreSQL that it brings along.
    pub(crate) fn of_one(settings: &Settings) -> Self {
        let place = Place::new();
        let data = place.path("a");
        let secret = place.path("secret");
        fs::create_dir_all(&data).unwrap();
        fs::write(&secret, "not a secret, for it guards nothing but this").unwrap();
        let mut command = vec![
            settings.binary.display().to_string(),
            "serve".to_owned(),
            "--listen=127.0.0.1:0".to_owned(),
            format!("--data-dir={}", data.display()),
            format!("--secret-file={}", secret.display()),
            "--database-patience-seconds=1".to_owned(),
        ];
        command.extend(WITHOUT_LIMITS.map(ToOwned::to_owned));
        let nodes = vec![Node::new("a", place.path("a.log"), command, Vec::new())];
        let postgres = Postgres::embedded(data.join("postgres"));
        Self::begin(place, nodes, postgres, vec![data.join("spool")], None, settings)
    }

    fn begin(
        place: Place,
        nodes: Vec<Node>,
        postgres: Postgres,
        spools: Vec<PathBuf>,
        holder: Option<Child>,
        settings: &Settings,
    ) -> Self {
        for node in &nodes {
            node.start().unwrap();
        }
        let mut token = Command::new(&settings.binary);
        token.args(["token", "create", "--scope=manage"]).env_clear();
        token.arg("--data-dir").arg(place.path("a")).arg("--secret-file").arg(place.path("secret"));
        let token = token.output().unwrap();
        assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
        Self {
            began: Instant::now(),
            nodes,
            postgres,
            manage: String::from_utf8(token.stdout).unwrap().trim().to_owned(),
            spools,
            faults: Mutex::default(),
            trouble: Mutex::default(),
            drained: Mutex::default(),
            wrongs: Mutex::default(),
            is_over: AtomicBool::new(false),
            holder,
            place,
        }
    }

    /// Whether the spool of the second service is on a file system that really fills.
    pub(crate) fn has_small_file_system(&self) -> bool {
        self.holder.is_some()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Writes down what must not be.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        let mut wrongs = self.wrongs.lock().unwrap();
        let at = self.began.elapsed().as_secs_f64();
        if wrongs.len() < NOTES_MAX {
            wrongs.push(format!("at {at:.1} s: {}", what.into()));
        }
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrongs.lock().unwrap().clone()
    }

    /// Asks a service; whoever is not disturbed owes an answer in time.
    pub(crate) fn ask(&self, node: usize, request: &Request) -> (Result<Answer, Silence>, Instant, Duration) {
        let began = Instant::now();
        let answer = self.nodes[node].ask(request);
        let ended = Instant::now();
        if let Err(silence) = answer
            && !self.nodes[node].was_disturbed(began, ended)
        {
            let path = request.path.split('?').next().unwrap_or_default();
            let path = path.split("/mpb_").next().unwrap_or_default();
            self.wrong(format!(
                "service {} gave no answer to {} {path} though nothing was done to it: {silence:?} after {:?}",
                self.nodes[node].name,
                request.method,
                ended - began
            ));
        }
        (answer, began, ended - began)
    }

    /// Whether all was well from before to after.
    pub(crate) fn was_calm(&self, began: Instant, took: Duration) -> bool {
        !self.trouble.lock().unwrap().iter().any(|span| span.overlaps(began, began + took))
    }

    /// The faults so far, by kind.
    pub(crate) fn by_kind(&self) -> BTreeMap<Kind, Vec<Fault>> {
        let mut by_kind: BTreeMap<Kind, Vec<Fault>> = BTreeMap::new();
        for fault in self.faults.lock().unwrap().iter() {
            by_kind.entry(fault.kind).or_default().push(*fault);
        }
        by_kind
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.postgres.is_running().then(|| self.postgres.thaw());
        }
        for node in &self.nodes {
            let _ = node.end("KILL");
        }
        if let Some(holder) = &mut self.holder {
            drop(holder.stdin.take());
            let _ = holder.wait();
        }
    }
}

/// A directory on a small file system, in a mount namespace that lives as long as its holder; or a
/// plain directory where that may not be.
fn small_file_system(place: &Place) -> (PathBuf, Option<Child>) {
    let directory = place.path("small");
    fs::create_dir_all(&directory).unwrap();
    let script = "mount -t tmpfs -o \"$2\" milepost-faults \"$1\" && touch \"$1/mounted\" && exec cat";
    let holder = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&directory)
        .arg(SMALL)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut holder) = holder else { return (directory, None) };
    let seen = format!("/proc/{}/root{}/mounted", holder.id(), directory.display());
    let mut is_mounted = false;
    crate::place::until(Duration::from_secs(10), || {
        is_mounted = fs::exists(&seen).unwrap_or(false) && !directory.join("mounted").exists();
        is_mounted || holder.try_wait().is_ok_and(|status| status.is_some())
    });
    if is_mounted {
        return (directory, Some(holder));
    }
    drop(holder.stdin.take());
    let _ = holder.wait();
    (directory, None)
}
