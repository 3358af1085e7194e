//! `/api/update`: what the small daemons that sites wrote for themselves take.
//!
//! The rule it protects: it carries no credential, so only the networks that are named may use
//! it, and it can never close a build that somebody else opened.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use milepost_domain::{
    BuildId, HostFacts, Label, Name, Percent, Report, Status, Time,
    host::{HostRef, parse_host_name},
    registry::Mode,
};
use milepost_store::{Error, Seen, build::Opened};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer;
use crate::{
    App,
    auth::Reporter,
    body::Body,
    clock, db,
    problem::{Code, Faults, Problem},
    routes::v2::opening,
};

/// The workflow of builds that are opened this way: it expects nothing, so percentages are shown
/// as they come.
const WORKFLOW: &str = "update";

/// One update of such a daemon's client. Numbers may come as strings.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "web1.brno.example.com", "datacenter_name": "brno", "action": "Installing packages",
    "status": "running", "percentage": "42"
}))]
pub(crate) struct HostUpdate {
    /// The host's name; it is made on first sight.
    #[schema(example = "web1.brno.example.com")]
    name: String,
    /// Its location.
    #[schema(example = "brno")]
    datacenter_name: Option<String>,
    /// What it is doing: the step.
    #[schema(example = "Installing packages")]
    action: Option<String>,
    /// How that goes, in any words: failures are told from the rest by theirs.
    #[schema(example = "running")]
    status: Option<String>,
    /// How far the whole is, 0 to 100, as a number or a string.
    #[schema(value_type = Option<String>, example = "42")]
    percentage: Option<Value>,
}

/// What a valid [`HostUpdate`] comes to.
struct Update {
    host: HostFacts,
    label: Label,
    step: Option<Name>,
    status: Option<Status>,
    message: Option<milepost_domain::Message>,
    percentage: Option<Percent>,
}

/// The words that such daemons use, read into ours. Whole words: "broken" is not "ok". What is
/// none of them is taken as work under way.
fn status_of(text: &str) -> Status {
    const FAILED: &[&str] = &[
        "fail",
        "failed",
        "failure",
        "error",
        "fatal",
        "abort",
        "aborted",
        "crash",
        "crashed",
        "panic",
        "broken",
        "unsuccessful",
        "incomplete",
    ];
    const DONE: &[&str] =
        &["done", "finish", "finished", "complete", "completed", "success", "successful", "succeeded", "ok"];
    let text = text.to_lowercase();
    let has = |known: &[&str]| text.split(|c: char| !c.is_alphanumeric()).any(|word| known.contains(&word));
    if has(FAILED) {
        Status::Failed
    } else if has(DONE) {
        Status::Done
    } else {
        Status::Init
    }
}

impl HostUpdate {
    fn check(self) -> Result<Update, Problem> {
        let mut faults = Faults::default();
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let name = faults.take("/name", parse_host_name(&self.name));
        let location = given(self.datacenter_name)
            .and_then(|text| faults.take("/datacenter_name", text.parse::<Name>()));
        let action = given(self.action).unwrap_or_else(|| "Update".to_owned());
        let step: Option<Name> = faults.take("/action", action.parse());
        let label = Label::from_words(&action);
        if label.is_none() {
            faults.note("/action", "needs a letter or a digit");
        }
        let word = given(self.status);
        let status = word.as_deref().map(status_of);
        let message = word.and_then(|word| faults.take("/status", word.parse()));
        let percentage = match self.percentage {
            Some(Value::Number(number)) => faults.take("/percentage", number.to_string().parse()),
            Some(Value::String(text)) if !text.trim().is_empty() => faults.take("/percentage", text.parse()),
            Some(Value::String(_) | Value::Null) | None => None,
            Some(other) => {
                faults.note("/percentage", format!("must be a number from 0 to 100, not {other}"));
                None
            }
        };
        let update = name.zip(label).map(|(name, label)| Update {
            host: HostFacts { location, ..HostFacts::named(name) },
            label,
            step,
            status,
            message,
            percentage,
        });
        faults.into_result(update)
    }
}

/// The build that the host has under way, or a new one that expects nothing.
async fn build_under_way(app: &web::Data<App>, facts: HostFacts, now: Time) -> Result<BuildId, Problem> {
    let named = HostRef::Name(facts.name.to_string());
    let under_way = move |seen: &Seen| {
        let build = seen.build(now);
        build.course.ended_at.is_none().then_some(build.id)
    };
    if let Some(id) = app.store.remembered(&named).as_ref().and_then(under_way) {
        return Ok(id);
    }
    let (store, lifetime) = (app.store.clone(), app.settings.token_duration);
    let work = move || {
        let known = match store.look_at(&named) {
            Ok(seen) => under_way(&seen),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(id) = known {
            return Ok(id);
        }
        let workflow = Label::from_words(WORKFLOW).unwrap_or_else(Label::built);
        let opening = opening(&store.registry(), facts, workflow, None, now, now + lifetime);
        match store.open(&opening, None)? {
            Opened::New(opened) | Opened::Known(opened) => Ok(opened.build.id),
        }
    };
    Ok(db::bounded(work).await?)
}

/// Take an update as a site's own daemon would.
///
/// Off unless `[compat] api_update` names the sender's network. A host that is not known is made,
/// in a workflow that takes any step.
#[utoipa::path(tag = "Installers", operation_id = "update_host", request_body = HostUpdate,
    responses(
        (status = 200, body = answer::Recorded, description = "It is on disk"),
        (status = 403, body = crate::problem::ProblemBody, description = "The sender's network may not do this"),
    ))]
#[post("/api/update")]
pub(crate) async fn update_host(
    app: web::Data<App>,
    request: HttpRequest,
    Body(update): Body<HostUpdate>,
) -> Result<HttpResponse, Problem> {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let allowed =
        peer.is_some_and(|peer| app.settings.api_update.iter().any(|network| network.contains(&peer)));
    if !allowed {
        let detail = "this network may not use /api/update, which carries no credential; name it in [compat] api_update";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let now = clock::now();
    let update = update.check()?;
    app.limits.admit(&request, &app)?;
    let build = build_under_way(&app, update.host, now).await?;
    let report = Report {
        name: update.step,
        status: update.status,
        message: update.message,
        percentage: update.percentage,
        ..Report::simple(clock::new_id(now), update.label, now)
    };
    let receipts = super::record(
        &app,
        &Reporter { build, announced: None, token: None },
        vec![report],
        Some(Mode::Loose),
    )
    .await?;
    answer::of_receipt(&request, StatusCode::OK, receipts)
}
