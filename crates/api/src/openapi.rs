//! The document that describes the service, and the pages that show it.
//!
//! The rule it protects: the document is made from the routes themselves, as OpenAPI 3.0.3 without
//! `nullable`, `oneOf` or `anyOf`, because that is what the generators of all clients understand;
//! answers that every operation shares are added in one place.

#![expect(
    clippy::indexing_slicing,
    reason = "on a JSON object this inserts; the document is made once and tested"
)]

use std::sync::LazyLock;

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{API_VERSION, problem::Code, routes};

/// What is true of the API as a whole.
const DESCRIPTION: &str = "Provisioning progress of hosts. Enums grow: treat a value you do not know as text to \
    show. A field that has no value is left out, never null. Unknown members of a request are ignored. Times are \
    RFC 3339 in UTC. Errors are `application/problem+json` (RFC 9457) with Foreman's `error` beside it; those under \
    `/unattended` are one line of text unless the request accepts JSON.";

/// How an installer is answered, said at each operation that installers call.
const ANSWERS: &str = "Answers one line of text, or JSON for a request with `Accept: application/json`.";

/// Enums of answers, which grow: a generated client that checks them would break on a new value,
/// so they are published as strings with the known values beside them.
const GROWING: [&str; 6] = ["Mode", "Severity", "SignalKind", "State", "Status", "StepState"];

/// The document, as a value with sorted keys.
#[must_use]
pub fn document() -> Value {
    let (_, collected) =
        actix_web::App::new().into_utoipa_app().configure(routes::configure).split_for_parts();
    let mut document = serde_json::to_value(&collected).unwrap_or_default();
    document["openapi"] = json!("3.0.3");
    document["info"] = json!({
        "title": "Milepost",
        "version": API_VERSION,
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "This service"}]);
    document["tags"] = json!([
        {"name": "Builds", "description": "One provisioning run of a host"},
        {"name": "Hosts", "description": "The machines, and what a host page shows"},
        {"name": "Reports", "description": "What the machines said"},
        {"name": "Registry", "description": "Steps and workflows that are known, and what was learned of them"},
        {"name": "Installers", "description": "What machines that are being installed call"},
        {"name": "Hooks", "description": "URLs that are told what happens"},
        {"name": "Access", "description": "Tokens of programs and people, and who did what"},
        {"name": "Service", "description": "How the service is doing"},
    ]);
    document["components"]["securitySchemes"] = json!({
        "token": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "Made with `milepost token create --scope read` (or `manage`, `admin`). A browser that signed in sends a cookie \
                instead, and a client certificate of a trusted host does as well",
        },
        "build": {
            "type": "http", "scheme": "bearer",
            "description": "The build's token, shown when it is opened; also taken as `token` in query, form or JSON",
        },
    });
    as_3_0(&mut document);
    for name in GROWING {
        let schema = document["components"]["schemas"][name].as_object_mut();
        if let Some((schema, words)) =
            schema.and_then(|schema| schema.remove("enum").map(|words| (schema, words)))
        {
            schema.insert("x-extensible-enum".to_owned(), words);
        }
    }
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            share_answers(path, method, operation);
        }
    }
    document
}

/// The document as it is published: two spaces, sorted keys, a line feed at the end.
#[must_use]
pub fn document_text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// Turns what is said in 3.1 into what 3.0 understands.
fn as_3_0(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(as_3_0),
        Value::Object(object) => {
            object.values_mut().for_each(as_3_0);
            schema_as_3_0(object);
        }
        _ => {}
    }
}

fn schema_as_3_0(object: &mut Map<String, Value>) {
    // "string or null" is said by leaving the member out of `required`.
    if let Some(Value::Array(types)) = object.get("type") {
        let only: Vec<Value> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        if let [only] = only.as_slice() {
            object.insert("type".to_owned(), only.clone());
        }
    }
    if let Some(Value::Array(choices)) = object.get("oneOf") {
        let only: Vec<Value> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
        if let [Value::Object(only)] = only.as_slice() {
            object.remove("oneOf");
            let described = object.contains_key("description") || object.contains_key("example");
            match only.get("$ref") {
                // In 3.0 nothing may stand beside a reference.
                Some(reference) if described => {
                    object.insert("allOf".to_owned(), json!([{"$ref": reference}]));
                }
                _ => object.extend(only.clone()),
            }
        }
    }
    if object.len() > 1
        && let Some(reference) = object.remove("$ref")
    {
        object.insert("allOf".to_owned(), json!([{"$ref": reference}]));
    }
    object.remove("propertyNames");
    // Answers grow: a client must not be told that it has seen every member there will be.
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
}

