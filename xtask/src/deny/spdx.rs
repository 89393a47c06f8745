//! SPDX licence expressions: `MIT OR (Apache-2.0 WITH LLVM-exception AND Zlib)`.
//!
//! `WITH` binds before `AND`, `AND` before `OR`. The old form `MIT/Apache-2.0`, which some crates
//! still carry, is read as `OR`. A licence with an exception is another licence than the one without.

/// A licence expression.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Expression {
    /// One licence, its exception included: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// # Errors
    /// Says what was expected and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens_of(text);
        let mut parser = Parser { tokens: &tokens };
        let expression = parser.any()?;
        match parser.peek() {
            None => Ok(expression),
            Some(rest) => Err(format!("`{rest}` after the end of `{text}`")),
        }
    }

    /// Whether some choice among its alternatives needs only licences that `allowed` accepts.
    pub(crate) fn satisfied_by(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => allowed(name),
            Self::All(parts) => parts.iter().all(|part| part.satisfied_by(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.satisfied_by(allowed)),
        }
    }
}

fn tokens_of(text: &str) -> Vec<String> {
    let spaced: String = text
        .chars()
        .map(|sign| match sign {
            '(' => " ( ".to_owned(),
            ')' => " ) ".to_owned(),
            '/' => " OR ".to_owned(),
            other => other.to_string(),
        })
        .collect();
    spaced.split_whitespace().map(str::to_owned).collect()
}

struct Parser<'tokens> {
    tokens: &'tokens [String],
}

impl<'tokens> Parser<'tokens> {
    fn peek(&self) -> Option<&'tokens str> {
        self.tokens.first().map(String::as_str)
    }

    fn next(&mut self) -> Option<&'tokens str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.next();
        }
        found
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.all()?];
        while self.take("OR") {
            parts.push(self.all()?);
        }
        Ok(single_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut parts = vec![self.one()?];
        while self.take("AND") {
            parts.push(self.one()?);
        }
        Ok(single_or(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.any()?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err("a `)` is missing".to_owned())
            };
        }
        let name = self.identifier("a licence")?;
        if self.take("WITH") {
            let exception = self.identifier("an exception")?;
            return Ok(Expression::Licence(format!("{name} WITH {exception}")));
        }
        Ok(Expression::Licence(name.to_owned()))
    }

    fn identifier(&mut self, wanted: &str) -> Result<&'tokens str, String> {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || "-.+".contains(sign);
        match self.next() {
            Some(word) if !is_operator(word) && word.chars().all(plain) => Ok(word),
            Some(word) => Err(format!("{wanted} was expected, not `{word}`")),
            None => Err(format!("{wanted} was expected at the end")),
        }
    }
}

fn is_operator(word: &str) -> bool {
    ["AND", "OR", "WITH", "(", ")"].contains(&word)
}

fn single_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::Expression;

    fn allowed(expression: &str, licences: &[&str]) -> bool {
        Expression::parse(expression)
            .unwrap()
            .satisfied_by(&|name: &str| licences.contains(&name))
    }

    #[test]
    fn one_alternative_is_enough_for_or() {
        assert!(allowed("MIT OR Apache-2.0", &["MIT"]));
        assert!(allowed("Unlicense OR MIT", &["MIT"]));
        assert!(allowed("MIT/Apache-2.0", &["Apache-2.0"]));
        assert!(allowed("Apache-2.0 / MIT", &["MIT"]));
        assert!(!allowed("GPL-3.0-only OR AGPL-3.0-only", &["MIT"]));
    }

    #[test]
    fn every_part_counts_for_and() {
        assert!(allowed("Apache-2.0 AND ISC", &["Apache-2.0", "ISC"]));
        assert!(!allowed("Apache-2.0 AND ISC", &["Apache-2.0"]));
    }

    #[test]
    fn and_binds_before_or_and_parentheses_before_both() {
        assert!(allowed("MIT OR Apache-2.0 AND ISC", &["MIT"]));
        assert!(!allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT"]));
        assert!(allowed(
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            &["MIT", "Unicode-3.0"]
        ));
        assert!(!allowed("Apache-2.0 AND ISC OR GPL-2.0-only", &["ISC"]));
    }

    #[test]
    fn a_licence_with_an_exception_is_a_licence_of_its_own() {
        let text = "Apache-2.0 WITH LLVM-exception";
        assert!(!allowed(text, &["Apache-2.0"]));
        assert!(allowed(text, &[text]));
        assert!(allowed(
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            &["MIT"]
        ));
    }

    #[test]
    fn a_later_version_is_allowed_only_by_its_own_name() {
        assert!(!allowed("LGPL-2.1+", &["LGPL-2.1"]));
        assert!(allowed("LGPL-2.1+", &["LGPL-2.1+"]));
    }

    #[test]
    fn what_is_not_an_expression_is_refused_with_its_place() {
        for (text, wanted) in [
            ("", "a licence was expected at the end"),
            ("MIT OR", "a licence was expected at the end"),
            ("(MIT", "a `)` is missing"),
            ("MIT Apache-2.0", "`Apache-2.0` after the end"),
            ("MIT WITH OR", "an exception was expected, not `OR`"),
            ("see LICENSE", "`LICENSE` after the end"),
            ("MIT; BSD", "a licence was expected, not `MIT;`"),
        ] {
            let error = Expression::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
