//! What cloud-init, curtin and Ubuntu's installer send by themselves, as they send it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod bodies;
mod clients;
mod workflows;

use std::{path::Path, process::Command};

use milepost_testkit::Server;
use serde_json::{Value, json};

/// An open build, as its opener and its machine know it.
struct Build {
    id: String,
    token: String,
    host: String,
}

impl Build {
    #[track_caller]
    fn open(server: &Server, workflow: &str) -> Self {
        let host = "web1.brno.example.com";
        let input = json!({"host": {"name": host}, "workflow": workflow});
        let opened = server.manage().post("/api/v2/builds", &input).expect(201).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { id: text(&opened["id"]), token: text(&opened["token"]), host: host.to_owned() }
    }

    /// Says a step as a line of a template does, for example `get_autoinstall/done`.
    #[track_caller]
    fn report(&self, server: &Server, step: &str) {
        let path = format!("/unattended/step/{}/{step}", self.token);
        assert_eq!(server.anyone().get(&path).expect(200).text, "recorded\n");
    }

    /// Sends an event in JSON without a Content-Type, and expects that it is taken.
    #[track_caller]
    fn send(&self, server: &Server, event: &Value) {
        let path = format!("/unattended/events/{}", self.token);
        let answer = server.anyone().send("POST", &path, &[], Some(event.to_string().as_bytes()));
        assert_eq!(answer.expect(200).text, "recorded\n");
    }

    #[track_caller]
    fn progress(&self, server: &Server) -> Value {
        server.read().get(&format!("/api/v2/hosts/{}/progress", self.host)).expect(200).json()
    }

    /// The reports of the build that a search finds.
    #[track_caller]
    fn reports(&self, server: &Server, search: &str) -> Vec<Value> {
        let search: Vec<String> = search.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let search = search.concat();
        let path = format!("/api/v2/builds/{}/reports?per_page=all&search={search}", self.id);
        server.read().get(&path).expect(200).json()["results"].as_array().unwrap().clone()
    }
}

/// The states of the steps that were reported, by label.
fn states(progress: &Value) -> Vec<(String, String)> {
    let steps = progress["steps"].as_array().unwrap().iter();
    let reported = steps.filter(|step| step["attempts"] != 0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    reported.map(|step| (text(&step["label"]), text(&step["state"]))).collect()
}

/// Whether `states` are just these: `label=state`, in their order.
#[track_caller]
fn assert_states(progress: &Value, expected: &str) {
    let found: Vec<String> =
        states(progress).iter().map(|(label, state)| format!("{label}={state}")).collect();
    assert_eq!(found.join(" "), expected);
}

/// What a program of this directory prints.
#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(program);
    let interpreter = if place.extension().is_some_and(|kind| kind == "py") { "python3" } else { "sh" };
    let output = Command::new(interpreter).arg(place).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} ended with {}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
