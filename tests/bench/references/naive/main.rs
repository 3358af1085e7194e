//! The service that one would write first: actix-web, Diesel, a pool, and a transaction for each report.
//!
//! The rule it protects: it is no straw man. Statements are prepared once a connection, the token is
//! looked up by its hash as in the service, nothing is logged, and it is built with the same flags.
//! It keeps less: no steps, no workflow, no percentage of the whole, no repeats.
#![expect(missing_docs, reason = "Diesel's macro writes public items for the tables")]

use std::{env, io::Write as _, net::TcpListener};

use actix_web::{App, HttpResponse, HttpServer, get, post, web};
use diesel::{
    PgConnection,
    dsl::now,
    prelude::*,
    r2d2::{ConnectionManager, Pool},
    sql_types::{Nullable, Timestamptz},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

diesel::table! {
    builds (id) {
        id -> Uuid,
        label -> Text,
        status -> Nullable<Text>,
        percentage -> Nullable<Int4>,
        reports -> Int4,
        last_report_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    credentials (hash) {
        hash -> Bytea,
        build_id -> Uuid,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    reports (id) {
        id -> Int8,
        build_id -> Uuid,
        label -> Text,
        status -> Nullable<Text>,
        percentage -> Nullable<Int4>,
        message -> Nullable<Text>,
        logs -> Nullable<Text>,
        received_at -> Timestamptz,
    }
}

type Connections = Pool<ConnectionManager<PgConnection>>;
type Fault = Box<dyn std::error::Error + Send + Sync>;

const POOL: u32 = 8;

#[derive(Deserialize)]
struct Report {
    token: String,
    label: String,
    status: Option<String>,
    percentage: Option<i32>,
    message: Option<String>,
    logs: Option<String>,
}

/// Answers whether the token opens a build.
fn record(connections: &Connections, report: &Report) -> Result<bool, Fault> {
    let connection = &mut connections.get()?;
    let hash: [u8; 32] = Sha256::digest(report.token.as_bytes()).into();
    let build: Option<uuid::Uuid> = credentials::table
        .filter(credentials::hash.eq(hash.as_slice()))
        .filter(credentials::expires_at.gt(now.into_sql::<Timestamptz>()))
        .select(credentials::build_id)
        .first(connection)
        .optional()?;
    let Some(build) = build else { return Ok(false) };
    connection.transaction(|connection| {
        diesel::update(builds::table.find(build))
            .set((
                builds::label.eq(&report.label),
                builds::status.eq(&report.status),
                builds::percentage.eq(report.percentage),
                builds::reports.eq(builds::reports + 1),
                builds::last_report_at.eq(now.into_sql::<Nullable<Timestamptz>>()),
            ))
            .execute(connection)?;
        diesel::insert_into(reports::table)
            .values((
                reports::build_id.eq(build),
                reports::label.eq(&report.label),
                reports::status.eq(&report.status),
                reports::percentage.eq(report.percentage),
                reports::message.eq(&report.message),
                reports::logs.eq(&report.logs),
                reports::received_at.eq(now.into_sql::<Timestamptz>()),
            ))
            .execute(connection)
    })?;
    Ok(true)
}

#[post("/unattended/step")]
async fn step(connections: web::Data<Connections>, report: web::Form<Report>) -> HttpResponse {
    match web::block(move || record(&connections, &report)).await {
        Ok(Ok(true)) => HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("recorded\n"),
        Ok(Ok(false)) => HttpResponse::Unauthorized().body("this token opens no build\n"),
        Ok(Err(fault)) => HttpResponse::InternalServerError().body(format!("{fault}\n")),
        Err(canceled) => HttpResponse::InternalServerError().body(format!("{canceled}\n")),
    }
}

/// What the server does when there is nothing to do.
#[get("/hello")]
async fn hello() -> &'static str {
    "hello, world\n"
}

#[actix_web::main]
async fn main() -> Result<(), Fault> {
    let url = env::args().nth(1).ok_or("usage: bench-naive DATABASE_URL")?;
    let connections = Pool::builder().max_size(POOL).build(ConnectionManager::<PgConnection>::new(url))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stderr(), "listening on http://{}", listener.local_addr()?)?;
    let data = web::Data::new(connections);
    let server = HttpServer::new(move || App::new().app_data(data.clone()).service(step).service(hello));
    Ok(server.listen(listener)?.run().await?)
}
