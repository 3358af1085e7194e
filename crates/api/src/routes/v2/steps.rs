//! The steps of the registry: seen by all, each changed by its owner.

use actix_web::{delete, get, put, web};
use milepost_domain::{
    Label,
    registry::{Owned, SECONDS_MAX, SHIPPED, SITE, Step},
    report::PRIORITY_MAX,
    search::{Field, Kind, Value},
};
use milepost_store::registry;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::memory;
use crate::{
    App,
    auth::{Caller, Manage, Read},
    body::Body,
    clock,
    page::{ListParams, envelope},
    problem::{Faults, Problem},
};

/// A step that is known.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Step)]
pub(crate) struct StepView {
    /// The stable key.
    #[schema(example = "get_ks")]
    pub label: String,
    /// What people call it.
    #[schema(example = "Kickstart download")]
    pub name: String,
    /// What has happened when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its order among the steps of a build.
    #[schema(minimum = 0, maximum = 10000, example = 20)]
    pub priority: i32,
    /// How long it usually takes, until there is history.
    #[schema(example = 5)]
    pub weight_seconds: u32,
    /// A silence this long within the step needs a person.
    #[schema(example = 300)]
    pub timeout_seconds: u32,
    /// Who may change it: Foreman core, a plugin, the site, or Milepost itself.
    #[schema(example = "milepost")]
    pub owner: String,
}

impl From<Owned<Step>> for StepView {
    fn from(owned: Owned<Step>) -> Self {
        let step = owned.value;
        Self {
            label: step.label.into(),
            name: step.name.into(),
            description: step.description,
            priority: step.priority,
            weight_seconds: step.weight_seconds,
            timeout_seconds: step.timeout_seconds,
            owner: owned.owner.into(),
        }
    }
}

/// A step to add or change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Join the domain", "priority": 470, "weight_seconds": 30, "timeout_seconds": 900}))]
pub(crate) struct StepInput {
    /// What people call it.
    #[schema(example = "Join the domain", min_length = 1, max_length = 255)]
    pub name: String,
    /// What has happened when it is done, in a sentence.
    #[schema(max_length = 4096)]
    pub description: Option<String>,
    /// Its order among the steps of a build.
    #[schema(minimum = 0, maximum = 10000, example = 470)]
    pub priority: i64,
    /// How long it usually takes, until there is history.
    #[schema(minimum = 0, maximum = 604_800, example = 30)]
    pub weight_seconds: i64,
    /// A silence this long within the step needs a person; absent: an hour.
    #[schema(minimum = 1, maximum = 604_800, example = 900)]
    pub timeout_seconds: Option<i64>,
    /// Whose it is; absent: the site's.
    #[schema(example = "site", min_length = 1, max_length = 128)]
    pub owner: Option<String>,
}

/// A silence is suspicious after this long where a step does not say.
const TIMEOUT_SECONDS: i64 = 3600;

/// Who asks for a step or workflow to be removed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnerParams {
    /// Whose it is; absent: the site's.
    #[param(example = "site")]
    owner: Option<String>,
}

impl OwnerParams {
    pub(crate) fn read(self) -> Result<Label, Problem> {
        let mut faults = Faults::default();
        let owner = faults.take("owner", parse_owner(self.owner.as_deref()));
        faults.into_result(owner)
    }
}

/// The owner that a request speaks for. What Milepost ships is not for requests to change.
pub(crate) fn parse_owner(owner: Option<&str>) -> Result<Label, String> {
    match owner.unwrap_or(SITE) {
        SHIPPED => Err(format!("'{SHIPPED}' owns what is shipped; say who you are, for example '{SITE}'")),
        owner => owner.parse().map_err(|error| format!("owner: {error}")),
    }
}

/// A number of a request within its range.
pub(crate) fn within<T: TryFrom<i64>>(value: i64, low: i64, high: i64) -> Result<T, String> {
    let in_range = (low..=high).contains(&value);
    T::try_from(value)
        .ok()
        .filter(|_| in_range)
        .ok_or_else(|| format!("must be from {low} to {high}, not {value}"))
}

impl StepInput {
    fn check(self, label: &str) -> Result<(Label, Step), Problem> {
        let mut faults = Faults::default();
        let label = faults.take("label", label.parse());
        let name = faults.take("/name", self.name.parse());
        let priority = faults.take("/priority", within(self.priority, 0, PRIORITY_MAX.into()));
        let seconds = i64::from(SECONDS_MAX);
        let weight = faults.take("/weight_seconds", within(self.weight_seconds, 0, seconds));
        let timeout = self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS);
        let timeout = faults.take("/timeout_seconds", within(timeout, 1, seconds));
        let owner = faults.take("/owner", parse_owner(self.owner.as_deref()));
        let description = super::description(&mut faults, self.description);
        let step = || {
            Some((
                owner?,
                Step {
                    label: label?,
                    name: name?,
                    description,
                    priority: priority?,
                    weight_seconds: weight?,
                    timeout_seconds: timeout?,
                },
            ))
        };
        let step = step();
        faults.into_result(step)
    }
}

