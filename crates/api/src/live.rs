//! What changes, as it changes: server-sent events (the HTML standard's `text/event-stream`).
//!
//! The rule it protects: a change is rendered once, however many look; whoever cannot keep up is cut
//! off and comes back for what it missed, instead of being waited for or buffered for ever.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{rt::time, web::Bytes};
use futures::stream::{self, Stream};
use milepost_domain::{
    Bounds, Time,
    host::HostRef,
    search::{Expr, Field},
    signal::SignalKind,
};
use milepost_store::{build::HostBuild, list};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{App, auth::Who, clock, db, problem::Problem, view::BuildView};

/// How often changes are told: a person sees no difference, and a build that reports a hundred times a
/// second is rendered four times.
const TICK: Duration = Duration::from_millis(250);
/// After how many ticks everybody is told that the stream goes on: 15 s. No proxy takes the connection for dead
/// then, and whoever hears nothing for longer knows that something holds it back.
const BEAT_TICKS: u32 = 60;
/// How many ticks a stream may be behind before it is cut off.
const BEHIND_MAX: usize = 64;
/// How many changes can be caught up with; beyond, everything is to be read anew.
const CAUGHT_UP_MAX: i64 = 1_000;
/// What a client that comes back may have missed before its last event: commits that were under way.
const OVERLAP: chrono::Duration = chrono::Duration::seconds(5);

/// What was told in one tick.
#[derive(Debug)]
enum Told {
    Changes(Vec<Change>, Time),
    /// Something was missed: whoever looks is to read everything anew.
    Reset(Bytes),
    Beat(Bytes),
    /// The service ends.
    End,
}

/// A build that has changed, and the event that says so.
#[derive(Debug)]
struct Change {
    found: HostBuild,
    /// The kinds of its signals; none of a build that has ended, in which nobody looks for any.
    signals: Vec<SignalKind>,
    is_muted: bool,
    event: Bytes,
}

/// Those who look, and what they are told.
pub(crate) struct Live(broadcast::Sender<Arc<Told>>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Live {
    /// Ends all streams, so that nobody has to wait for them.
    pub(crate) fn end(&self) {
        let _ = self.0.send(Arc::new(Told::End));
    }

    /// How many streams are open.
    pub(crate) fn count(&self) -> usize {
        self.0.receiver_count()
    }
}

/// Which changes somebody is told of.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    pub(crate) search: Option<Expr>,
    pub(crate) host: Option<HostRef>,
    pub(crate) bounds: Bounds,
}

impl Interest {
    fn may_see(&self, found: &HostBuild) -> bool {
        self.bounds.allow(&found.host.facts) && self.host.as_ref().is_none_or(|host| host.is(&found.host))
    }

    fn finds(&self, change: &Change) -> bool {
        let found = &change.found;
        let value = |field: &Field| {
            list::worked_value(field, &change.signals, change.is_muted)
                .or_else(|| list::value(field, &found.host, Some(&found.build)))
        };
        self.search.as_ref().is_none_or(|search| search.matches(&value))
    }

    /// What is said of `changes`: those that are found, whole; and which are not, or not any more, since whoever
    /// shows the others does not know that they changed. `None`: nothing of them is of interest.
    fn told(&self, changes: &[Change], now: Time) -> Option<Bytes> {
        let seen = changes.iter().filter(|change| self.may_see(&change.found));
        let (found, left): (Vec<&Change>, Vec<&Change>) = seen.partition(|change| self.finds(change));
        match (&found[..], &left[..]) {
            ([], []) => None,
            ([one], []) => Some(one.event.clone()),
            _ => {
                let mut text: Vec<Bytes> = found.iter().map(|change| change.event.clone()).collect();
                if !left.is_empty() {
                    let ids: Vec<String> =
                        left.iter().map(|change| format!("\"{}\"", change.found.build.id)).collect();
                    text.push(event("left", now, &format!("{{\"ids\":[{}]}}", ids.join(","))));
                }
                Some(text.concat().into())
            }
        }
    }
}

/// One event: `id` is where to go on from.
fn event(kind: &str, now: Time, data: &str) -> Bytes {
    Bytes::from(format!("event: {kind}\nid: {}\ndata: {data}\n\n", now.timestamp_micros()))
}

fn changes(app: &App, found: Vec<HostBuild>, now: Time) -> Result<Vec<Change>, Problem> {
    let change = |found: HostBuild| {
        let view = BuildView::of(app, found.host.clone(), &found.build, now);
        let data = serde_json::to_string(&view).map_err(Problem::internal)?;
        let is_open = view.ended_at.is_none();
        let signals = view.signals.iter().filter(|_| is_open).map(|signal| signal.kind).collect();
        let is_muted = is_open && view.muted.is_some();
        Ok(Change { event: event("build", now, &data), signals, is_muted, found })
    };
    found.into_iter().map(change).collect()
}

fn reset(now: Time) -> Bytes {
    event("reset", now, "{}")
}

