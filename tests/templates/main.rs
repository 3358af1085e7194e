//! What the provisioning templates render, read by the tools of their installers and run for real.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test calls is a test too, and clippy.toml looks at the functions marked as tests only"
)]

mod away;
mod failures;
mod first_boot;
mod journeys;
mod machine;

use std::{path::Path, process::Command};

#[test]
fn every_template_renders_in_safe_mode_and_its_installer_reads_it() {
    let status = Command::new("sh").arg(machine::here().join("run.sh")).arg("check").status().unwrap();
    assert!(status.success(), "tests/templates/run.sh check ended with {status}");
}

#[test]
fn every_template_tells_foreman_its_name_and_is_a_snippet() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("integrations/templates");
    let mut count = 0;
    for directory in std::fs::read_dir(place).unwrap() {
        for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let head = text.split("-%>").next().unwrap();
            for line in
                ["<%#\nkind: snippet\n", "\nname: ", "\nmodel: ProvisioningTemplate\n", "\nsnippet: true\n"]
            {
                assert!(head.contains(line), "{} has no {line:?} in its first comment", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 20, "the templates are found: {count}");
}
