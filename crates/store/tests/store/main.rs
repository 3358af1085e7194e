//! The store on a real PostgreSQL, each test on a database of its own.

mod catalog;
mod expiry;
mod hosts;
mod indexes;
mod ingest;
mod migrations;
mod opening;
mod paging;
mod registry;
mod replay;
mod rows;
mod search;
mod sql;
mod stream;
mod support;
