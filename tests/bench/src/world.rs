//! What all lines share: the directory, the database, the machines that report, and the way servers
//! are started.
//!
//! The rule it protects: service and references are started the same way, on loopback, with nothing
//! of the caller's environment that could change them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    args::Args,
    database::Database,
    failure::{Context as _, Failure, Result},
    http::{Client, post_json},
    narrator::Narrator,
    place::Place,
    process::{self, Server},
    steps::{Fleet, write_lines},
    wrk,
};

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The database with the builds that reports are measured on, migrated by the service itself.
pub(crate) const BASE: &str = "base";
/// The same for the naive reference.
pub(crate) const NAIVE: &str = "naive";
const NAIVE_SCHEMA: &str = include_str!("../references/naive/schema.sql");

/// What was asked for, with the defaults filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seconds: u64,
    pub(crate) reports: u64,
}

pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) fleet: Fleet,
    pub(crate) narrator: Narrator,
    /// A token that may do everything.
    pub(crate) token: String,
    /// The names of the lines that are measured.
    pub(crate) wanted: Vec<&'static str>,
    pub(crate) service: PathBuf,
    naive: PathBuf,
    pub(crate) flask: PathBuf,
    // Dropped in this order: the server has ended before its directory goes.
    pub(crate) database: Database,
    pub(crate) place: Place,
}

/// A command without what the caller's environment says to PostgreSQL's clients and to the service.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["PG", "MILEPOST_", "RUST_", "DATABASE_URL"].iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The limits are asked for, as they are in use, and never reached: all load comes from one address.
const LIMITS: [&str; 5] = [
    "--limits-build-reports-per-second=100000",
    "--limits-build-reports=1000000000",
    "--limits-build-log-megabytes=1000000",
    "--limits-address-requests-per-second=1000000",
    "--connections-per-address=10000",
];

impl World {
    /// Makes the directory and starts the database.
    pub(crate) fn make(args: &Args, narrator: Narrator) -> Result<Self> {
        let own = env::current_exe()?;
        let beside = own.parent().context("this program is nowhere")?;
        let service = args.service.clone().unwrap_or_else(|| beside.join("milepost"));
        let naive = beside.join("bench-naive");
        for program in [&service, &naive] {
            if !program.is_file() {
                let program = program.display();
                return Err(Failure::new(format!("there is no {program}; `make bench` builds it")));
            }
        }
        let target = beside.parent().unwrap_or(beside);
        let flask = args.flask.clone().unwrap_or_else(|| target.join("venv-bench"));
        let stored = if args.quick { 0 } else { args.reports };
        let place = Place::make(&args.dir, args.keep, stored)?;
        narrator.say(&format!("PostgreSQL starts in {}", place.path().display()));
        let database = Database::start(&place)?;
        let options = Options { seconds: args.seconds(), reports: args.reports };
        let fleet = Fleet::new();
        let token = String::new();
        let wanted = Vec::new();
        let mut world =
            Self { options, fleet, narrator, token, wanted, service, naive, flask, database, place };
        world.fleet.write(&world.place)?;
        wrk::write_scripts(&world)?;
        world.token = world.make_token()?;
        world.narrator.say("the service opens builds, the naive reference gets the same");
        world.prepare_service()?;
        world.prepare_naive()?;
        Ok(world)
    }

    pub(crate) fn wants(&self, line: &str) -> bool {
        self.wanted.contains(&line)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.place.join("service")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.place.join(&format!("{name}.log"))
    }

    fn make_token(&self) -> Result<String> {
        let mut make = command(&self.service);
        make.args(["token", "create", "--scope", "manage", "--data-dir"]).arg(self.data_dir());
        let token = process::output("milepost token create", &mut make, START_LIMIT)?;
        Ok(token.trim().to_owned())
    }

    /// The service on one of our databases.
    pub(crate) fn start_service(&self, database: &str) -> Result<Server> {
        let mut serve = command(&self.service);
        serve.args(["serve", "--listen", "127.0.0.1:0"]).args(LIMITS).arg("--data-dir").arg(self.data_dir());
        serve.args(["--database-url", &self.database.url(database)?]);
        Server::start("the service", &mut serve, &self.log("service"), START_LIMIT)
    }

    /// The service with a PostgreSQL that it brings along.
    pub(crate) fn start_embedded(&self, data_dir: &Path) -> Result<Server> {
        let mut serve = command(&self.service);
        serve.args(["serve", "--listen", "127.0.0.1:0"]).args(LIMITS).arg("--data-dir").arg(data_dir);
        Server::start("the service", &mut serve, &self.log("embedded"), START_LIMIT)
    }

