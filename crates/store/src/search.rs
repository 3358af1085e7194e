//! Search expressions as SQL.
//!
//! The rule it protects: a value from a query is always a bind, never text of the statement; the
//! meaning is that of [`milepost_domain::search::Expr::matches`], which a test compares.

use std::collections::HashMap;

use diesel::{
    pg::Pg,
    query_builder::{BoxedSqlQuery, SqlQuery},
    sql_types::{self, Array, BigInt, Bool, Integer, Text, Timestamptz},
};
use milepost_domain::{
    Bounds,
    search::{Expr, Field, Test, TimeRange, Value},
};
use uuid::Uuid;

/// A statement under construction: its text, and the values of its binds in order.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    text: String,
    binds: Vec<Bind>,
}

/// Where the values of a field are.
pub(crate) enum Column<'a> {
    /// In the database: a column, or what is computed from some.
    Stored(String),
    /// In this process.
    Computed(Computed<'a>),
}

/// Values of rows that are not in the database.
pub(crate) struct Computed<'a> {
    /// The column of the rows' ids.
    pub(crate) id: &'static str,
    /// The value of each.
    pub(crate) of: &'a HashMap<Uuid, Value>,
    /// That of a row that is not among them.
    pub(crate) otherwise: Option<Value>,
}

impl Computed<'_> {
    /// The rows of which `holds` is true, as a condition: those that are among these ids, or those that are not.
    fn select(&self, statement: &mut Statement, holds: impl Fn(Option<&Value>) -> bool) {
        let is_of_others = holds(self.otherwise.as_ref());
        let differs = |value: &Value| holds(Some(value)) != is_of_others;
        let mut ids: Vec<Uuid> =
            self.of.iter().filter(|(_, value)| differs(value)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        // A host need not have any build.
        statement.push(if is_of_others { "NOT COALESCE(" } else { "COALESCE(" });
        statement.push(self.id).push(" = ANY (").bind(Bind::Uuids(ids)).push("), false)");
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Bind {
    Text(String),
    BigInt(i64),
    Integer(i32),
    Time(chrono::DateTime<chrono::Utc>),
    Bool(bool),
    Uuid(Uuid),
    Uuids(Vec<Uuid>),
    Texts(Vec<String>),
}

impl From<Value> for Bind {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Texts(texts) => Self::Texts(texts),
            Value::Integer(number) => Self::BigInt(number),
            Value::Time(time) => Self::Time(time),
            Value::Boolean(truth) => Self::Bool(truth),
        }
    }
}

impl Statement {
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    pub(crate) fn bind(&mut self, value: impl Into<Bind>) -> &mut Self {
        self.binds.push(value.into());
        let number = self.binds.len().to_string();
        self.text.push('$');
        self.text.push_str(&number);
        self
    }

