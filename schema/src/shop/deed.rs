//! Deeds: what a till did, as a person in the shop would say it.

use std::fmt;

/// Something a till did; it prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// An order was taken and paid.
    Sold {
        /// The till's name.
        till: String,
        /// The order's number in this machine's table.
        order: i64,
        /// Who bought.
        customer: String,
        /// Whether the customer was here for the first time.
        new_customer: bool,
        /// How many of what, in the order of the lines.
        lines: Vec<(i64, String)>,
    },
    /// Parts arrived and were laid on a shelf.
    Restocked {
        /// The till's name.
        till: String,
        /// The part's name.
        part: String,
        /// Where they lie now.
        shelf: String,
        /// How many came.
        quantity: i64,
    },
    /// A part costs something else from now on.
    Repriced {
        /// The till's name.
        till: String,
        /// The part's name.
        part: String,
        /// What it cost.
        from_cents: i64,
        /// What it costs.
        to_cents: i64,
    },
    /// An order was deleted with its lines and payments; what was sold lies on the shelf again.
    Cancelled {
        /// The till's name.
        till: String,
        /// The order's number in this machine's table, which the next order may get again.
        order: i64,
        /// Whose order it was.
        customer: String,
    },
    /// A customer has another name.
    Renamed {
        /// The till's name.
        till: String,
        /// The name before.
        from: String,
        /// The name now.
        to: String,
    },
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sold { till, customer, new_customer, lines, .. } => {
                write!(f, "{till} sold ")?;
                for (at, (quantity, part)) in lines.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{quantity} × “{part}”")?;
                }
                write!(f, " to {customer}{}", if *new_customer { ", a new customer" } else { "" })
            }
            Self::Restocked { till, part, shelf, quantity } => {
                write!(f, "{till} put {quantity} × “{part}” on shelf {shelf}")
            }
            Self::Repriced { till, part, from_cents, to_cents } => {
                let (from, to) = (Money(*from_cents), Money(*to_cents));
                write!(f, "{till} changed the price of “{part}” from {from} to {to}")
            }
            Self::Cancelled { till, order, customer } => {
                write!(f, "{till} cancelled order {order} of {customer}")
            }
            Self::Renamed { till, from, to } => write!(f, "{till} renamed {from} to {to}"),
        }
    }
}

/// Cents, printed with the point.
struct Money(i64);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::Deed;

    #[test]
    fn a_deed_prints_as_a_sentence() {
        let till = || "till 2".to_owned();
        let sold = Deed::Sold {
            till: till(),
            order: 7,
            customer: "Ελένη Σαμαρά".to_owned(),
            new_customer: true,
            lines: vec![(3, "Bremsscheibe vorn M8".to_owned()), (1, "刹车片 II".to_owned())],
        };
        assert_eq!(
            sold.to_string(),
            "till 2 sold 3 × “Bremsscheibe vorn M8”, 1 × “刹车片 II” to Ελένη Σαμαρά, a new customer"
        );
        let part = "Ölfilter".to_owned();
        let repriced = Deed::Repriced { till: till(), part, from_cents: 1_205, to_cents: 999 };
        assert_eq!(
            repriced.to_string(),
            "till 2 changed the price of “Ölfilter” from 12.05 to 9.99"
        );
    }
}