    /// The naive reference on one of our databases.
    pub(crate) fn start_naive(&self, database: &str) -> Result<Server> {
        let mut serve = command(&self.naive);
        serve.arg(self.database.url(database)?);
        Server::start("the naive reference", &mut serve, &self.log("naive"), START_LIMIT)
    }

    fn prepare_service(&self) -> Result<()> {
        self.database.create(BASE)?;
        let server = self.start_service(BASE)?;
        let all: Vec<(&String, &String)> = self.fleet.hosts.iter().zip(&self.fleet.tokens).collect();
        let open = |some: &[(&String, &String)]| -> Result<()> {
            let mut client = Client::new(&server.url)?;
            for (host, token) in some {
                let body = serde_json::json!({
                    "host": {
                        "name": host, "organization": "acme", "location": "brno", "hostgroup": "web",
                        "operatingsystem": "RedHat 9.4", "model": "R650",
                    },
                    "workflow": "kickstart",
                    "token": token,
                });
                let request = post_json(&server.url, "/api/v2/builds", &self.token, &body.to_string());
                let answer = client.send(&request)?;
                if answer.status != 201 {
                    let said = answer.text();
                    return Err(Failure::new(format!("a build was not opened: {} {said}", answer.status)));
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                all.chunks(all.len().div_ceil(8)).map(|some| scope.spawn(move || open(some))).collect();
            for thread in threads {
                thread.join().unwrap_or_else(|_| Err(Failure::new("a thread that opens builds panicked")))?;
            }
            Ok(())
        })
    }

    fn prepare_naive(&self) -> Result<()> {
        self.database.create(NAIVE)?;
        self.database.execute(NAIVE, NAIVE_SCHEMA)?;
        let builds = self.fleet.tokens.len();
        // The same tokens as above, found by their hash as there.
        let tokens = format!(
            "INSERT INTO builds (id, label) SELECT naive_build(n), 'pending' FROM generate_series(1, {builds}) n;
             INSERT INTO credentials (hash, build_id, expires_at)
             SELECT sha256(format('5eed0000-0000-4000-8000-%s', lpad(to_hex(n), 12, '0'))::bytea), naive_build(n),
                 now() + interval '1 day'
             FROM generate_series(1, {builds}) n"
        );
        self.database.execute(NAIVE, &tokens)
    }

    fn python(&self) -> Result<PathBuf> {
        let python = self.flask.join("bin/python");
        if python.exists() {
            return Ok(python);
        }
        let place = self.flask.display();
        Err(Failure::new(format!("there is no Flask in {place}; `make bench` installs it")))
    }

    /// The command of the Flask reference that makes its database, makes tokens, or counts.
    pub(crate) fn flask_tool(&self, arguments: &[&str]) -> Result<String> {
        let app = self.flask_app()?;
        let mut tool = command(&self.python()?);
        tool.arg("-B").arg(app).args(arguments).current_dir(self.place.path());
        process::output("the tool of the Flask reference", &mut tool, START_LIMIT)
    }

    /// A copy of the daemon in the directory of the run.
    fn flask_app(&self) -> Result<PathBuf> {
        let app = self.place.join("app.py");
        if !app.exists() {
            fs::write(&app, include_str!("../references/flask/app.py"))?;
        }
        Ok(app)
    }

    /// The tokens of the Flask reference, made once.
    pub(crate) fn flask_tokens(&self) -> Result<Vec<String>> {
        let path = self.place.join("tokens-flask");
        if !path.exists() {
            let made = self.flask_tool(&["mint", &self.fleet.tokens.len().to_string()])?;
            write_lines(&self.place, "tokens-flask", made.lines())?;
        }
        Ok(fs::read_to_string(path)?.lines().map(ToOwned::to_owned).collect())
    }

    /// The Flask reference on a database file that is there, with that journal mode.
    pub(crate) fn start_flask(&self, file: &str, journal: &str) -> Result<Server> {
        self.flask_app()?;
        let mut serve = command(&self.python()?);
        serve
            .args(["-B", "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "app:app"])
            .args(["--log-level", "info", "--no-control-socket"])
            .env("BENCH_DATABASE", self.place.join(file))
            .env("BENCH_JOURNAL", journal)
            .current_dir(self.place.path());
        Server::start("the Flask reference", &mut serve, &self.log("flask"), START_LIMIT)
    }
}
