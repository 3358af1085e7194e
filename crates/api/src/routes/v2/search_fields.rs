//! What builds and hosts are searched by, for whoever helps somebody to write a search.

use actix_web::{get, web};
use milepost_domain::search::Kind;
use milepost_store::list::{self, FIELDS, SORTABLE};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    App,
    auth::{Caller, Read},
    db,
    problem::Problem,
};

/// How many values of a field are named: more are no choice any more.
const VALUES_MAX: i64 = 100;

/// A field that builds and hosts are searched by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchField {
    /// Its name.
    #[schema(example = "location")]
    pub name: &'static str,
    /// What it is called as well.
    #[schema(example = json!(["datacenter"]))]
    pub aliases: &'static [&'static str],
    /// What its values are: `text`, `number`, `time`, `choice`, `uuid` or `boolean`; new ones may come.
    #[schema(example = "text")]
    pub kind: &'static str,
    /// The operators between it and a value. `has` and `null?` stand before any field.
    #[schema(example = json!(["=", "!=", "~", "!~", "^", "!^"]))]
    pub operators: &'static [&'static str],
    /// Values that it has, of a choice all that there are; empty where there are too many to name. At most 100.
    #[schema(example = json!(["brno", "praha"]))]
    pub values: Vec<String>,
    /// Whether lists can be sorted by it.
    pub sortable: bool,
}

/// What builds and hosts are searched by.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchFields {
    /// The fields.
    pub fields: Vec<SearchField>,
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "number",
        Kind::Time => "time",
        Kind::Choice(_) => "choice",
        Kind::Uuid => "uuid",
        Kind::Boolean => "boolean",
    }
}

/// Say by what builds and hosts are searched, with the values that there are.
///
/// Only values of hosts that the caller may see are named.
#[utoipa::path(tag = "Service", operation_id = "get_search_fields", security(("token" = ["read"])),
    responses((status = 200, body = SearchFields, description = "The fields")))]
#[get("/search_fields")]
pub(crate) async fn get_search_fields(
    caller: Caller<Read>,
    app: web::Data<App>,
) -> Result<web::Json<SearchFields>, Problem> {
    let bounds = caller.who.bounds;
    let mut offered =
        db::read(&app, move |connection| list::offered(connection, &bounds, VALUES_MAX)).await?;
    let registry = super::fresh_registry(&app).await?;
    let labels = |labels: &mut dyn Iterator<Item = String>| {
        labels.take(usize::try_from(VALUES_MAX).unwrap_or(usize::MAX)).collect::<Vec<_>>()
    };
    offered.push(("workflow", labels(&mut registry.workflows.keys().map(ToString::to_string))));
    offered.push(("step", labels(&mut registry.steps.keys().map(ToString::to_string))));
    let fields = FIELDS.iter().map(|field| SearchField {
        name: field.name,
        aliases: field.aliases,
        kind: word(field.kind),
        operators: field.kind.operators(),
        values: match field.kind {
            Kind::Choice(words) => words.iter().map(|word| (*word).to_owned()).collect(),
            _ => offered
                .iter_mut()
                .find(|(name, _)| *name == field.name)
                .map(|(_, values)| std::mem::take(values))
                .unwrap_or_default(),
        },
        sortable: SORTABLE.contains(&field.name),
    });
    Ok(web::Json(SearchFields { fields: fields.collect() }))
}