    /// Appends `expr` as a condition over the columns that `column` names.
    pub(crate) fn push_search<'a>(&mut self, expr: &Expr, column: &dyn Fn(&Field) -> Column<'a>) {
        match expr {
            Expr::And(parts) => self.push_joined(parts, " AND ", column),
            Expr::Or(parts) => self.push_joined(parts, " OR ", column),
            Expr::Not(inner) => {
                // Never NULL inside: every comparison below says what it means of an absent value.
                self.push("NOT ");
                self.push_search(inner, column);
            }
            Expr::Has(field) => match column(field) {
                Column::Stored(column) => {
                    self.push("(").push(&column).push(" IS NOT NULL)");
                }
                Column::Computed(values) => values.select(self, |value| value.is_some()),
            },
            Expr::FreeText(fields, pattern) => {
                self.push("(");
                for (at, field) in fields.iter().enumerate() {
                    self.push(if at == 0 { "" } else { " OR " });
                    match column(field) {
                        Column::Stored(column) => self.push_like(&column, &pattern.to_sql()),
                        Column::Computed(values) => {
                            values.select(self, |value| Test::Like(pattern.clone()).holds(value));
                        }
                    }
                }
                self.push(")");
            }
            Expr::Compare { field, test } => match column(field) {
                Column::Stored(column) => self.push_test(&column, test),
                Column::Computed(values) => values.select(self, |value| test.holds(value)),
            },
        }
    }

    /// Appends what [`Bounds::allow`] means, over the columns of an alias; nothing where there are none.
    pub(crate) fn push_bounds(&mut self, bounds: &Bounds, alias: &str) {
        for (column, titles) in [("organization", &bounds.organizations), ("location", &bounds.locations)] {
            if titles.is_empty() {
                continue;
            }
            let column = format!("{alias}.{column}");
            let titles = titles.iter().map(ToString::to_string).collect();
            self.push(" AND EXISTS (SELECT FROM unnest(").bind(Bind::Texts(titles)).push(") AS bound WHERE ");
            self.push(&format!("{column} = bound OR starts_with({column}, bound || '/'))"));
        }
    }

    fn push_joined<'a>(&mut self, parts: &[Expr], with: &str, column: &dyn Fn(&Field) -> Column<'a>) {
        self.push("(");
        for (at, part) in parts.iter().enumerate() {
            self.push(if at == 0 { "" } else { with });
            self.push_search(part, column);
        }
        self.push(")");
    }

    fn push_like(&mut self, column: &str, pattern: &str) {
        self.push("COALESCE(").push(column).push(" ILIKE ").bind(Bind::Text(pattern.to_owned()));
        self.push(" ESCAPE '\\', false)");
    }

    fn push_compare(&mut self, column: &str, operator: &str, value: &Value) {
        self.push("COALESCE(").push(column).push(operator).bind(value.clone()).push(", false)");
    }

    fn push_in(&mut self, column: &str, values: &[Value]) {
        self.push("COALESCE(").push(column).push(" IN (");
        for (at, value) in values.iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " }).bind(value.clone());
        }
        self.push("), false)");
    }

    fn push_within(&mut self, column: &str, range: &TimeRange) {
        self.push("COALESCE(").push(column).push(" >= ").bind(Bind::Time(range.from()));
        self.push(" AND ").push(column).push(" < ").bind(Bind::Time(range.until())).push(", false)");
    }

    fn push_test(&mut self, column: &str, test: &Test) {
        match test {
            Test::Equals(value) => self.push_compare(column, " = ", value),
            Test::NotEquals(value) => {
                self.push("NOT ");
                self.push_compare(column, " = ", value);
            }
            Test::Like(pattern) => self.push_like(column, &pattern.to_sql()),
            Test::NotLike(pattern) => {
                self.push("NOT ");
                self.push_like(column, &pattern.to_sql());
            }
            Test::Less(value) => self.push_compare(column, " < ", value),
            Test::LessOrEqual(value) => self.push_compare(column, " <= ", value),
            Test::Greater(value) => self.push_compare(column, " > ", value),
            Test::GreaterOrEqual(value) => self.push_compare(column, " >= ", value),
            Test::In(values) => self.push_in(column, values),
            Test::NotIn(values) => {
                self.push("NOT ");
                self.push_in(column, values);
            }
            Test::Within(range) => self.push_within(column, range),
            Test::NotWithin(range) => {
                self.push("NOT ");
                self.push_within(column, range);
            }
        }
    }

    pub(crate) fn into_query(self) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        let query = diesel::sql_query(self.text).into_boxed::<Pg>();
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Text(text) => query.bind::<Text, _>(text),
            Bind::BigInt(number) => query.bind::<BigInt, _>(number),
            Bind::Integer(number) => query.bind::<Integer, _>(number),
            Bind::Time(time) => query.bind::<Timestamptz, _>(time),
            Bind::Bool(truth) => query.bind::<Bool, _>(truth),
            Bind::Uuid(uuid) => query.bind::<sql_types::Uuid, _>(uuid),
            Bind::Uuids(uuids) => query.bind::<Array<sql_types::Uuid>, _>(uuids),
            Bind::Texts(texts) => query.bind::<Array<Text>, _>(texts),
        })
    }
}
