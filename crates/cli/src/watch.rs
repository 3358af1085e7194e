//! `milepost watch`: the same as `milepost status`, for as long as somebody looks.
//!
//! The rule it protects: what is on the screen is what is, or it says since when it may not be; the
//! terminal is left as it was found.

use std::{
    collections::HashMap,
    fmt::Write as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use milepost_client::{Client, explain, types::Build};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use crate::{
    failure::Failure,
    output::{Console, clean},
    status::{self, StatusArgs},
};

/// How often the screen is drawn at least: times go on by themselves.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// How long it takes to look again when the service is gone.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// To another screen, from which the terminal comes back as it was; without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// One event of the stream.
#[derive(Debug, PartialEq)]
struct Event {
    kind: String,
    data: String,
}

/// The builds that have changed and are not searched for any more.
#[derive(Debug, serde::Deserialize)]
struct Left {
    ids: Vec<uuid::Uuid>,
}

/// Takes bytes as they come and gives events as they end.
#[derive(Debug, Default)]
struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.rest.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&block);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(kind), Some(data)) = (field("event: "), field("data: ")) {
                events.push(Event { kind: kind.to_owned(), data: data.to_owned() });
            }
        }
        events
    }
}

/// What is known of the builds, and since when that may be old.
struct Picture {
    builds: HashMap<uuid::Uuid, Build>,
    stale_since: Option<Instant>,
}

/// Watches until somebody ends it.
///
/// # Errors
/// When the service gives no answer at first, or what is shown cannot be written.
pub(crate) async fn run(
    args: &StatusArgs,
    client: &Client,
    console: &mut Console<'_>,
) -> Result<ExitCode, Failure> {
    let search = args.query()?;
    let mut ends = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut resized = signal(SignalKind::window_change())?;
    let mut picture = Picture { builds: look(args, client).await?, stale_since: None };
    let on_screen = console.screen.terminal && !args.json;
    if on_screen {
        console.print(ENTER)?;
    } else {
        for build in status::sorted(picture.builds.values().cloned().collect()) {
            tell(args, None, &build, console)?;
        }
    }
    let watched = async {
        loop {
            follow(args, client, &search, &mut picture, &mut resized, console).await?;
            picture.stale_since.get_or_insert_with(Instant::now);
            draw(args, client, &picture, console)?;
            tokio::time::sleep(AGAIN_AFTER).await;
            if let Ok(builds) = look(args, client).await {
                picture = Picture { builds, stale_since: None };
            }
        }
    };
    let ended: Result<(), Failure> = tokio::select! {
        failed = watched => failed,
        _ = ends.0.recv() => Ok(()),
        _ = ends.1.recv() => Ok(()),
    };
    if on_screen {
        console.print(LEAVE)?;
    }
    ended.map(|()| ExitCode::SUCCESS)
}

async fn look(args: &StatusArgs, client: &Client) -> Result<HashMap<uuid::Uuid, Build>, Failure> {
    let (builds, _) = status::fetch(args, client, milepost_api::now()).await?;
    Ok(builds.into_iter().map(|build| (build.id, build)).collect())
}

/// Follows the stream until it ends; then it is to be opened again.
async fn follow(
    args: &StatusArgs,
    client: &Client,
    search: &str,
    picture: &mut Picture,
    resized: &mut Signal,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut stream = match client.stream_events().search(search).send().await {
        Ok(stream) => stream.into_inner().into_inner(),
        Err(error) => {
            log::debug!("{}", explain(client, error));
            return Ok(());
        }
    };
    let mut reader = Reader::default();
    let mut tick = interval(DRAW_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => draw(args, client, picture, console)?,
            _ = resized.recv() => draw(args, client, picture, console)?,
            chunk = stream.next() => {
                let Some(Ok(bytes)) = chunk else { return Ok(()) };
                for event in reader.take(&bytes) {
                    match &*event.kind {
                        "build" => {
                            if let Ok(build) = serde_json::from_str::<Build>(&event.data) {
                                let before = picture.builds.insert(build.id, build.clone());
                                if args.json || !console.screen.terminal {
                                    tell(args, before.as_ref(), &build, console)?;
                                }
                            }
                        }
                        "left" => {
                            if let Ok(Left { ids }) = serde_json::from_str(&event.data) {
                                picture.builds.retain(|id, _| !ids.contains(id));
                            }
                        }
                        // Between the list and the stream something may have happened.
                        "hello" | "reset" => match look(args, client).await {
                            Ok(builds) => picture.builds = builds,
                            Err(_) => return Ok(()),
                        },
                        // A kind that is newer than this program.
                        _ => {}
                    }
                }
                draw(args, client, picture, console)?;
            }
        }
    }
}

