//! Words and marks as a tree, by recursive descent.
//!
//! The rule it protects: every query gets an answer. Depth and list size are limited, so no
//! query exhausts the stack, and whatever cannot be read is refused with its position instead of
//! being guessed at.

use chrono::{DateTime, Utc};

use super::{
    DEPTH_MAX, Expr, Field, Kind, LIST_MAX, ParseError, Pattern, Test, Value,
    error::excerpt,
    lexer::{Bound, Mark, Operator, Token, TokenKind},
    time,
    value::Operand,
};

/// What is left of a query.
pub(super) struct Parser<'t> {
    rest: &'t [Token],
    end: usize,
    depth: usize,
    fields: &'static [Field],
    now: DateTime<Utc>,
}

impl<'t> Parser<'t> {
    /// Reads all of `tokens`, of which there is at least one; the query ends at `end`.
    pub(super) fn read(
        tokens: &'t [Token],
        end: usize,
        fields: &'static [Field],
        now: DateTime<Utc>,
    ) -> Result<Expr, ParseError> {
        let mut parser = Self { rest: tokens, end, depth: 0, fields, now };
        let expr = parser.alternatives()?;
        match parser.rest.first() {
            None => Ok(expr),
            // Everything else continues a condition or was refused there.
            Some(token) => Err(unopened(token.position)),
        }
    }

    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// The mark that comes next, if a mark does.
    fn mark(&self) -> Option<Mark> {
        match self.rest.first()?.kind {
            TokenKind::Mark(mark, _) => Some(mark),
            TokenKind::Text(_) => None,
        }
    }

    fn accept(&mut self, mark: Mark) -> bool {
        let found = self.mark() == Some(mark);
        if found {
            self.next();
        }
        found
    }

    fn ended(&self, missing: impl std::fmt::Display) -> ParseError {
        ParseError::new(self.end, "unexpected end of the query").hint(format_args!("{missing} is missing"))
    }

    /// `a or b`
    fn alternatives(&mut self) -> Result<Expr, ParseError> {
        let mut operands = vec![self.conditions()?];
        while self.accept(Mark::Or) {
            operands.push(self.conditions()?);
        }
        Ok(Expr::any(operands))
    }

    /// `a and b`, `a, b` or `a b`
    fn conditions(&mut self) -> Result<Expr, ParseError> {
        let mut operands = vec![self.condition()?];
        loop {
            match self.mark() {
                Some(Mark::Or | Mark::Close) => break,
                None if self.rest.is_empty() => break,
                Some(Mark::And | Mark::Comma) => {
                    self.next();
                }
                _ => {}
            }
            operands.push(self.condition()?);
        }
        Ok(Expr::all(operands))
    }

    fn condition(&mut self) -> Result<Expr, ParseError> {
        let token = self.next().ok_or_else(|| self.ended("a condition"))?;
        let position = token.position;
        let (mark, spelling) = match &token.kind {
            TokenKind::Text(text) => return self.term(position, text),
            TokenKind::Mark(mark, spelling) => (*mark, *spelling),
        };
        match mark {
            Mark::Not => {
                let inner = self.nested(position, Self::condition)?;
                Ok(Expr::Not(Box::new(inner)))
            }
            Mark::Open => {
                let inner = self.nested(position, Self::alternatives)?;
                if self.accept(Mark::Close) { Ok(inner) } else { Err(unclosed(position)) }
            }
            Mark::Has => self.named(spelling).map(Expr::Has),
            Mark::Null => {
                let field = self.named(spelling)?;
                Ok(Expr::Not(Box::new(Expr::Has(field))))
            }
            Mark::Close if self.depth == 0 => Err(unopened(position)),
            Mark::Close | Mark::And | Mark::Or | Mark::Comma => {
                Err(ParseError::new(position, format_args!("missing condition before '{spelling}'")))
            }
            Mark::Compare(_) => {
                let fault = format!("missing field before '{spelling}'");
                Err(ParseError::new(position, fault)
                    .hint("write a field, an operator and a value, as in name = web1"))
            }
        }
    }

    /// Runs `read` one level deeper.
    fn nested(
        &mut self,
        position: usize,
        read: fn(&mut Self) -> Result<Expr, ParseError>,
    ) -> Result<Expr, ParseError> {
        if self.depth == DEPTH_MAX {
            let fault = format!("more than {DEPTH_MAX} levels of parentheses and 'not'");
            return Err(ParseError::new(position, fault));
        }
        self.depth += 1;
        let expr = read(self)?;
        self.depth -= 1;
        Ok(expr)
    }

