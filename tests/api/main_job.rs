//! The main job: a build is opened, its machine reports, a program sees the progress.

use milepost_testkit::Server;
use serde_json::json;

#[test]
fn a_build_goes_from_opened_to_completed() {
    let server = Server::start();
    let opened = server
        .manage()
        .post(
            "/api/v2/builds",
            &json!({"host": {"name": "web1.example.com", "foreman_id": 42}, "workflow": "kickstart"}),
        )
        .expect(201)
        .json();
    let token = opened["token"].as_str().unwrap();
    let installer = server.anyone();
    assert_eq!(
        installer.get(&format!("/unattended/step/{token}/get_ks/done")).expect(200).text,
        "recorded\n"
    );
    let body = format!("token={token}&label=packages&status=init&message=412+packages");
    let _ = installer.send("POST", "/unattended/step", &[], Some(body.as_bytes())).expect(200);
    for host in ["web1.example.com", "42", opened["host"]["id"].as_str().unwrap()] {
        let progress = server.read().get(&format!("/api/v2/hosts/{host}/progress")).expect(200).json();
        assert_eq!(progress["state"], "running");
        assert_eq!(progress["current_step"]["label"], "packages");
        assert_eq!(progress["last_message"], "412 packages");
    }
    let _ = installer.send("POST", &format!("/unattended/built?token={token}"), &[], None).expect(201);
    let _ = installer.get(&format!("/unattended/step/{token}/first_boot/done")).expect(200);
    let progress = server.read().get("/api/v2/hosts/42/progress").expect(200).json();
    assert_eq!((&progress["state"], &progress["percent"]), (&json!("completed"), &json!(100)));
}