envelope! {
    /// A page of steps.
    StepList of StepView
}

const FIELDS: &[Field] = &[
    Field::new("label", Kind::Text).in_free_text(),
    Field::new("name", Kind::Text).in_free_text(),
    Field::new("owner", Kind::Text),
    Field::new("priority", Kind::Integer),
    Field::new("weight_seconds", Kind::Integer),
    Field::new("timeout_seconds", Kind::Integer),
];

fn value(owned: &Owned<Step>, field: &str) -> Option<Value> {
    let step = &owned.value;
    Some(match field {
        "label" => Value::Text(step.label.to_string()),
        "name" => Value::Text(step.name.to_string()),
        "owner" => Value::Text(owned.owner.to_string()),
        "priority" => Value::Integer(step.priority.into()),
        "weight_seconds" => Value::Integer(step.weight_seconds.into()),
        "timeout_seconds" => Value::Integer(step.timeout_seconds.into()),
        _ => return None,
    })
}

/// List the steps that are known, by priority.
#[utoipa::path(tag = "Registry", operation_id = "list_steps", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = StepList, description = "A page of steps")))]
#[get("/steps")]
pub(crate) async fn list_steps(
    _: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<StepList>, Problem> {
    let listing = params.into_inner().read(FIELDS, &["label", "name", "owner", "priority"], clock::now())?;
    let registry = super::fresh_registry(&app).await?;
    let mut steps: Vec<Owned<Step>> = registry.steps.values().cloned().collect();
    steps.sort_by_key(|owned| owned.value.priority);
    let page = memory::page(steps, &listing, value);
    Ok(web::Json(StepList::new(listing, page, StepView::from)))
}

/// Add a step, or change one's own.
#[utoipa::path(tag = "Registry", operation_id = "put_step", request_body = StepInput, security(("token" = ["manage"])),
    params(("label" = String, Path, description = "1 to 128 of `a-z 0-9 _ . : -`", example = "join_domain")),
    responses(
        (status = 200, body = StepView, description = "The step as it is now"),
        (status = 409, body = crate::problem::ProblemBody, description = "It belongs to another owner"),
    ))]
#[put("/steps/{label}")]
pub(crate) async fn put_step(
    caller: Caller<Manage>,
    app: web::Data<App>,
    label: web::Path<String>,
    Body(input): Body<StepInput>,
) -> Result<web::Json<StepView>, Problem> {
    caller.who.shares("the registry")?;
    let (owner, step) = input.check(&label)?;
    let view = StepView::from(Owned { owner: owner.clone(), value: step.clone() });
    let entry = caller.entry("put_step", clock::now()).to(format!("step {label}"));
    super::change_registry(&app, entry, move |connection| registry::put_step(connection, &owner, &step))
        .await?;
    Ok(web::Json(view))
}

/// Remove one's own step.
///
/// A step that a workflow names stays until the workflow lets it go. Stored reports stay.
#[utoipa::path(tag = "Registry", operation_id = "delete_step", security(("token" = ["manage"])),
    params(("label" = String, Path, description = "The step's label", example = "join_domain"), OwnerParams),
    responses(
        (status = 200, body = StepView, description = "The step that was removed"),
        (status = 409, body = crate::problem::ProblemBody, description = "It belongs to another owner, or a workflow names it"),
    ))]
#[delete("/steps/{label}")]
pub(crate) async fn delete_step(
    caller: Caller<Manage>,
    app: web::Data<App>,
    label: web::Path<String>,
    owner: web::Query<OwnerParams>,
) -> Result<web::Json<StepView>, Problem> {
    caller.who.shares("the registry")?;
    let owner = owner.into_inner().read()?;
    let known = super::fresh_registry(&app).await?;
    let step = label.parse::<Label>().ok().and_then(|label| known.steps.get(&label)).cloned();
    let step = step.ok_or_else(|| Problem::not_found(format!("there is no step '{label}'")))?;
    let key = step.value.label.clone();
    let entry = caller.entry("delete_step", clock::now()).to(format!("step {label}"));
    super::change_registry(&app, entry, move |connection| registry::delete_step(connection, &owner, &key))
        .await?;
    Ok(web::Json(step.into()))
}
