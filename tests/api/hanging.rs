//! A database that neither answers nor goes away.

use diesel::{Connection as _, PgConnection, RunQueryDsl as _, sql_query};
use milepost_testkit::{Options, Server};
use serde_json::json;

#[test]
fn whoever_asks_while_the_database_hangs_is_answered() {
    let server = Server::start();
    let token = "0a7f2a6e-8a3e-4d0c-9a51-6f3c1f3f8c55";
    let opened = json!({"host": {"name": "web1.example.com"}, "workflow": "kickstart", "token": token});
    let _ = server.manage().post("/api/v2/builds", &opened).expect(201);
    // This one knows nothing yet, so it has to look up whose token that is.
    let other = server.beside(Options::default());
    let mut connection = PgConnection::establish(&server.database.url).unwrap();
    let mut run = |sql| assert!(sql_query(sql).execute(&mut connection).is_ok());
    run("BEGIN");
    run("LOCK TABLE credentials, builds, hosts IN ACCESS EXCLUSIVE MODE");
    let path = format!("/unattended/step/{token}/get_ks/done");
    let _ = other.anyone().get(&path).expect(500);
    let _ = server.read().get("/api/v2/hosts/web1.example.com/builds").expect(503);
    run("ROLLBACK");
    let _ = other.anyone().get(&path).expect(200);
}
