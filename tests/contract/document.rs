//! The document as a tree.

use milepost_testkit::Contract;
use serde_json::Value;

/// The methods that an operation can have; everything else in a path is no operation.
pub(crate) const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The published document.
pub(crate) fn document() -> &'static Value {
    Contract::published().document()
}

/// One operation, and what it is called in messages.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    pub(crate) value: &'a Value,
}

impl Operation<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// The names of the security schemes that it asks for.
    pub(crate) fn schemes(&self) -> Vec<&str> {
        let required = self.value["security"].as_array().into_iter().flatten();
        required.filter_map(Value::as_object).flat_map(|one| one.keys().map(String::as_str)).collect()
    }

    pub(crate) fn has_response(&self, status: &str) -> bool {
        self.value["responses"].get(status).is_some()
    }
}

/// The operations of a document.
pub(crate) fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, value) in item.as_object().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                found.push(Operation { path, method, value });
            }
        }
    }
    found
}

/// Calls `visit` with every value of a tree and the JSON pointer to it.
pub(crate) fn walk<'a>(value: &'a Value, pointer: &str, visit: &mut impl FnMut(&str, &'a Value)) {
    visit(pointer, value);
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                walk(item, &format!("{pointer}/{at}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{pointer}/{name}"), visit);
            }
        }
        _ => {}
    }
}

/// What a reference points to; any other value is itself.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}