    /// The field that `text` names.
    fn field(&self, position: usize, text: &str) -> Result<&'static Field, ParseError> {
        let fields = self.fields;
        fields.iter().find(|field| field.is_called(text)).ok_or_else(|| {
            let known = fields.iter().flat_map(Field::names);
            ParseError::unknown(position, "field", text, known, fields.iter().map(|field| field.name))
        })
    }

    /// The field after `has` and its kin.
    fn named(&mut self, after: &str) -> Result<&'static Field, ParseError> {
        let token = self.next().ok_or_else(|| self.ended(format_args!("a field after '{after}'")))?;
        match &token.kind {
            TokenKind::Text(text) => self.field(token.position, text),
            TokenKind::Mark(_, spelling) => {
                let fault = format!("missing field before '{spelling}'");
                Err(ParseError::new(token.position, fault)
                    .hint(format_args!("'{after}' takes the name of a field")))
            }
        }
    }

    /// A comparison, when an operator follows; a free word otherwise.
    fn term(&mut self, position: usize, text: &str) -> Result<Expr, ParseError> {
        if let Some(Token { position: at, kind: TokenKind::Mark(Mark::Compare(operator), spelling) }) =
            self.rest.first()
        {
            let field = self.field(position, text)?;
            self.next();
            return self.test(field, *operator, spelling, *at).map(|test| Expr::Compare { field, test });
        }
        self.refuse_sql_in(text)?;
        let fields: Vec<_> = self.fields.iter().filter(|field| field.takes_free_text()).collect();
        if fields.is_empty() {
            let fault = format!("the word '{}' without a field", excerpt(text));
            return Err(ParseError::new(position, fault).hint("write a field, an operator and a value"));
        }
        Ok(Expr::FreeText(fields, Pattern::new(text)))
    }

    /// Refuses SQL's `state in (a, b)`, which would be a search for the words "state" and "in".
    fn refuse_sql_in(&self, text: &str) -> Result<(), ParseError> {
        let is = |token: Option<&Token>, wanted: Mark| {
            token.is_some_and(|token| matches!(token.kind, TokenKind::Mark(mark, _) if mark == wanted))
        };
        let negated = is(self.rest.first(), Mark::Not);
        let mut ahead = self.rest.iter().skip(usize::from(negated));
        match (ahead.next(), ahead.next()) {
            (Some(Token { position, kind: TokenKind::Text(word) }), open)
                if word.eq_ignore_ascii_case("in")
                    && is(open, Mark::Open)
                    && self.fields.iter().any(|field| field.is_called(text)) =>
            {
                let (fault, sign) = if negated { ("'not in'", "!^") } else { ("'in'", "^") };
                let fault = format!("{fault} is not an operator");
                Err(ParseError::new(*position, fault)
                    .hint(format_args!("write {} {sign} (…)", excerpt(text))))
            }
            _ => Ok(()),
        }
    }

    fn test(
        &mut self,
        field: &'static Field,
        operator: Operator,
        spelling: &str,
        position: usize,
    ) -> Result<Test, ParseError> {
        Ok(match (field.kind, operator) {
            (Kind::Time, Operator::Equals) => Test::Within(self.moment(spelling)?.range),
            (Kind::Time, Operator::NotEquals) => Test::NotWithin(self.moment(spelling)?.range),
            (Kind::Time, Operator::Order(bound)) => self.moment(spelling)?.bound(bound),
            (Kind::Integer, Operator::Order(bound)) => {
                let value = self.operand(spelling)?.value(field)?;
                match bound {
                    Bound::Less => Test::Less(value),
                    Bound::LessOrEqual => Test::LessOrEqual(value),
                    Bound::Greater => Test::Greater(value),
                    Bound::GreaterOrEqual => Test::GreaterOrEqual(value),
                }
            }
            (Kind::Text | Kind::Choice(_), Operator::Like) => Test::Like(self.pattern(spelling)?),
            (Kind::Text | Kind::Choice(_), Operator::NotLike) => Test::NotLike(self.pattern(spelling)?),
            (Kind::Text | Kind::Choice(_) | Kind::Uuid | Kind::Integer, Operator::In) => {
                Test::In(self.list(field, spelling)?)
            }
            (Kind::Text | Kind::Choice(_) | Kind::Uuid | Kind::Integer, Operator::NotIn) => {
                Test::NotIn(self.list(field, spelling)?)
            }
            (Kind::Text | Kind::Choice(_) | Kind::Uuid | Kind::Integer | Kind::Boolean, Operator::Equals) => {
                Test::Equals(self.operand(spelling)?.value(field)?)
            }
            (
                Kind::Text | Kind::Choice(_) | Kind::Uuid | Kind::Integer | Kind::Boolean,
                Operator::NotEquals,
            ) => Test::NotEquals(self.operand(spelling)?.value(field)?),
            (kind, _) => {
                let fault = format!(
                    "operator '{spelling}' does not apply to the {} field '{}'",
                    kind.noun(),
                    field.name
                );
                return Err(ParseError::new(position, fault)
                    .hint(format_args!("it takes {}", kind.operators().join(" "))));
            }
        })
    }

    fn moment(&mut self, after: &str) -> Result<time::Moment, ParseError> {
        let operand = self.operand(after)?;
        time::read(&operand.text, operand.position, self.now)
    }

    fn pattern(&mut self, after: &str) -> Result<Pattern, ParseError> {
        self.operand(after).map(|operand| Pattern::new(&operand.text))
    }

    /// One value; a `-` right before a word is its sign here, not a `not`.
    fn operand(&mut self, after: &str) -> Result<Operand, ParseError> {
        let token = self.next().ok_or_else(|| self.ended(format_args!("a value after '{after}'")))?;
        let position = token.position;
        match (&token.kind, self.rest.first()) {
            (TokenKind::Text(text), _) => Ok(Operand { position, text: text.clone() }),
            (TokenKind::Mark(_, "-"), Some(Token { position: next, kind: TokenKind::Text(text) }))
                if *next == position + 1 =>
            {
                self.next();
                Ok(Operand { position, text: format!("-{text}") })
            }
            (TokenKind::Mark(_, spelling), _) => {
                let fault = format!("missing value before '{spelling}'");
                Err(ParseError::new(position, fault)
                    .hint(format_args!("write \"{spelling}\" in quotes to search for it")))
            }
        }
    }

    /// The values after `^`: in parentheses, or bare with commas between.
    fn list(&mut self, field: &'static Field, after: &str) -> Result<Vec<Value>, ParseError> {
        let mut values = Vec::new();
        let open = self.rest.first().map_or(self.end, |token| token.position);
        if !self.accept(Mark::Open) {
            self.item(&mut values, field, after)?;
            while self.another_item() {
                self.next();
                self.item(&mut values, field, after)?;
            }
            return Ok(values);
        }
        while !self.accept(Mark::Close) {
            if self.rest.is_empty() {
                return Err(unclosed(open));
            }
            self.item(&mut values, field, after)?;
            // Foreman takes values side by side too.
            self.accept(Mark::Comma);
        }
        if values.is_empty() {
            return Err(ParseError::new(open, "an empty list"));
        }
        Ok(values)
    }

    fn item(
        &mut self,
        values: &mut Vec<Value>,
        field: &'static Field,
        after: &str,
    ) -> Result<(), ParseError> {
        let operand = self.operand(after)?;
        if values.len() == LIST_MAX {
            return Err(ParseError::new(
                operand.position,
                format_args!("more than {LIST_MAX} values in a list"),
            ));
        }
        values.push(operand.value(field)?);
        Ok(())
    }

    /// Whether a comma and a value follow, rather than a comma and the next comparison.
    fn another_item(&self) -> bool {
        let kind = |index: usize| self.rest.get(index).map(|token| &token.kind);
        matches!(kind(0), Some(TokenKind::Mark(Mark::Comma, _)))
            && matches!(kind(1), Some(TokenKind::Text(_)))
            && !matches!(kind(2), Some(TokenKind::Mark(Mark::Compare(_), _)))
    }
}

fn unclosed(position: usize) -> ParseError {
    ParseError::new(position, "unbalanced parenthesis: '(' without ')'")
}

fn unopened(position: usize) -> ParseError {
    ParseError::new(position, "unbalanced parenthesis: ')' without '('")
}
