//! How a host's build is going, as a small picture for wikis and chats.
//!
//! The rule it protects: whatever a name is, it is text; colour never says it alone, and a reader of
//! screens hears all of it.

use milepost_domain::{Host, Progress, State, Time};

/// A name that is longer is cut in the picture, and whole in its title.
const NAME_MAX: usize = 40;
/// Beside each text, in pixels.
const MARGIN: u32 = 6;

/// The background of a state: white text on it has a contrast of 4.5 at least.
fn colour(state: State) -> &'static str {
    match state {
        State::Pending | State::Canceled | State::Superseded => "#6a6e73",
        State::Running => "#0066cc",
        State::Failed => "#c9190b",
        State::Installed => "#005f60",
        State::Completed => "#2e7d32",
        State::Expired => "#8f4700",
    }
}

/// The badge of what there is to see of `host`; `as_of`: it was so then, and may have changed since.
pub(crate) fn svg(host: &Host, progress: &Progress, as_of: Option<Time>) -> String {
    let name: String = host.facts.name.as_str().chars().filter(|c| !c.is_control()).collect();
    let short = if name.chars().count() > NAME_MAX {
        name.chars().take(NAME_MAX - 1).chain(['\u{2026}']).collect()
    } else {
        name.clone()
    };
    let moves = matches!(progress.state, State::Running | State::Failed | State::Installed);
    let percent = progress.percent.filter(|_| moves);
    let said = percent
        .map_or_else(|| progress.state.to_string(), |percent| format!("{} {percent} %", progress.state));
    let age = as_of.map_or_else(String::new, |at| format!(", as of {}", at.format("%Y-%m-%d %H:%M:%S UTC")));
    let title = escaped(&format!("{name}: {said}{age}"));
    let (left, right) = (width(&short), width(&said));
    let (first, second) = (left + 2 * MARGIN, right + 2 * MARGIN);
    let whole = first + second;
    let colour = colour(progress.state);
    let (at, bar) = (first + MARGIN, percent.map_or(0, |percent| second * u32::from(percent) / 100));
    let (short, said) = (escaped(&short), escaped(&said));
    // The lengths are said, so that it fits with whatever font is there.
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{title}"><title>{title}</title><clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="{first}" height="20" fill="#3c3f42"/><rect x="{first}" width="{second}" height="20" fill="{colour}"/><rect x="{first}" y="17" width="{bar}" height="3" fill="#fff" fill-opacity=".5"/></g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="{MARGIN}" y="14" textLength="{left}">{short}</text><text x="{at}" y="14" textLength="{right}">{said}</text></g></svg>
"##
    )
}

/// How wide a text is, about, in pixels.
fn width(text: &str) -> u32 {
    text.chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 't' | 'f' | 'I' | '.' | '\'' | ' ' | '|' => 4,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '\u{2026}' => 10,
            c if c.is_ascii() => 7,
            _ => 11,
        })
        .sum()
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut xml, c| {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            other => xml.push(other),
        }
        xml
    })
}

#[cfg(test)]
mod tests {
    use milepost_domain::{HostFacts, Id};

    use super::*;

    fn badge(name: &str, state: State, percent: Option<u8>) -> String {
        let at = Time::from_timestamp(1_794_500_000, 0).unwrap();
        let facts = HostFacts::named(name.parse().unwrap());
        let host = Host { id: Id::from_uuid(uuid::Uuid::nil()), facts, created_at: at };
        let progress = Progress {
            state,
            percent,
            current_step: None,
            steps: Vec::new(),
            signals: Vec::new(),
            elapsed_seconds: 0,
        };
        svg(&host, &progress, None)
    }

    #[test]
    fn it_says_the_state_in_words_and_how_far_what_moves_is() {
        assert!(
            badge("web1.example.com", State::Running, Some(31))
                .contains("<title>web1.example.com: running 31 %<")
        );
        assert!(badge("web1.example.com", State::Completed, Some(100)).contains(">completed<"));
        assert!(badge("web1.example.com", State::Pending, None).contains(">pending<"));
    }

    #[test]
    fn a_name_is_text_whatever_it_is() {
        let svg = badge("\"><script>alert(1)</script>&", State::Failed, None);
        assert!(!svg.contains("<script") && svg.contains("&quot;&gt;&lt;script&gt;"), "{svg}");
    }

    #[test]
    fn a_long_name_is_cut_in_the_picture_and_whole_in_its_title() {
        let name = "x".repeat(200);
        let svg = badge(&name, State::Running, None);
        assert!(svg.contains(&format!("<title>{name}: ")) && !svg.contains(&format!(">{name}<")), "{svg}");
    }
}
