//! Holds answers against the published document.
//!
//! The rule it protects: an answer whose status, media type or body the document does not
//! describe fails the test that got it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

static PUBLISHED: LazyLock<Contract> = LazyLock::new(|| {
    Contract::new(serde_json::from_str(include_str!("../../../openapi/milepost.json")).expect("the document"))
});

/// A document that answers are held against.
pub struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// The published document.
    #[must_use]
    pub fn published() -> &'static Self {
        &PUBLISHED
    }

    fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// The document itself.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The path of the document that a request's path is one of: literal segments win over
    /// variables.
    fn template(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().unwrap_or_default();
        let mut found: Vec<&str> = self
            .document
            .get("paths")?
            .as_object()?
            .keys()
            .map(String::as_str)
            .filter(|template| {
                let (a, b) = (template.split('/'), path.split('/'));
                a.clone().count() == b.clone().count()
                    && a.zip(b).all(|(a, b)| a.starts_with('{') && !b.is_empty() || a == b)
            })
            .collect();
        found.sort_by_key(|template| template.matches('{').count());
        found.first().copied()
    }

    /// Checks one answer.
    ///
    /// # Panics
    /// When the document does not describe it.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let request = format!("{method} {path}");
        let template =
            self.template(path).unwrap_or_else(|| panic!("{request}: no such path in the document"));
        let operation = &self.document["paths"][template][method.to_lowercase()];
        assert!(!operation.is_null(), "{request}: no such method in the document");
        let status = answer.status.to_string();
        let response = &operation["responses"][&status];
        assert!(
            !response.is_null(),
            "{request} answered {status}, which the document does not describe: {}",
            answer.text
        );
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            assert!(answer.text.is_empty(), "{request} answered {status} with a body that is not described");
            return;
        };
        let sent = answer.header("content-type").unwrap_or_default();
        let media = sent.split(';').next().unwrap_or_default().trim();
        let described = content.get(media);
        assert!(
            described.is_some(),
            "{request} answered {status} as '{sent}'; described are {:?}",
            content.keys()
        );
        if !media.ends_with("json") {
            return;
        }
        let key = format!("{method} {template} {status} {media}");
        let validator = self.validator(&key, &described.map_or(Value::Null, |media| media["schema"].clone()));
        let errors: Vec<String> = validator
            .iter_errors(&answer.json())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{request} answered {status} with a body that breaks its schema: {errors:#?}\n{}",
            answer.text
        );
        let nulls = nulls(&answer.json(), String::new());
        assert!(nulls.is_empty(), "{request} answered null at {nulls:?}; absent, not null");
    }

    /// Checks a value against a schema of the document, for example an example.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self, schema: &Value, value: &Value) -> Result<(), Vec<String>> {
        let validator = self.compile(schema);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(validators.entry(key.to_owned()).or_insert_with(|| Arc::new(self.compile(schema))))
    }

    /// References point into the whole document, so the schema travels with its components.
    fn compile(&self, schema: &Value) -> Validator {
        let schema = json!({"allOf": [schema], "components": self.document["components"]});
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .should_validate_formats(true)
            .build(&schema)
            .expect("a schema that holds together")
    }
}

fn nulls(value: &Value, path: String) -> Vec<String> {
    match value {
        Value::Null => vec![path],
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(at, item)| nulls(item, format!("{path}/{at}"))).collect()
        }
        Value::Object(members) => {
            members.iter().flat_map(|(name, member)| nulls(member, format!("{path}/{name}"))).collect()
        }
        _ => Vec::new(),
    }
}
