//! A database that neither answers nor goes away.

use diesel::{Connection as _, PgConnection, RunQueryDsl as _, sql_query};
use milepost_testkit::{Options, Server};

use crate::support::open;

#[test]
fn whoever_asks_while_the_database_hangs_is_answered() {
    let server = Server::start();
    let build = open(&server, "web1.example.com");
    // This one knows nothing yet, so it has to look up whose token that is.
    let other = Server::on(server.database.clone(), Options::default());
    let mut connection = PgConnection::establish(&server.database.url).unwrap();
    let mut run = |sql| assert!(sql_query(sql).execute(&mut connection).is_ok());
    run("BEGIN");
    run("LOCK TABLE credentials, builds, hosts IN ACCESS EXCLUSIVE MODE");
    let path = format!("/unattended/step/{}/get_ks/done", build.token);
    let _ = other.anyone().get(&path).expect(500);
    let _ = server.read().get("/api/v2/hosts/web1.example.com/builds").expect(503);
    run("ROLLBACK");
    let _ = other.anyone().get(&path).expect(200);
}