/// Draws over what was there, so that nothing flickers.
fn draw(
    args: &StatusArgs,
    client: &Client,
    picture: &Picture,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if args.json || !console.screen.terminal {
        return Ok(());
    }
    let now = milepost_api::now();
    let builds = status::sorted(picture.builds.values().cloned().collect());
    let (shape, height) = console.screen.measured();
    let text = status::table(args, &builds, now, client, &shape);
    let urgent = status::brief(&builds, &shape);
    let mut screen = HOME.to_owned();
    let lines: Vec<&str> = text.lines().collect();
    let (rows, told) = shares(height, urgent.len());
    for line in lines.iter().take(rows) {
        let _ = writeln!(screen, "{line}{CLEAR_LINE}");
    }
    let hidden = lines.len().saturating_sub(rows);
    if told > 0 {
        let _ = writeln!(screen, "{CLEAR_LINE}");
    }
    for line in urgent.iter().take(told) {
        let _ = writeln!(screen, "{line}{CLEAR_LINE}");
    }
    let more = if hidden > 0 { format!("and {hidden} more; ") } else { String::new() };
    let state = match picture.stale_since {
        None => "live".to_owned(),
        Some(since) => format!("stale for {} s, reconnecting", since.elapsed().as_secs()),
    };
    let _ = write!(screen, "{CLEAR_LINE}\n{more}{state}; Ctrl-C ends{CLEAR_LINE}{CLEAR_BELOW}");
    console.print(&screen)?;
    console.out.flush()?;
    Ok(())
}

/// How many lines the table gets on a screen of `height`, and how many what needs a person: a third at most, so that
/// the rows, which are sorted, stay to be seen. The last two are the state of the picture, and a blank one before it.
fn shares(height: usize, urgent: usize) -> (usize, usize) {
    let room = height.saturating_sub(2).max(1);
    let told = urgent.min(room / 3);
    // A blank line stands between the two.
    (room - told - usize::from(told > 0), told)
}

/// Says in a line what has changed, for a log rather than a screen.
fn tell(
    args: &StatusArgs,
    before: Option<&Build>,
    build: &Build,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if args.json {
        let line = serde_json::to_string(build).map_err(Failure::usage)?;
        console.print(&format!("{line}\n"))?;
        return Ok(console.out.flush()?);
    }
    let step = |build: &Build| build.current_step.as_ref().map(|step| step.name.clone());
    let needs = |build: &Build| status::most_urgent(build).map(|signal| signal.kind.clone());
    let is_news = before.is_none_or(|before| {
        before.state != build.state
            || step(before) != step(build)
            || before.last_message != build.last_message
            || needs(before) != needs(build)
    });
    if !is_news {
        return Ok(());
    }
    let percent = build.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    let step = step(build).map(|step| format!(" {}", clean(&step))).unwrap_or_default();
    let message =
        build.last_message.as_deref().map(|message| format!(": {}", clean(message))).unwrap_or_default();
    let urgent = status::most_urgent(build)
        .map(|signal| format!(" (needs somebody: {})", clean(&signal.detail)))
        .unwrap_or_default();
    let (at, host) = (milepost_api::now().format("%H:%M:%S"), clean(&build.host.name));
    console
        .print(&format!("{at} {host} {}{percent}{step}{message}{urgent}\n", clean(build.state.as_str())))?;
    console.out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_never_drawn_over_its_height() {
        assert_eq!(shares(24, 0), (22, 0));
        assert_eq!(shares(24, 3), (18, 3));
        assert_eq!(shares(24, 100), (14, 7));
        for (height, urgent) in (0..80).flat_map(|height| (0..40).map(move |urgent| (height, urgent))) {
            let (rows, told) = shares(height, urgent);
            let drawn = rows + told + usize::from(told > 0) + 2;
            assert!(rows > 0 && drawn <= height.max(3), "{height} {urgent}");
        }
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = "retry: 2000\n\nevent: hello\nid: 1\ndata: {}\n\n: quiet\n\nevent: build\nid: 2\ndata: {\"x\":\"\u{e4}\"}\n\n";
        for size in 1..text.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|bytes| reader.take(bytes)).collect();
            let kinds: Vec<&str> = events.iter().map(|event| &*event.kind).collect();
            assert_eq!(kinds, ["hello", "build"], "{size}");
            assert_eq!(events.last().unwrap().data, "{\"x\":\"\u{e4}\"}");
        }
    }
}