/// Adds the answers that follow from what an operation is, rather than from what it does.
fn share_answers(path: &str, method: &str, operation: &mut Value) {
    let secured = operation["security"].as_array().is_some_and(|list| !list.is_empty());
    let by_token = operation["security"]
        .as_array()
        .is_some_and(|list| list.iter().any(|one| one.get("token").is_some()));
    let installers = path.starts_with("/unattended") || path == "/api/update";
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let has = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
    let has_body = operation.get("requestBody").is_some();
    let callback = matches!(path, "/unattended/built" | "/unattended/failed");
    let mut codes: Vec<Code> = vec![Code::Internal];
    if secured || path.contains("{token}") {
        codes.push(Code::Unauthenticated);
    }
    if secured || installers {
        codes.push(Code::TooManyRequests);
    }
    if by_token {
        codes.push(Code::Forbidden);
    }
    if callback || (path.contains('{') && !path.contains("{token}") && method != "put") {
        codes.push(Code::NotFound);
    }
    if (has("query") && by_token && method == "get") || has_body && !callback {
        codes.push(Code::MalformedRequest);
    }
    if has_body || installers {
        codes.extend([Code::BodyTooLarge, Code::RequestTimeout]);
    }
    if has_body && !callback {
        codes.push(Code::UnsupportedMediaType);
    }
    if !callback && (has_body || installers) || method == "put" || method == "delete" {
        codes.push(Code::Invalid);
    }
    if !path.starts_with("/unattended") && path != "/healthz" {
        codes.push(Code::Unavailable);
    }
    if path == "/healthz" {
        codes.clear();
    }
    for code in codes {
        let status = code.status().as_u16().to_string();
        let response = &mut operation["responses"][&status];
        if response.is_null() {
            *response = json!({
                "description": code.title(),
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            });
        }
    }
    scope_beside_security(operation);
    if path.starts_with("/unattended") {
        let said = operation["description"].as_str().map_or_else(String::new, |text| format!("{text}\n\n"));
        operation["description"] = json!(format!("{said}{ANSWERS}"));
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        dress_response(status, response, path.starts_with("/unattended"));
    }
}

/// In 3.0 a bearer scheme has no scopes, so the one that is needed stands beside it.
fn scope_beside_security(operation: &mut Value) {
    let mut needed = None;
    let requirements = operation.get_mut("security").and_then(Value::as_array_mut);
    for requirement in requirements.into_iter().flatten() {
        if let Some(scopes) = requirement.get_mut("token") {
            needed = scopes.get(0).cloned().or(needed);
            *scopes = json!([]);
        }
    }
    if let Some(scope) = needed {
        operation["x-scope"] = scope;
    }
}

/// Problems travel as `application/problem+json`; answers to installers also as a line of text.
fn dress_response(status: &str, response: &mut Value, unattended: bool) {
    // Not by index: that would put a null where an answer has no body.
    let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) else { return };
    if status.starts_with(['4', '5'])
        && let Some(body) = content.remove("application/json")
    {
        content.insert("application/problem+json".to_owned(), body);
    }
    if unattended {
        content.insert("text/plain".to_owned(), json!({"schema": {"type": "string"}}));
    }
}

/// The methods that a path of the document takes, as in an `Allow` header; empty for no such path.
pub(crate) fn methods(path: &str) -> String {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
    let item = DOCUMENT.get("paths").and_then(|paths| paths.get(path)).and_then(Value::as_object);
    let methods: Vec<String> = item.into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
    methods.join(", ")
}

/// Serves the document and its pages.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let text = web::Bytes::from(document_text());
    let serve = move || {
        let text = text.clone();
        async move { HttpResponse::Ok().content_type("application/json").body(text) }
    };
    config.route("/openapi.json", web::get().to(serve));
    config.service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")));
    config.service(web::redirect("/docs", "/docs/"));
}
