//! What is sent: an event in the form of Standard Webhooks, or a message for a channel.
//!
//! The rule it protects: an event is put into words once, when it is found; each try sends the same, and
//! a channel gets what the event itself says.

use chrono::{DateTime, Utc};
use milepost_domain::{News, Signal, Time};
use milepost_store::{Error, build::HostBuild, delivery::TEST, hook::Format};
use serde::{Deserialize, Serialize};

use crate::{App, view::BuildView};

/// What a receiver gets.
#[derive(Debug, Serialize)]
struct Event<'a> {
    /// The event: `build.completed`, `signal.stalled.began`.
    #[serde(rename = "type")]
    kind: String,
    /// When it happened.
    timestamp: DateTime<Utc>,
    data: Data<'a>,
}

/// The part that depends on the event.
#[derive(Debug, Serialize)]
struct Data<'a> {
    /// A sentence for people, with the host in it.
    summary: String,
    /// The host's page; absent where the service does not know how it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The signal that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'a Signal>,
    /// The build as it stood then, with its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<BuildView>,
}

/// The event as it is sent, word by word.
pub(super) fn of(app: &App, found: &HostBuild, news: &News, now: Time) -> Result<String, Error> {
    let name = &found.host.facts.name;
    let base = app.settings.public_url.as_ref();
    let event = Event {
        kind: news.topic.to_string(),
        timestamp: news.at,
        data: Data {
            summary: format!("{name}: {}", news.sentence),
            url: base.map(|base| format!("{base}/#/hosts/{}", in_a_path(name.as_str()))),
            signal: news.signal.as_ref(),
            build: Some(BuildView::of(app, found.host.clone(), &found.build, now)),
        },
    };
    text(&event)
}

/// What a test sends.
pub(crate) fn test_event(app: &App, hook: &str, now: Time) -> Result<String, Error> {
    let summary = format!("a test of the hook '{hook}': it works");
    let url = app.settings.public_url.as_ref().map(|base| format!("{base}/"));
    text(&Event {
        kind: TEST.to_owned(),
        timestamp: now,
        data: Data { summary, url, signal: None, build: None },
    })
}

fn text(event: &Event<'_>) -> Result<String, Error> {
    serde_json::to_string(event)
        .map_err(|error| Error::Database(format!("an event cannot be put into words: {error}")))
}

/// A name as a part of a path.
fn in_a_path(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

/// What a channel reads of an event.
#[derive(Deserialize)]
struct Read {
    data: ReadData,
}

#[derive(Deserialize)]
struct ReadData {
    summary: String,
    url: Option<String>,
    signal: Option<Signal>,
}

/// The event in the form that the hook wants.
pub(super) fn formatted(format: Format, event: &str) -> Result<String, String> {
    match format {
        Format::Standard => Ok(event.to_owned()),
        Format::Slack => {
            let read: Read = serde_json::from_str(event).map_err(|error| error.to_string())?;
            let ReadData { summary, url, signal } = read.data;
            let mut said = escaped(&summary);
            if let Some(signal) = signal {
                let severity = serde_json::to_value(signal.severity).unwrap_or_default();
                said = format!("[{}] {said}", severity.as_str().unwrap_or_default());
                said.extend(signal.remedy.map(|remedy| format!(" ({})", escaped(&remedy))));
            }
            said.extend(url.map(|url| format!(" {url}")));
            Ok(serde_json::json!({"text": said}).to_string())
        }
    }
}

/// Nobody is mentioned and nothing is linked by what a machine says.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_reads_a_sentence_with_a_link_and_no_mention() {
        let event = r#"{"type":"signal.stalled.began","data":{"summary":"web1: no report <!channel> & more",
            "url":"https://milepost.example.com/#/hosts/web1","signal":{"kind":"stalled","severity":"warning",
            "since":"2026-11-28T12:00:00Z","detail":"no report","remedy":"look at its console"}}}"#;
        assert_eq!(
            formatted(Format::Slack, event).unwrap(),
            r#"{"text":"[warning] web1: no report &lt;!channel&gt; &amp; more (look at its console) https://milepost.example.com/#/hosts/web1"}"#
        );
        assert_eq!(formatted(Format::Standard, event).unwrap(), event);
    }

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(in_a_path("web1.example.com"), "web1.example.com");
        assert_eq!(in_a_path("a/b c?é"), "a%2Fb%20c%3F%C3%A9");
    }
}
