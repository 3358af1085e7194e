//! Workflows: which steps one way of installing is expected to pass.

use actix_web::{delete, get, put, web};
use milepost_domain::{
    Label, Status,
    event::{EventRule, RULES_MAX},
    registry::{EXPECTED_BOOTS_MAX, Mode, Owned, SECONDS_MAX, Workflow, WorkflowStep},
    report::PRIORITY_MAX,
    search::{Field, Kind, Value},
};
use milepost_store::registry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    memory,
    steps::{OwnerParams, parse_owner, within},
};
use crate::{
    App,
    auth::{Caller, Manage, Read},
    body::Body,
    clock,
    page::{ListParams, envelope},
    problem::{Faults, Problem},
};

/// The most steps of a workflow.
const STEPS_MAX: usize = 200;

/// One way of installing.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowView {
    /// The stable key.
    #[schema(example = "kickstart")]
    pub name: String,
    /// What people call it.
    #[schema(example = "Kickstart (RHEL family)")]
    pub title: String,
    /// When it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its builds refuse an unknown step; absent: as the service is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Mode>,
    /// How often the machine boots before it is installed; absent: once. More often is a signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub expected_boots: Option<u32>,
    /// Its steps; they are passed in the order of their priority.
    pub steps: Vec<WorkflowStep>,
    /// Which events that programs send by themselves mean which of its steps; the first rule that fits
    /// decides, and what fits none is an activity. Absent: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub events: Vec<EventRule>,
    /// Who may change it.
    #[schema(example = "milepost")]
    pub owner: String,
}

impl From<Owned<Workflow>> for WorkflowView {
    fn from(owned: Owned<Workflow>) -> Self {
        let workflow = owned.value;
        Self {
            name: workflow.name.into(),
            title: workflow.title.into(),
            description: workflow.description,
            registry: workflow.registry,
            expected_boots: workflow.expected_boots,
            steps: workflow.steps,
            events: workflow.events,
            owner: owned.owner.into(),
        }
    }
}

/// A step's place in a workflow to add or change; what is absent is the step's own.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct WorkflowStepInput {
    /// Which step; it must be registered.
    #[schema(example = "packages")]
    pub label: String,
    /// Its order in this workflow.
    #[schema(minimum = 0, maximum = 10000)]
    pub priority: Option<i64>,
    /// How long it usually takes in this workflow.
    #[schema(minimum = 0, maximum = 604_800)]
    pub weight_seconds: Option<i64>,
    /// A silence this long within the step needs a person.
    #[schema(minimum = 1, maximum = 604_800)]
    pub timeout_seconds: Option<i64>,
    /// Sites may never report it; a build completes without it. Absent: no.
    pub optional: Option<bool>,
    /// The installer's first phase: reported again after later steps, the machine has booted its
    /// installer again. Absent: no.
    pub entry: Option<bool>,
}

/// Which events mean a step of a workflow to add or change.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EventRuleInput {
    /// The program that sends it, as it calls itself.
    #[schema(example = "curtin", min_length = 1, max_length = 255)]
    pub origin: String,
    /// The event's name. `*` stands for anything within a part of it, a part `**` for any number of parts.
    #[schema(example = "**/cmd-install/stage-partitioning", min_length = 1, max_length = 255)]
    pub name: String,
    /// The step that it means; it must be one of the workflow's.
    #[schema(example = "storage")]
    pub step: String,
    /// Whether its start (`init`), its end or its failure is meant; absent: each of them.
    pub on: Option<Vec<Status>>,
}

