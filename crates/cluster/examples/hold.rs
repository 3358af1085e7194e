//! Starts a cluster, prints the pid of its server and holds it until its input ends.
//!
//! The tests kill it, to see what becomes of a server whose service died.

use std::{
    env,
    error::Error,
    io::{self, Read, Write},
};

use milepost_cluster::{Cluster, Config, Durability};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os().nth(1).ok_or("usage: hold DIRECTORY")?;
    let cluster = Cluster::start(&Config::new(directory.into(), Durability::Durable))?;
    writeln!(io::stdout(), "{}", cluster.pid())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    cluster.stop()?;
    Ok(())
}
