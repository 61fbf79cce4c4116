//! Expressions as they are kept and written.

use std::fmt;

/// A RackCode expression. It holds for a rack or a device, or it does not.
///
/// It is written back ([`Display`](fmt::Display)) in as few parentheses as say the same, and reads as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// Operands before their operator, so that nothing that walks an expression has to call itself: however deep a
    /// text is, no stack overflows, not even when the expression is dropped.
    pub(super) steps: Vec<Step>,
}

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Has this tag.
    Tag(Box<str>),
    /// Is what the predicate says.
    Predicate(Box<str>),
    /// `true` or `false`
    Constant(bool),
    /// Of the operand before.
    Not,
    /// Of the two operands before.
    And,
    /// Of the two operands before.
    Or,
}

impl Step {
    /// How tight it binds.
    fn binding(&self) -> u8 {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Not => 2,
            Self::Tag(_) | Self::Predicate(_) | Self::Constant(_) => 3,
        }
    }
}

impl Expression {
    /// Holds for everything: an empty filter.
    pub fn everything() -> Self {
        Self { steps: vec![Step::Constant(true)] }
    }

    /// For each step, where the operand that it ends begins.
    fn beginnings(&self) -> Vec<usize> {
        let mut beginnings = Vec::with_capacity(self.steps.len());
        let mut operands = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let begins = match step {
                Step::Tag(_) | Step::Predicate(_) | Step::Constant(_) => Some(at),
                Step::Not => operands.pop(),
                Step::And | Step::Or => {
                    operands.pop();
                    operands.pop()
                }
            };
            operands.extend(begins);
            beginnings.extend(begins);
        }
        beginnings
    }
}

/// What is still to be written.
enum Pending {
    Text(&'static str),
    /// The operand that ends at this step, in parentheses if it binds less tight.
    Operand(usize, u8),
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beginnings = self.beginnings();
        // The last one is written first.
        let mut pending = vec![Pending::Operand(self.steps.len().saturating_sub(1), 0)];
        while let Some(next) = pending.pop() {
            let (at, least) = match next {
                Pending::Text(text) => {
                    f.write_str(text)?;
                    continue;
                }
                Pending::Operand(at, least) => (at, least),
            };
            let Some(step) = self.steps.get(at) else { continue };
            let binding = step.binding();
            if binding < least {
                f.write_str("(")?;
                pending.push(Pending::Text(")"));
            }
            let right = at.saturating_sub(1);
            let left = beginnings.get(right).map_or(0, |begins| begins.saturating_sub(1));
            match step {
                Step::Tag(name) => write!(f, "{{{name}}}")?,
                Step::Predicate(name) => write!(f, "[{name}]")?,
                Step::Constant(value) => write!(f, "{value}")?,
                Step::Not => {
                    f.write_str("not ")?;
                    pending.push(Pending::Operand(right, binding));
                }
                Step::And | Step::Or => {
                    // A chain is read from the left.
                    pending.push(Pending::Operand(right, binding + 1));
                    pending.push(Pending::Text(if *step == Step::And { " and " } else { " or " }));
                    pending.push(Pending::Operand(left, binding));
                }
            }
        }
        Ok(())
    }
}
