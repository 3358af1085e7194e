//! The service over real HTTP, every answer held against the published document.

mod main_job;
