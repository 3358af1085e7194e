//! What every operation has: a name, a purpose, and all the answers that follow from what it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::{Operation, document, operations};

/// Foreman's own callbacks: their codes are Foreman's, which knows 404 for a bad token and no 401,
/// and whose body is a log in whatever form.
const CALLBACKS: &[&str] = &["/unattended/built", "/unattended/failed"];

fn is_callback(operation: &Operation<'_>) -> bool {
    CALLBACKS.contains(&operation.path)
}

#[track_caller]
fn assert_each(rule: &str, holds: impl Fn(&Operation<'_>) -> bool) {
    let all = operations(document());
    assert!(all.len() > 20, "operations are found: {}", all.len());
    let faults: Vec<String> = all.iter().filter(|it| !holds(it)).map(Operation::name).collect();
    assert!(faults.is_empty(), "{rule}: {faults:#?}");
}

#[test]
fn operation_ids_are_unique_and_in_snake_case() {
    let mut seen = BTreeSet::new();
    for operation in operations(document()) {
        let name = operation.name();
        let id =
            operation.value["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no operationId"));
        let snake = id.split('_').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
        assert!(snake, "{name}: {id}");
        assert!(seen.insert(id), "{name}: {id} is another one's");
    }
}

#[test]
fn every_operation_says_what_it_does_in_a_line_under_one_tag() {
    assert_each("a summary", |it| {
        it.value["summary"].as_str().is_some_and(|text| !text.trim().is_empty() && !text.contains('\n'))
    });
    assert_each("one tag", |it| it.value["tags"].as_array().is_some_and(|tags| tags.len() == 1));
}

#[test]
fn every_operation_has_a_success_and_one_body_for_it() {
    assert_each("a 2xx", |it| {
        it.value["responses"].as_object().is_some_and(|all| all.keys().any(|status| status.starts_with('2')))
    });
    for operation in operations(document()) {
        let schemas: BTreeSet<String> = operation.value["responses"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(status, _)| status.starts_with('2'))
            .filter_map(|(_, response)| response["content"].get("application/json"))
            .map(|media| media["schema"].to_string())
            .collect();
        assert!(schemas.len() <= 1, "{}: two bodies of success {schemas:?}", operation.name());
    }
}

#[test]
fn secured_operations_say_what_comes_without_a_credential() {
    assert_each("401 where a credential is needed", |it| {
        it.schemes().is_empty() || it.has_response(if is_callback(it) { "404" } else { "401" })
    });
    assert_each("403 where a token has a scope", |it| {
        !it.schemes().contains(&"token") || it.has_response("403")
    });
    assert_each("a credential under /api/v2", |it| {
        !it.path.starts_with("/api/v2") || it.schemes().contains(&"token")
    });
}

#[test]
fn operations_with_a_body_say_what_comes_of_a_bad_one() {
    assert_each("400, 413, 415 and 422 where there is a JSON body", |it| {
        it.value["requestBody"]["content"].get("application/json").is_none()
            || ["400", "413", "415", "422"].iter().all(|status| it.has_response(status))
    });
    assert_each("413 for any body", |it| it.value.get("requestBody").is_none() || it.has_response("413"));
}

#[test]
fn operations_with_a_key_in_the_path_say_what_comes_of_an_unknown_one() {
    assert_each("404 where a path names something", |it| {
        !it.path.starts_with("/api/v2")
            || !it.path.contains('{')
            || it.method == "put"
            || it.has_response("404")
    });
}

#[test]
fn every_variable_of_a_path_is_a_parameter_and_the_other_way_round() {
    for operation in operations(document()) {
        let variables: BTreeSet<&str> =
            operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let parameters: Vec<&Value> =
            operation.value["parameters"].as_array().into_iter().flatten().collect();
        let in_path = parameters.iter().filter(|it| it["in"] == "path");
        let named: BTreeSet<&str> = in_path.clone().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(named, variables, "{}", operation.name());
        for parameter in &parameters {
            let (name, it) = (operation.name(), &parameter["name"]);
            assert!(parameter["description"].is_string(), "{name}: {it} is not described");
            assert!(parameter["schema"].is_object(), "{name}: {it} has no schema");
            assert!(parameter["in"] != "path" || parameter["required"] == true, "{name}: {it}");
        }
        let all: BTreeSet<String> =
            parameters.iter().map(|it| format!("{}{}", it["in"], it["name"])).collect();
        assert_eq!(all.len(), parameters.len(), "{}: a parameter stands twice", operation.name());
    }
}

#[test]
fn every_error_is_a_problem() {
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let mut checked = 0;
    for operation in operations(document()) {
        for (status, response) in operation.value["responses"].as_object().unwrap() {
            let name = format!("{} {status}", operation.name());
            assert!(response["description"].as_str().is_some_and(|it| !it.is_empty()), "{name}");
            if !status.starts_with(['4', '5']) {
                assert!(response["content"].get("application/problem+json").is_none(), "{name}");
                continue;
            }
            assert_eq!(response["content"]["application/problem+json"]["schema"], problem, "{name}");
            let others = response["content"].as_object().unwrap().keys();
            let others: Vec<&str> =
                others.map(String::as_str).filter(|it| *it != "application/problem+json").collect();
            let expected: &[&str] =
                if operation.path.starts_with("/unattended") { &["text/plain"] } else { &[] };
            assert_eq!(others, expected, "{name}: other forms of an error");
            checked += 1;
        }
    }
    assert!(checked > 100, "errors are found: {checked}");
}

#[test]
fn installers_are_never_told_to_go_elsewhere_or_come_back() {
    assert_each("no redirect, 202, 204 or 503 for installers", |it| {
        let responses = it.value["responses"].as_object().unwrap();
        let installers = it.path.starts_with("/unattended");
        let bad = |status: &str| status.starts_with('3') || ["202", "204", "503"].contains(&status);
        !installers || !responses.keys().any(|status| bad(status))
    });
}
