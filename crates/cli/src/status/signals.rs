//! What needs a person, below the table of builds.
//!
//! The rule it protects: the sentence of a signal is shown whole, with what helps and the end of the log that
//! says why; what somebody muted is counted and not told.

use milepost_client::types::{Build, Signal};
use unicode_width::UnicodeWidthStr as _;

use crate::output::{Screen, Tone, clean, counted, fit, painted};

/// So many builds are told of; who has more to see to starts with these.
const BUILDS_MAX: usize = 20;
/// So many lines of each log where several are shown; of a single one, all that came.
const LINES_OF_SEVERAL: usize = 5;
/// How wide a line is where nobody says.
const WIDTH: usize = 100;

/// The signals of a build that somebody is to see to: not those that are good to know, nor what is over.
pub(super) fn urgent(build: &Build) -> impl Iterator<Item = &Signal> {
    let is_quiet = build.muted.is_some() || build.ended_at.is_some();
    build.signals.iter().filter(move |signal| !is_quiet && signal.severity.as_str() != "info")
}

/// What needs a person, of `builds` in their order; nothing where nothing does.
pub(super) fn tell(builds: &[Build], screen: &Screen) -> String {
    let mut lines: Vec<String> = Vec::new();
    let width = screen.width.unwrap_or(WIDTH);
    let told: Vec<&Build> = builds.iter().filter(|build| urgent(build).next().is_some()).collect();
    let logs = told.iter().flat_map(|build| urgent(build)).filter(|signal| signal.log.is_some()).count();
    for build in told.iter().take(BUILDS_MAX) {
        for signal in urgent(build) {
            let sentence = format!("{}: {}", clean(&build.host.name), clean(&signal.detail));
            let tone = if signal.severity.as_str() == "critical" { Tone::Bad } else { Tone::Plain };
            let wrapped = wrap(&sentence, width, "  ").into_iter();
            lines.extend(wrapped.map(|line| painted(&line, tone, screen)));
            if let Some(remedy) = &signal.remedy {
                lines.extend(wrap(&format!("  {}", clean(remedy)), width, "  "));
            }
            if let Some(log) = &signal.log {
                let all: Vec<&str> = log.text.lines().collect();
                let most = if logs > 1 { LINES_OF_SEVERAL } else { all.len() };
                for line in all.iter().skip(all.len().saturating_sub(most)) {
                    // A long line is cut by the terminal, so that what is copied is whole.
                    lines.push(painted(&format!("  | {}", clean(line)), Tone::Quiet, screen));
                }
            }
        }
    }
    if told.len() > BUILDS_MAX {
        lines.push(format!(
            "{} more need a person; milepost status --json has them all",
            told.len() - BUILDS_MAX
        ));
    }
    let is_muted =
        |build: &&Build| build.muted.is_some() && build.ended_at.is_none() && !build.signals.is_empty();
    let muted = builds.iter().filter(is_muted).count();
    if muted > 0 {
        let muted = counted(i64::try_from(muted).unwrap_or(i64::MAX), "build");
        lines.push(format!("{muted} with signals muted: milepost mutes says until when and why"));
    }
    if lines.is_empty() { String::new() } else { format!("\n{}\n", lines.join("\n")) }
}

/// The most urgent signal of each build that has one, a line each, for a screen where all else has to fit as well.
pub(super) fn brief(builds: &[Build], screen: &Screen) -> Vec<String> {
    let line = |build: &Build| {
        let signal = urgent(build).next()?;
        let sentence = format!("{}: {}", clean(&build.host.name), clean(&signal.detail));
        let tone = if signal.severity.as_str() == "critical" { Tone::Bad } else { Tone::Plain };
        let width = screen.width.unwrap_or(WIDTH);
        Some(painted(&fit(&sentence, width, screen.unicode), tone, screen))
    };
    builds.iter().filter_map(line).collect()
}

/// `text` in lines of at most `width` columns, all but the first with `indent` in front.
fn wrap(text: &str, width: usize, indent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = text.chars().take_while(|letter| *letter == ' ').collect::<String>();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.width() + 1 + word.width() > width {
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            is_empty = true;
        }
        line.push_str(if is_empty { "" } else { " " });
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_screen_unless_a_word_is() {
        let text = "web1.example.com: no report for 17 min after 'Network boot'; limit 15 min";
        assert_eq!(
            wrap(text, 40, "  "),
            ["web1.example.com: no report for 17 min", "  after 'Network boot'; limit 15 min"]
        );
        assert_eq!(wrap("  a b", 4, "  "), ["  a", "  b"]);
        assert_eq!(wrap("longer-than-that", 4, "  "), ["longer-than-that"]);
    }
}