/// A workflow to add or change.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "title": "Our appliance",
    "steps": [{"label": "get_ks", "entry": true}, {"label": "packages"}, {"label": "built"}, {"label": "first_boot"}]
}))]
pub(crate) struct WorkflowInput {
    /// What people call it.
    #[schema(example = "Our appliance", min_length = 1, max_length = 255)]
    pub title: String,
    /// When it is used, in a sentence.
    #[schema(max_length = 4096)]
    pub description: Option<String>,
    /// Whether its builds refuse an unknown step; absent: as the service is set.
    pub registry: Option<Mode>,
    /// How often the machine boots before it is installed; absent: once. More often is a signal.
    #[schema(minimum = 1, maximum = 50)]
    pub expected_boots: Option<i64>,
    /// Its steps, in any order: they are passed in the order of their priority.
    #[schema(max_items = 200)]
    pub steps: Vec<WorkflowStepInput>,
    /// Which events mean which of its steps; absent: none.
    #[schema(max_items = 100)]
    pub events: Option<Vec<EventRuleInput>>,
    /// Whose it is; absent: the site's.
    #[schema(example = "site", min_length = 1, max_length = 128)]
    pub owner: Option<String>,
}

impl WorkflowStepInput {
    fn check(self, at: usize, faults: &mut Faults) -> Option<WorkflowStep> {
        let seconds = i64::from(SECONDS_MAX);
        let mut number = |member: &str, value: Option<i64>, low: i64, high: i64| {
            value.and_then(|value| {
                faults.take(&format!("/steps/{at}/{member}"), within::<u32>(value, low, high))
            })
        };
        let priority = number("priority", self.priority, 0, PRIORITY_MAX.into());
        let weight_seconds = number("weight_seconds", self.weight_seconds, 0, seconds);
        let timeout_seconds = number("timeout_seconds", self.timeout_seconds, 1, seconds);
        let label = faults.take(&format!("/steps/{at}/label"), self.label.parse())?;
        Some(WorkflowStep {
            label,
            priority: priority.and_then(|priority| priority.try_into().ok()),
            weight_seconds,
            timeout_seconds,
            optional: self.optional.unwrap_or(false),
            entry: self.entry.unwrap_or(false),
        })
    }
}

impl EventRuleInput {
    fn check(self, at: usize, faults: &mut Faults) -> Option<EventRule> {
        let origin = faults.take(&format!("/events/{at}/origin"), self.origin.parse());
        let name = faults.take(&format!("/events/{at}/name"), self.name.parse());
        let step = faults.take(&format!("/events/{at}/step"), self.step.parse());
        Some(EventRule { origin: origin?, name: name?, step: step?, on: self.on.unwrap_or_default() })
    }
}

impl WorkflowInput {
    fn check(self, name: &str) -> Result<(Label, Workflow), Problem> {
        let mut faults = Faults::default();
        let name = faults.take("name", name.parse());
        let title = faults.take("/title", self.title.parse());
        let owner = faults.take("/owner", parse_owner(self.owner.as_deref()));
        let description = super::description(&mut faults, self.description);
        let expected_boots = self.expected_boots.and_then(|boots| {
            faults.take("/expected_boots", within::<u32>(boots, 1, EXPECTED_BOOTS_MAX.into()))
        });
        if self.steps.len() > STEPS_MAX {
            faults.note(
                "/steps",
                format!("a workflow has at most {STEPS_MAX} steps, not {}", self.steps.len()),
            );
        }
        let steps: Vec<WorkflowStep> = self
            .steps
            .into_iter()
            .take(STEPS_MAX)
            .enumerate()
            .filter_map(|(at, step)| step.check(at, &mut faults))
            .collect();
        let rules = self.events.unwrap_or_default();
        if rules.len() > RULES_MAX {
            faults
                .note("/events", format!("a workflow has at most {RULES_MAX} of them, not {}", rules.len()));
        }
        let rules = rules.into_iter().take(RULES_MAX).enumerate();
        let events: Vec<EventRule> = rules.filter_map(|(at, rule)| rule.check(at, &mut faults)).collect();
        let registry = self.registry;
        let workflow = || {
            let (name, title) = (name?, title?);
            Some((owner?, Workflow { name, title, description, registry, expected_boots, steps, events }))
        };
        let workflow = workflow();
        faults.into_result(workflow)
    }
}

envelope! {
    /// A page of workflows.
    WorkflowList of WorkflowView
}

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text).in_free_text(),
    Field::new("title", Kind::Text).in_free_text(),
    Field::new("owner", Kind::Text),
    Field::new("registry", Kind::Choice(Mode::WORDS)),
];

