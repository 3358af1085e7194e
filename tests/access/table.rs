//! What becomes of every kind of caller at every operation.
//!
//! The rule it protects: the table and the published document name the same operations, so nothing is
//! served of which it is not written down who may have it.

use std::collections::BTreeSet;

use milepost_api::{LimitSettings, Settings};
use milepost_testkit::{Answer, Api, Contract};
use serde_json::{Value, json};

use crate::{
    callers::{CALLERS, Caller, Cast, Credential, NOWHERE, ORGANIZATION, Stage},
    support::{ACCEPT_JSON, FROM_OURS, SENDS_FORM, SENDS_JSON, server},
};

/// The status, and where one status has several reasons, which: `401` for a credential that is
/// missing or wrong, `401x` for one that ran out, `401r` for a revoked one. The columns are explained
/// at [`Caller`]; what is asked for belongs to the organization of `with`, and not to that of `else`.
///
/// `othr` reports of its own build, whatever it is asked: the test sees that the one at hand gets none.
/// Foreman answers 404 to a callback whose token it does not know, and forgives one that ran out.
const TABLE: &str = "
operation                     none exp  strg alg0 pub  othr own  read mng  adm  else with rvkd sess xsit link

list_builds                   401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
get_build                     401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
create_build                  401  401x 401  401  401  401  401  403  201  201  403  201  401r 201  403  401
update_build                  401  401x 401  401  401  401  401  403  200  200  404  200  401r 200  403  401
list_build_reports            401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
get_report_log                401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
stream_events                 401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
list_hosts                    401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
get_host_progress             401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
get_host_badge                401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
list_host_builds              401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
list_host_reports             401  401x 401  401  401  401  401  200  200  200  404  200  401r 200  200  401
list_mutes                    401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
create_mute                   401  401x 401  401  401  401  401  403  201  201  404  201  401r 201  403  401
delete_mute                   401  401x 401  401  401  401  401  403  200  200  404  200  401r 200  403  401

list_steps                    401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
put_step                      401  401x 401  401  401  401  401  403  200  200  403  403  401r 200  403  401
delete_step                   401  401x 401  401  401  401  401  403  200  200  403  403  401r 200  403  401
list_workflows                401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
put_workflow                  401  401x 401  401  401  401  401  403  200  200  403  403  401r 200  403  401
delete_workflow               401  401x 401  401  401  401  401  403  200  200  403  403  401r 200  403  401

list_timings                  401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
get_statistics                401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
get_search_fields             401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
list_tokens                   401  401x 401  401  401  401  401  403  403  200  200  200  401r 200  200  401
create_token                  401  401x 401  401  401  401  401  403  403  201  403  201  401r 201  403  401
revoke_token                  401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  403  401
list_hooks                    401  401x 401  401  401  401  401  403  403  200  200  200  401r 200  200  401
create_hook                   401  401x 401  401  401  401  401  403  403  201  201  201  401r 201  403  401
get_hook                      401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  200  401
update_hook                   401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  403  401
delete_hook                   401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  403  401
test_hook                     401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  403  401
list_hook_deliveries          401  401x 401  401  401  401  401  403  403  200  404  200  401r 200  200  401
list_audit                    401  401x 401  401  401  401  401  403  403  200  200  200  401r 200  200  401
get_session                   401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401
get_status                    401  401x 401  401  401  401  401  200  200  200  200  200  401r 200  200  401

report_step                   401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_step_by_query          401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_label                  401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_label_with_body        401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_label_status           401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_label_status_with_body 401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_batch                  401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_event                  401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_event_by_path          401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_phone_home             401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
report_built                  404  201  404  404  404  201  201  404  404  404  404  404  404  404  404  404
report_built_by_get           404  201  404  404  404  201  201  404  404  404  404  404  404  404  404  404
report_failed                 404  201  404  404  404  201  201  404  404  404  404  404  404  404  404  404
report_failed_by_get          404  201  404  404  404  201  201  404  404  404  404  404  404  404  404  404
get_own_progress              401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
get_own_progress_by_path      401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
get_helper                    401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
get_helper_by_path            401  401x 401  401  401  200  200  401  401  401  401  401  401  401  401  401
update_host                   403  403  403  403  403  403  403  403  403  403  403  403  403  403  403  403

get_health                    200  200  200  200  200  200  200  200  200  200  200  200  200  200  200  200
get_readiness                 200  200  200  200  200  200  200  200  200  200  200  200  200  200  200  200
get_metrics                   200  200  200  200  200  200  200  200  200  200  200  200  200  200  200  200
";

/// The rows of the table: an operation, and what is expected for each caller.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut lines = TABLE.lines().map(|line| line.split_whitespace()).filter_map(|mut words| {
        let first = words.next()?;
        Some((first, words.collect::<Vec<_>>()))
    });
    let (_, head) = lines.next().unwrap();
    let callers: Vec<&str> = CALLERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(head, callers, "the head of the table names the callers");
    let rows: Vec<_> = lines.collect();
    for (operation, cells) in &rows {
        assert_eq!(cells.len(), callers.len(), "{operation} has a cell for each caller");
    }
    rows
}

/// An operation of the document.
struct Operation {
    id: String,
    method: String,
    path: String,
}

fn operations() -> Vec<Operation> {
    let paths = Contract::published().document()["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(|(method, operation)| Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
            })
        })
        .collect()
}