/// Tells what changes to all who look, for as long as the service runs.
pub(crate) async fn tell(app: App) {
    let mut tick = time::interval(TICK);
    let mut ticks = 0_u32;
    loop {
        tick.tick().await;
        ticks = ticks.wrapping_add(1);
        let is_watched = app.live.count() > 0;
        app.store.watch(is_watched);
        if !is_watched {
            continue;
        }
        let now = clock::now();
        let beat = ticks.is_multiple_of(BEAT_TICKS).then(|| Told::Beat(event("beat", now, "{}")));
        for told in news(&app, now).await.into_iter().chain(beat) {
            // Nobody may look any more.
            let _ = app.live.0.send(Arc::new(told));
        }
    }
}

/// What has changed since it was asked last, if anything has.
async fn news(app: &App, now: Time) -> Option<Told> {
    let Some(ids) = app.store.take_changed() else { return Some(Told::Reset(reset(now))) };
    if ids.is_empty() {
        return None;
    }
    let store = app.store.clone();
    match db::bounded(move || store.look_at_builds(&ids, now)).await {
        Ok(found) => match changes(app, found, now) {
            Ok(changes) => Some(Told::Changes(changes, now)),
            Err(problem) => {
                log::error!("a change cannot be told: {problem}");
                None
            }
        },
        Err(error) => {
            log::debug!("what has changed cannot be read, so everything is to be: {error}");
            Some(Told::Reset(reset(now)))
        }
    }
}

/// The stream of changes for `who`, from `after` on if they have looked before. It ends when their credential does.
pub(crate) async fn stream(
    app: &App,
    who: Who,
    interest: Interest,
    after: Option<Time>,
) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, Problem> {
    // Subscribed before the past is read, so that nothing falls between.
    let receiver = app.live.0.subscribe();
    app.store.watch(true);
    let now = clock::now();
    let mut first = vec![Bytes::from_static(b"retry: 2000\n\n")];
    match after {
        None => first.push(event("hello", now, "{}")),
        Some(after) => {
            let (store, bounds) = (app.store.clone(), interest.bounds.clone());
            let missed = db::bounded(move || {
                let since = after - OVERLAP;
                let ids = store
                    .read(|connection| list::changed_since(connection, since, &bounds, CAUGHT_UP_MAX + 1))?;
                let is_too_much = i64::try_from(ids.len()).unwrap_or(i64::MAX) > CAUGHT_UP_MAX;
                if is_too_much { Ok(None) } else { store.look_at_builds(&ids, now).map(Some) }
            })
            .await?;
            match missed {
                None => first.push(reset(now)),
                Some(found) => first.extend(interest.told(&changes(app, found, now)?, now)),
            }
            // Where nothing was missed, too, it is to be seen that events come through.
            first.push(event("beat", now, "{}"));
        }
    }
    let app = app.clone();
    let holds = move || who.holds(&app, clock::now());
    Ok(following(Bytes::from(first.concat()), receiver, interest, holds))
}

/// What is told from now on, after `first`, for as long as `holds` says.
fn following(
    first: Bytes,
    receiver: broadcast::Receiver<Arc<Told>>,
    interest: Interest,
    holds: impl Fn() -> bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let state = (Some(first), receiver, interest, holds);
    stream::unfold(state, |(first, mut receiver, interest, holds)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, receiver, interest, holds)));
        }
        loop {
            let text = match receiver.recv().await {
                Ok(_) if !holds() => return None,
                Ok(told) => match &*told {
                    Told::Reset(event) | Told::Beat(event) => event.clone(),
                    Told::End => return None,
                    Told::Changes(changes, now) => match interest.told(changes, *now) {
                        Some(text) => text,
                        None => continue,
                    },
                },
                // Too far behind: it comes back and says what it saw last.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            };
            return Some((Ok(text), (None, receiver, interest, holds)));
        }
    })
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    #[test]
    fn whoever_cannot_keep_up_is_cut_off() {
        let live = Live::default();
        let everything = || Interest { search: None, host: None, bounds: Bounds::default() };
        let mut slow = Box::pin(following(Bytes::new(), live.0.subscribe(), everything(), || true));
        let mut quick = Box::pin(following(Bytes::new(), live.0.subscribe(), everything(), || true));
        assert!(quick.next().now_or_never().flatten().is_some(), "what comes first");
        for _ in 0..=BEHIND_MAX {
            assert!(live.0.send(Arc::new(Told::Beat(Bytes::from_static(b"event: beat\n\n")))).is_ok());
            assert!(quick.next().now_or_never().flatten().is_some());
        }
        assert!(slow.next().now_or_never().flatten().is_some(), "what comes first");
        assert_eq!(slow.next().now_or_never(), Some(None), "and then the end");
        live.end();
        assert_eq!(quick.next().now_or_never(), Some(None));
        drop((slow, quick));
        assert_eq!(live.count(), 0);
    }
}
