//! What changes, as server-sent events.

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use milepost_domain::{Time, host::HostRef, search};
use milepost_store::list;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    App,
    auth::{Caller, Read},
    clock,
    live::{self, Interest},
    problem::{Code, Problem},
};

/// Which changes, and from when on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventParams {
    /// Only builds that this search finds; the language and fields of the list of builds.
    #[param(example = "location = brno")]
    search: Option<String>,
    /// Only builds of this host: Foreman's id, the FQDN or our id.
    #[param(example = "web1.brno.example.com")]
    host: Option<String>,
    /// The `id` of the last event that was seen, for clients that cannot send `Last-Event-ID`.
    #[param(example = "1794500000000000")]
    after: Option<String>,
}

fn parse_id(text: &str) -> Result<Time, Problem> {
    text.parse().ok().and_then(Time::from_timestamp_micros).ok_or_else(|| {
        Problem::new(Code::MalformedRequest, "Last-Event-ID must be the `id` of an event of this stream")
    })
}

/// What changes, as it changes: server-sent events.
///
/// `build`: a build was opened or has changed; its data is a build as in the list of builds. `left`: these builds have
/// changed and are not what is searched for, or not any more; its data has their `ids`. `reset`: something may have
/// been missed, read everything anew. `hello`: the stream begins; read the list now, and what comes after is in the
/// stream. `beat`: the stream goes on; one comes every 15 seconds, so that whoever hears none for longer can tell that
/// something on the way holds it back. Each has an `id`; a client that comes back sends the last one as `Last-Event-ID` and
/// gets what it missed. Whoever cannot keep up is cut off. New kinds of events may come.
#[utoipa::path(tag = "Builds", operation_id = "stream_events", security(("token" = ["read"])),
    params(EventParams, ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was seen")),
    responses((status = 200, body = String, content_type = "text/event-stream", description = "The events")))]
#[get("/events")]
pub(crate) async fn stream_events(
    caller: Caller<Read>,
    app: web::Data<App>,
    request: HttpRequest,
    params: web::Query<EventParams>,
) -> Result<HttpResponse, Problem> {
    let params = params.into_inner();
    let now = clock::now();
    let search = search::parse(params.search.as_deref().unwrap_or_default(), list::FIELDS, now)
        .map_err(|error| Problem::search("search", &error))?;
    let header = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let after = header.or(params.after.as_deref()).filter(|id| !id.is_empty());
    let after = after.map(parse_id).transpose()?;
    let host = params.host.filter(|host| !host.is_empty()).map(|host| HostRef::parse(&host));
    let interest = Interest { search, host, bounds: caller.who.bounds.clone() };
    let stream = live::stream(&app, caller.who, interest, after).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        // A proxy must not wait for more, nor a compressor of ours.
        .insert_header(("X-Accel-Buffering", "no"))
        .insert_header((header::CONTENT_ENCODING, "identity"))
        .streaming(stream))
}