fn value(owned: &Owned<Workflow>, field: &str) -> Option<Value> {
    let workflow = &owned.value;
    Some(Value::Text(match field {
        "name" => workflow.name.to_string(),
        "title" => workflow.title.to_string(),
        "owner" => owned.owner.to_string(),
        "registry" => workflow.registry?.to_string(),
        _ => return None,
    }))
}

/// List the workflows that are known, by name.
#[utoipa::path(tag = "Registry", operation_id = "list_workflows", params(ListParams), security(("token" = ["read"])),
    responses((status = 200, body = WorkflowList, description = "A page of workflows")))]
#[get("/workflows")]
pub(crate) async fn list_workflows(
    _: Caller<Read>,
    app: web::Data<App>,
    params: web::Query<ListParams>,
) -> Result<web::Json<WorkflowList>, Problem> {
    let listing = params.into_inner().read(FIELDS, &["name", "title", "owner"], clock::now())?;
    let registry = super::fresh_registry(&app).await?;
    let workflows: Vec<Owned<Workflow>> = registry.workflows.values().cloned().collect();
    let page = memory::page(workflows, &listing, value);
    Ok(web::Json(WorkflowList::new(listing, page, WorkflowView::from)))
}

/// Add a workflow, or change one's own.
///
/// Builds that are open keep the steps they were opened with.
#[utoipa::path(tag = "Registry", operation_id = "put_workflow", request_body = WorkflowInput, security(("token" = ["manage"])),
    params(("name" = String, Path, description = "1 to 128 of `a-z 0-9 _ . : -`", example = "appliance")),
    responses(
        (status = 200, body = WorkflowView, description = "The workflow as it is now"),
        (status = 409, body = crate::problem::ProblemBody, description = "It belongs to another owner"),
    ))]
#[put("/workflows/{name}")]
pub(crate) async fn put_workflow(
    caller: Caller<Manage>,
    app: web::Data<App>,
    name: web::Path<String>,
    Body(input): Body<WorkflowInput>,
) -> Result<web::Json<WorkflowView>, Problem> {
    caller.who.shares("the registry")?;
    let (owner, workflow) = input.check(&name)?;
    let view = WorkflowView::from(Owned { owner: owner.clone(), value: workflow.clone() });
    let entry = caller.entry("put_workflow", clock::now()).to(format!("workflow {name}"));
    super::change_registry(&app, entry, move |connection| {
        registry::put_workflow(connection, &owner, &workflow)
    })
    .await?;
    Ok(web::Json(view))
}

/// Remove one's own workflow.
///
/// Its builds stay, with the steps they were opened with.
#[utoipa::path(tag = "Registry", operation_id = "delete_workflow", security(("token" = ["manage"])),
    params(("name" = String, Path, description = "The workflow's name", example = "appliance"), OwnerParams),
    responses(
        (status = 200, body = WorkflowView, description = "The workflow that was removed"),
        (status = 409, body = crate::problem::ProblemBody, description = "It belongs to another owner"),
    ))]
#[delete("/workflows/{name}")]
pub(crate) async fn delete_workflow(
    caller: Caller<Manage>,
    app: web::Data<App>,
    name: web::Path<String>,
    owner: web::Query<OwnerParams>,
) -> Result<web::Json<WorkflowView>, Problem> {
    caller.who.shares("the registry")?;
    let owner = owner.into_inner().read()?;
    let known = super::fresh_registry(&app).await?;
    let workflow = name.parse::<Label>().ok().and_then(|name| known.workflows.get(&name)).cloned();
    let workflow = workflow.ok_or_else(|| Problem::not_found(format!("there is no workflow '{name}'")))?;
    let key = workflow.value.name.clone();
    let entry = caller.entry("delete_workflow", clock::now()).to(format!("workflow {name}"));
    super::change_registry(&app, entry, move |connection| {
        registry::delete_workflow(connection, &owner, &key)
    })
    .await?;
    Ok(web::Json(workflow.into()))
}
