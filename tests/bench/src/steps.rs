//! What a machine that is being installed reports, and which machines there are.
//!
//! The rule it protects: all generators of load send the same reports, in an order that an
//! installation can have.

use std::fmt::Write as _;

use crate::{failure::Result, place::Place};

/// The builds that reports are measured on.
pub(crate) const BUILDS: usize = 1000;
/// Further ones that take what is sent to warm a server up.
pub(crate) const WARM_UP: usize = 256;

/// One report, without its token.
pub(crate) struct Step {
    /// As a form: label, and status or percentage.
    pub(crate) form: String,
}

/// The steps that a kickstart installation reports by itself, each with how many percentages it reports
/// between its beginning and its end.
const KICKSTART: [(&str, u32); 10] = [
    ("get_ks", 0),
    ("pre", 0),
    ("storage", 4),
    ("packages", 50),
    ("post", 0),
    ("register", 0),
    ("updates", 20),
    ("config_agent", 10),
    ("built", 0),
    ("first_boot", 0),
];

/// A log text of 100 bytes in which nothing has to be encoded.
const LOG: &str =
    "2026-11-24T10:11:12.131Z_anaconda_dnf_Installing_kernel-core-5.14.0-427.13.1.el9_4.x86_64_412_of_893";

/// The reports of one installation, in their order.
pub(crate) fn sequence() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut push = |form: String| steps.push(Step { form: format!("{form}&logs={LOG}") });
    for (label, parts) in KICKSTART {
        push(format!("label={label}&status=init"));
        for part in 1..parts {
            push(format!("label={label}&percentage={}", part * 100 / parts));
        }
        push(format!("label={label}&status=done"));
    }
    steps
}

/// A token as Foreman makes them, a UUID; the same in every run, so that copies of a database fit.
fn token(number: usize) -> String {
    format!("5eed0000-0000-4000-8000-{number:012x}")
}

/// The machines, and what they report.
pub(crate) struct Fleet {
    pub(crate) steps: Vec<Step>,
    pub(crate) tokens: Vec<String>,
    pub(crate) hosts: Vec<String>,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        let all = 1..=BUILDS + WARM_UP;
        Self {
            steps: sequence(),
            tokens: all.clone().map(token).collect(),
            hosts: all.map(|number| format!("host-{number:04}.bench.example.com")).collect(),
        }
    }

    /// The form of the `round`th report of a build, beginning again after the last step.
    pub(crate) fn form(&self, token: &str, round: usize) -> String {
        let step = self.steps.get(round % self.steps.len()).map_or("", |step| &step.form);
        format!("token={token}&{step}")
    }

    /// Writes the files that the scripts of wrk read.
    pub(crate) fn write(&self, place: &Place) -> Result<()> {
        write_lines(place, "tokens", &self.tokens)?;
        write_lines(place, "steps", self.steps.iter().map(|step| &step.form))?;
        Ok(())
    }
}

/// Writes a file with a text a line.
pub(crate) fn write_lines(
    place: &Place,
    name: &str,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        writeln!(text, "{}", line.as_ref())?;
    }
    Ok(std::fs::write(place.join(name), text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_about_190_bytes_and_its_log_100() {
        let fleet = Fleet::new();
        let lengths: Vec<usize> = (0..fleet.steps.len()).map(|at| fleet.form(&token(1), at).len()).collect();
        assert!(lengths.iter().all(|length| (170..=200).contains(length)), "{lengths:?}");
        assert_eq!(LOG.len(), 100);
    }
}