#[test]
fn the_table_names_every_operation_of_the_document_and_no_other() {
    let rows = rows();
    let table: BTreeSet<&str> = rows.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(table.len(), rows.len(), "no operation is named twice");
    let operations = operations();
    let document: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    let missing: Vec<_> = document.difference(&table).collect();
    assert!(missing.is_empty(), "it is not written down who may call these: {missing:?}");
    let gone: Vec<_> = table.difference(&document).collect();
    assert!(gone.is_empty(), "these are in the table and not in the document: {gone:?}");
}

impl Operation {
    fn is_of_builds(&self) -> bool {
        self.path.starts_with("/unattended")
    }

    fn names_a_step_or_workflow(&self) -> bool {
        self.path.ends_with("/{label}") && !self.is_of_builds() || self.path.ends_with("/{name}")
    }

    /// The path of this operation on what is there, with the token where the path has one.
    fn path(&self, stage: &Stage, token: &str) -> String {
        let id = match &self.path {
            path if path.contains("/tokens/") => &stage.token,
            path if path.contains("/mutes/") => &stage.mute,
            path if path.contains("/hooks/") => &stage.hook,
            _ => &stage.build.id,
        };
        let path = self
            .path
            .replace("{token}", token)
            .replace("{id}", id)
            .replace("{report}", &stage.report)
            .replace("{host}", &stage.host)
            .replace("{name}", &stage.word)
            .replace("{status}", "done");
        let label = if self.is_of_builds() { "get_ks" } else { &stage.word };
        let query = if self.id == "report_step_by_query" { "?label=get_ks" } else { "" };
        format!("{}{query}", path.replace("{label}", label))
    }

    /// A body with which nothing is wrong.
    fn body(&self, stage: &Stage) -> Option<Value> {
        let host = json!({"name": stage.host, "organization": ORGANIZATION});
        Some(match self.id.as_str() {
            "create_build" => json!({"host": host, "workflow": "kickstart"}),
            "update_build" => json!({"state": "completed"}),
            "put_step" => json!({"name": "Another name", "priority": 501, "weight_seconds": 60}),
            "put_workflow" => json!({"title": "A workflow", "steps": [{"label": "packages"}]}),
            "create_mute" => json!({"host": stage.host, "for_seconds": 60, "reason": "new firmware"}),
            "create_token" => json!({"scope": "admin", "organizations": [ORGANIZATION]}),
            "create_hook" => json!({"url": NOWHERE}),
            "update_hook" => json!({"name": "another name"}),
            "report_batch" => json!({"reports": [{"label": "get_ks"}]}),
            "update_host" => json!({"name": stage.host, "action": "packages"}),
            "report_event" | "report_event_by_path" => {
                json!({"origin": "curtin", "name": "cmd-install", "event_type": "start"})
            }
            "report_phone_home" => json!({"instance_id": "i-1", "hostname": "web1"}),
            "report_step" => json!({"label": "get_ks"}),
            "report_label_with_body" | "report_label_status_with_body" => json!({"message": "said"}),
            _ => return None,
        })
    }

    #[track_caller]
    fn call(&self, anyone: &Api, stage: &Stage, who: &Credential) -> Answer {
        // Where the token stands in the path, a caller without one has to say something.
        let path = self.path(stage, who.token.as_deref().unwrap_or("0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55"));
        let mut headers = vec![ACCEPT_JSON];
        headers.extend(who.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        headers.extend(who.site.map(|site| (FROM_OURS.0, site)));
        let body = self.body(stage).map(|json| json.to_string());
        headers.push(if body.is_some() { SENDS_JSON } else { SENDS_FORM });
        let in_path = self.path.contains("{token}");
        let api = anyone.with_token(who.token.clone().filter(|_| !in_path));
        api.send(&self.method, &path, &headers, body.as_deref().map(str::as_bytes))
    }
}

/// What a cell stands for: the status, and the problem's code.
fn expected(cell: &str) -> (u16, Option<&'static str>) {
    let code = match cell {
        "401" => Some("unauthenticated"),
        "401x" => Some("credential_expired"),
        "401r" => Some("credential_revoked"),
        "403" => Some("forbidden"),
        "404" => Some("not_found"),
        _ => None,
    };
    (cell.trim_end_matches(['x', 'r']).parse().unwrap(), code)
}

#[test]
fn every_caller_gets_what_the_table_says() {
    let limits = LimitSettings { guesses_per_minute: 0, ..LimitSettings::default() };
    let server = server(Settings { limits, ..Settings::default() });
    let (cast, operations, anyone) = (Cast::of(&server), operations(), server.anyone());
    let mut faults = Vec::new();
    let mut number = 0;
    for (id, cells) in rows() {
        let operation = operations.iter().find(|operation| operation.id == id).unwrap();
        for ((name, caller), cell) in CALLERS.iter().zip(cells) {
            number += 1;
            let stage = Stage::new(&server, number, operation.names_a_step_or_workflow());
            let who = cast.credential(*caller, &server, &stage, operation.is_of_builds());
            let answer = operation.call(&anyone, &stage, &who);
            let (status, code) = expected(cell);
            let said = if status < 400 { None } else { answer.json()["code"].as_str().map(str::to_owned) };
            if (answer.status, said.as_deref()) != (status, code) {
                faults.push(format!("{id} by {name}: not {cell} but {} {}", answer.status, answer.text));
            }
            if answer.status == 401 {
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"milepost\""), "{id}");
            }
            if *caller == Caller::OtherBuild {
                assert_eq!(stage.reports(&server), 1, "{id}: a build's token reports of another one");
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{} operations by {} callers: {number} requests", rows().len(), CALLERS.len());
}
