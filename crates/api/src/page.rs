//! Foreman's conventions for lists: `search`, `order`, `page`, `per_page`, and the envelope.
//!
//! The rule it protects: every list reads the same parameters and answers the same envelope.

use std::sync::Arc;

use milepost_domain::{
    Bounds, Time,
    search::{self, Expr, Field, Order},
};
use milepost_store::list::Query;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{Code, Problem};

/// Foreman's default page.
const PER_PAGE: i64 = 20;
/// The most that one page holds, and what `per_page=all` means.
const PER_PAGE_MAX: i64 = 1000;

/// What every list takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// A search in Foreman's language over the fields of the list; see `docs/search.md`.
    search: Option<String>,
    /// A field to sort by, with `ASC` or `DESC`.
    order: Option<String>,
    /// Which page, from 1.
    #[param(minimum = 1, value_type = Option<i64>, example = 1)]
    page: Option<String>,
    /// How many on a page, at most 1000; or `all`, which means 1000.
    #[param(example = "20")]
    per_page: Option<String>,
}

/// How a list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Sort {
    /// The field; absent: the list's own order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `ASC` or `DESC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// A list request, read and checked.
#[derive(Debug)]
pub(crate) struct Listing {
    /// For the store, or for a list in memory.
    pub(crate) query: Query,
    text: Option<String>,
    page: i64,
}

impl ListParams {
    pub(crate) fn read(
        self,
        fields: &'static [Field],
        sortable: &[&'static str],
        now: Time,
    ) -> Result<Listing, Problem> {
        let search = search::parse(self.search.as_deref().unwrap_or_default(), fields, now)
            .map_err(|error| Problem::search("search", &error))?;
        let order = search::parse_order(self.order.as_deref().unwrap_or_default(), sortable)
            .map_err(|error| Problem::search("order", &error))?;
        let page = whole("page", self.page.as_deref(), 1)?;
        let limit = match self.per_page.as_deref() {
            Some("all") => PER_PAGE_MAX,
            other => whole("per_page", other, PER_PAGE)?.min(PER_PAGE_MAX),
        };
        let offset = (page - 1).saturating_mul(limit);
        let text = self.search.filter(|search| !search.trim().is_empty());
        Ok(Listing {
            query: Query {
                search,
                order,
                limit,
                offset,
                now,
                bounds: Bounds::default(),
                worked: Arc::default(),
            },
            text,
            page,
        })
    }
}

fn whole(name: &str, text: Option<&str>, default: i64) -> Result<i64, Problem> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|number| (1..=1_000_000_000).contains(number)).ok_or_else(|| {
        Problem::new(Code::MalformedRequest, format!("{name} must be a whole number from 1, not '{text}'"))
    })
}

impl Listing {
    /// The query, for the eyes of somebody.
    pub(crate) fn query_of(&self, bounds: &Bounds) -> Query {
        Query { bounds: bounds.clone(), ..self.query.clone() }
    }

    pub(crate) fn search(&self) -> Option<&Expr> {
        self.query.search.as_ref()
    }

    pub(crate) fn order(&self) -> Option<Order> {
        self.query.order
    }

    pub(crate) fn into_parts(self) -> (Option<String>, Sort, i64, i64) {
        let sort = self.query.order.map_or_else(Sort::default, |order| Sort {
            by: Some(order.field.to_owned()),
            order: Some(if order.descending { "DESC" } else { "ASC" }.to_owned()),
        });
        (self.text, sort, self.page, self.query.limit)
    }
}

/// Declares a list's envelope, with members of its own after it. Each list has its own type, so
/// that generated clients name it well.
macro_rules! envelope {
    ($(#[$doc:meta])* $name:ident of $item:ty $(, $(#[$own_meta:meta])* $own:ident: $own_type:ty)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
        pub(crate) struct $name {
            /// How many there are before the search.
            pub total: i64,
            /// How many the search leaves.
            pub subtotal: i64,
            /// Which page this is, from 1.
            pub page: i64,
            /// How many a page holds.
            pub per_page: i64,
            /// The search as it came.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub search: Option<String>,
            /// How it is sorted.
            pub sort: $crate::page::Sort,
            /// Those of this page.
            pub results: Vec<$item>,
            $($(#[$own_meta])* pub $own: $own_type,)*
        }

        impl $name {
            pub(crate) fn new<T>(
                listing: $crate::page::Listing,
                page: milepost_store::list::Page<T>,
                view: impl FnMut(T) -> $item,
                $($own: $own_type,)*
            ) -> Self {
                let (search, sort, number, per_page) = listing.into_parts();
                let results = page.results.into_iter().map(view).collect();
                let (total, subtotal) = (page.total, page.subtotal);
                Self { total, subtotal, page: number, per_page, search, sort, results $(, $own)* }
            }
        }
    };
}
pub(crate) use envelope;
