//! What commands print, and for which screen.
//!
//! The rule it protects: data goes to standard output and talk to standard error; nothing that a
//! machine sent moves the cursor or changes a colour; a reader that went away has seen enough.

mod humane;
mod table;

use std::{
    env,
    io::{self, IsTerminal as _, Write},
};

use clap::{Args, ValueEnum};
use unicode_width::UnicodeWidthStr as _;

pub(crate) use humane::{age, counted, duration, short_age, short_duration, size};
pub(crate) use table::{Cell, Column, Table, Tone, painted};

use crate::failure::Failure;

/// The width of a terminal that does not tell.
const WIDTH: usize = 80;
/// Its height.
const HEIGHT: usize = 24;

/// How a command prints; for every command with a table.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutputArgs {
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        help = "Whether to use colours; auto: unless NO_COLOR is set or CLICOLOR is 0"
    )]
    pub(crate) color: ColorChoice,
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Into files and pipes too.
    Always,
    /// Nowhere.
    Never,
}

/// What can be shown on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Whether a person is looking.
    pub(crate) terminal: bool,
    /// Columns; `None`: as wide as it gets, because nobody is looking.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
    /// Whether more than ASCII can be shown.
    pub(crate) unicode: bool,
}

impl Screen {
    /// The same as large as it is now, for somebody may have changed that, and how many lines it has.
    pub(crate) fn measured(self) -> (Self, usize) {
        match terminal_size::terminal_size_of(io::stdout()) {
            Some((width, height)) if width.0 > 0 && height.0 > 0 => {
                (Self { width: Some(width.0.into()), ..self }, height.0.into())
            }
            _ => (self, HEIGHT),
        }
    }

    /// The screen that standard output is.
    pub(crate) fn of_stdout(args: OutputArgs) -> Self {
        let terminal = io::stdout().is_terminal();
        let size = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self {
            terminal,
            width: terminal.then(|| size().filter(|width| *width > 0).unwrap_or(WIDTH)),
            colour: wants_colour(args.color, terminal, |name| env::var(name).ok()),
            unicode: has_unicode(|name| env::var(name).ok()),
        }
    }
}

/// <https://no-color.org> and <https://bixense.com/clicolors/>; what is typed wins.
fn wants_colour(choice: ColorChoice, terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR").is_some() => false,
        ColorChoice::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => {
            terminal
                && set("CLICOLOR").is_none_or(|value| value != "0")
                && set("TERM").is_none_or(|value| value != "dumb")
        }
    }
}

/// As POSIX ranks them: the first that is set decides.
fn has_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| {
        let value = variable(name)?;
        (!value.is_empty()).then(|| value.to_ascii_lowercase())
    });
    locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}

/// Where a command prints.
pub(crate) struct Console<'a> {
    /// For data.
    pub(crate) out: &'a mut dyn Write,
    /// For talk to people.
    pub(crate) talk: &'a mut dyn Write,
    pub(crate) screen: Screen,
}

impl Console<'_> {
    /// Prints data.
    ///
    /// # Errors
    /// When it cannot be written, for example to a full disk.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Failure> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Prints `value` as JSON, for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn print_json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string_pretty(value).map_err(Failure::usage)?;
        self.print(&format!("{json}\n"))
    }

    /// Says that there is nothing to show: to a person where the data would be, else beside it, so
    /// that a program gets no data where there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn say_empty(&mut self, sentence: &str) -> Result<(), Failure> {
        if self.screen.terminal {
            return self.print(&format!("{sentence}\n"));
        }
        // Nobody reads it, or nobody can: the command has done what it should.
        let _ = writeln!(self.talk, "{sentence}");
        Ok(())
    }
}

/// What a machine or a person sent, as one line that only shows letters: no escape sequence, no
/// control character, and none of the invisible ones that turn the direction of what follows.
pub(crate) fn clean(text: &str) -> String {
    let letters = milepost_domain::text::without_escapes(text).filter_map(|c| match c {
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => Some(' '),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => None,
        c => Some(c),
    });
    let mut line = String::with_capacity(text.len());
    for c in letters {
        if c != ' ' || !line.ends_with(' ') {
            line.push(c);
        }
    }
    line.trim().to_owned()
}

/// Cuts `text` to `width` columns and says so with an ellipsis.
pub(crate) fn fit(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let ellipsis = if unicode { "…" } else { "..." };
    let (ellipsis, room) = match width.checked_sub(ellipsis.width()) {
        Some(room) if room > 0 => (ellipsis, room),
        _ => ("", width),
    };
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        // The width of the whole: characters that join are narrower together.
        if cut.width() > room {
            cut.pop();
            break;
        }
    }
    let cut = cut.trim_end();
    format!("{cut}{ellipsis}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables<'v>(set: &'v [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'v {
        move |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let colour = |choice, terminal, set: &[(&str, &str)]| wants_colour(choice, terminal, variables(set));
        assert!(colour(ColorChoice::Auto, true, &[]));
        assert!(colour(ColorChoice::Auto, true, &[("NO_COLOR", "")]));
        assert!(!colour(ColorChoice::Auto, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!colour(ColorChoice::Auto, true, &[("CLICOLOR", "0")]));
        assert!(!colour(ColorChoice::Auto, true, &[("TERM", "dumb")]));
        assert!(!colour(ColorChoice::Auto, false, &[]));
        assert!(colour(ColorChoice::Auto, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(colour(ColorChoice::Always, false, &[("NO_COLOR", "1")]));
        assert!(!colour(ColorChoice::Never, true, &[]));
    }

    #[test]
    fn the_locale_says_whether_blocks_can_be_drawn() {
        assert!(has_unicode(variables(&[("LANG", "cs_CZ.UTF-8")])));
        assert!(has_unicode(variables(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8"), ("LANG", "C")])));
        assert!(!has_unicode(variables(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")])));
        assert!(!has_unicode(variables(&[])));
    }

    #[test]
    fn nothing_that_was_sent_moves_the_cursor() {
        assert_eq!(
            clean("\u{1b}[2J\u{1b}]0;title\u{7}red \u{1b}[31malert\r\n\tnext\u{9b}1A"),
            "red alert next"
        );
        assert_eq!(clean("abc\u{202e}fed\u{2066}\u{200b}x\u{2028}y\u{0}"), "abcfedx y");
        assert_eq!(clean("安装 č 🦀"), "安装 č 🦀");
        let all: String = (0..=0x2fff).filter_map(char::from_u32).collect();
        assert!(!clean(&all).chars().any(char::is_control));
    }

    #[test]
    fn a_text_is_cut_to_columns_not_letters() {
        assert_eq!(fit("packages", 8, true), "packages");
        assert_eq!(fit("packages", 7, true), "packag…");
        assert_eq!(fit("packages", 7, false), "pack...");
        assert_eq!(fit("安装软件包", 6, true), "安装…");
        assert_eq!(fit("安装软件包", 7, true), "安装软…");
        assert_eq!(fit("installing the kernel", 12, true), "installing…");
        assert_eq!(fit("packages", 1, true), "p");
        assert_eq!(fit("packages", 0, true), "");
    }

    #[test]
    fn a_reader_that_went_away_has_seen_enough() {
        struct Gone(io::ErrorKind);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let screen = Screen { terminal: false, width: None, colour: false, unicode: true };
        let print = |kind| {
            let (mut out, mut talk) = (Gone(kind), Vec::new());
            Console { out: &mut out, talk: &mut talk, screen }.print("x")
        };
        assert!(print(io::ErrorKind::BrokenPipe).is_ok());
        assert!(print(io::ErrorKind::StorageFull).is_err());
    }
}
