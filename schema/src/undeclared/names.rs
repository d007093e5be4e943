//! Which columns are named like the key of another table; pure.
//!
//! ```text
//!   the key of customers (id)      customer_id  customerId  customers_id  customerid  customer  id_customer
//!   of shop_customer (id)          the same, and shop_customer_id
//!   of clients (client_no)         client_no, and client_id, client
//!   of part, in part itself        parent, parent_id, parent_part_id
//!   of users (id)                  user_id, and created_by_user_id: a role before the name
//! ```
//!
//! A name is a hint and no more: whoever asks looks at the values too.

use std::collections::HashMap;

/// What every table may call its key, so that the word alone means none of them.
const OF_ANY: [&str; 11] =
    ["id", "key", "pk", "no", "nr", "num", "number", "code", "uuid", "guid", "rowid"];
/// What is added to a word to say that there are many, in English and German.
const MANY: [&str; 5] = ["s", "es", "n", "en", "e"];
/// Endings that change for many: that of many, that of one.
const MANY_OTHERWISE: [(&str, &str); 3] = [("ies", "y"), ("ves", "f"), ("ves", "fe")];
/// A shorter word is no name of a table that is left when its prefix is taken away.
const WORD_MIN: usize = 3;

/// A table whose key others may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent<'t> {
    pub(super) table: &'t str,
    /// Its key.
    pub(super) key: &'t str,
}

/// A column that may be a reference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child<'t> {
    pub(super) table: &'t str,
    pub(super) column: &'t str,
}

/// A table that a column is named after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    /// How far the name is from the plainest one; 0 is that.
    pub(super) far: usize,
    /// Which of the parents.
    pub(super) parent: usize,
    /// The column's name says that it holds a key, and not only whose.
    pub(super) says_key: bool,
}

impl Named {
    /// Is it the name of one table and nothing else, but for what all of a group of tables begin with?
    pub(super) fn is_plain(self) -> bool {
        self.far < FAR_SELF
    }
}

/// The parents, by all the words that may mean them.
#[derive(Debug)]
pub(super) struct Names<'t> {
    parents: &'t [Parent<'t>],
    /// A word for a table, in all its forms → parents, each with how many words of its name were left out.
    words: HashMap<String, Vec<(usize, usize)>>,
    /// A key that has a name of its own → parents.
    keys: HashMap<String, Vec<usize>>,
}

impl<'t> Names<'t> {
    pub(super) fn of(parents: &'t [Parent<'t>]) -> Self {
        let (mut words, mut keys) = (HashMap::new(), HashMap::new());
        for (at, parent) in parents.iter().enumerate() {
            let parts = parts(parent.table);
            for left_out in 0..parts.len() {
                let word: String = parts.iter().skip(left_out).map(String::as_str).collect();
                if left_out > 0 && word.chars().count() < WORD_MIN {
                    continue;
                }
                for form in forms(&word) {
                    words.entry(form).or_insert_with(Vec::new).push((at, left_out));
                }
            }
            let key = whole(parent.key);
            if !OF_ANY.contains(&key.as_str()) {
                keys.entry(key).or_insert_with(Vec::new).push(at);
            }
        }
        Self { parents, words, keys }
    }

    /// The tables that a column is named after, the plainest first.
    pub(super) fn of_column(&self, child: Child<'_>) -> Vec<Named> {
        let parts = parts(child.column);
        let mut found: Vec<Named> = Vec::new();
        for role in 0..parts.len() {
            let column: String = parts.iter().skip(role).map(String::as_str).collect();
            self.named_by_word(child, &column, role, &mut found);
        }
        found.sort_unstable();
        let mut seen = Vec::new();
        found.retain(|named| {
            let is_first = !seen.contains(&named.parent);
            seen.push(named.parent);
            is_first
        });
        // Of all tables it is named after its own: it is no reference.
        let means_itself = |named: &&Named| named.far == 0 && self.is_own(child, named.parent);
        if found.first().as_ref().is_some_and(means_itself) {
            return Vec::new();
        }
        found.retain(|named| named.far >= FAR_SELF || !self.is_own(child, named.parent));
        found
    }

    fn is_own(&self, child: Child<'_>, parent: usize) -> bool {
        self.parents.get(parent).is_some_and(|own| own.table.eq_ignore_ascii_case(child.table))
    }

    /// `role`: so many words of the column's name were left out before this one.
    fn named_by_word(&self, child: Child<'_>, column: &str, role: usize, found: &mut Vec<Named>) {
        if let Some(rest) = column.strip_prefix("parent").filter(|_| role == 0) {
            let own = (0..self.parents.len()).find(|&parent| self.is_own(child, parent));
            let is_it = |own: &usize| rest.is_empty() || rest == "id" || rest == self.key_of(*own);
            if let Some(parent) = own.filter(is_it) {
                found.push(Named { far: FAR_SELF, parent, says_key: !rest.is_empty() });
            }
        }
        let is_key = |parent: &&usize| !self.is_own(child, **parent);
        for &parent in self.keys.get(column).into_iter().flatten().filter(is_key) {
            found.push(Named { far: FAR_KEY + role * FAR_ROLE, parent, says_key: true });
        }
        let endings = OF_ANY.into_iter().filter_map(|key| Some((column.strip_suffix(key)?, key)));
        // What stands behind an id in the middle says what it is for: qu_id_stock.
        let before = column.strip_prefix("id").filter(|_| role == 0).map(|word| (word, "id"));
        for (word, key) in endings.chain(before) {
            self.named_by(child, (word, Some(key)), role, found);
        }
        if role == 0 {
            self.named_by(child, (column, None), role, found);
        }
    }

    /// `key`: what the column's name says beside the word, where that says that it holds a key.
    fn named_by(
        &self,
        child: Child<'_>,
        (word, key): (&str, Option<&str>),
        role: usize,
        found: &mut Vec<Named>,
    ) {
        for form in forms(word) {
            for &(parent, left_out) in self.words.get(&form).into_iter().flatten() {
                let shares = left_out > 0 && self.shares_prefix(child, parent, left_out);
                // A word alone, which is no table's whole name, is any word: value is not of field_values.
                let is_meant = match key {
                    None => left_out == 0 || shares,
                    Some(key) => key == "id" || key == self.key_of(parent),
                };
                if is_meant {
                    let far = left_out * FAR_PREFIX + role * FAR_ROLE - usize::from(shares);
                    found.push(Named { far, parent, says_key: key.is_some() });
                }
            }
        }
    }

    fn key_of(&self, parent: usize) -> String {
        self.parents.get(parent).map_or_else(String::new, |parent| whole(parent.key))
    }

    /// Do child and parent begin with the same words, which the column's name leaves out?
    fn shares_prefix(&self, child: Child<'_>, parent: usize, left_out: usize) -> bool {
        let Some(parent) = self.parents.get(parent) else { return false };
        let (ours, theirs) = (parts(child.table), parts(parent.table));
        ours.iter().take(left_out).eq(theirs.iter().take(left_out))
    }
}

/// The key's own name says less than the table's,
const FAR_KEY: usize = 1;
/// and a word of the table's name that is left out makes it less plain;
const FAR_PREFIX: usize = 2;
/// even less does the row's own table,
const FAR_SELF: usize = 100;
/// and one that stands after another word.
const FAR_ROLE: usize = 1_000;

/// The words of a name, in lower case: `shop_customer`, `ShopCustomer` and `shop customer` have the same.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = None;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_some_and(char::is_lowercase);
        if begins || !letter.is_alphanumeric() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| letter.is_alphanumeric()) {
            part.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A name in one piece.
fn whole(name: &str) -> String {
    parts(name).concat()
}

/// A word, and what it may be for one where it means many.
fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    let one = MANY.iter().filter_map(|many| Some(word.strip_suffix(many)?.to_owned()));
    let other = MANY_OTHERWISE.iter().filter_map(|(many, one)| {
        let word = word.strip_suffix(many)?;
        Some(format!("{word}{one}"))
    });
    forms.extend(one.chain(other).filter(|word| word.chars().count() >= 2));
    forms
}

#[cfg(test)]
mod tests {
    use super::{Child, Names, Parent};

    /// The tables that a column is named after, the plainest first. `parents`: tables with their keys.
    fn named(parents: &[(&str, &str)], child: &str) -> Vec<String> {
        let parents: Vec<Parent<'_>> =
            parents.iter().map(|&(table, key)| Parent { table, key }).collect();
        let (table, column) = child.split_once('.').unwrap();
        let found = Names::of(&parents).of_column(Child { table, column });
        found.iter().map(|named| parents[named.parent].table.to_owned()).collect()
    }

    #[test]
    fn a_column_is_named_after_a_table_in_many_ways() {
        for (parent, column) in [
            ("customers", "customer_id"),
            ("customers", "customerid"),
            ("customers", "customer"),
            ("customers", "CustomerID"),
            ("customers", "customerId"),
            ("customers", "customers_id"),
            ("customers", "id_customer"),
            ("customers", "Customer Id"),
            ("customer", "customers_id"),
            ("Customers", "CUSTOMER_ID"),
            ("shop_customer", "customer_id"),
            ("shop_customer", "shop_customer_id"),
            ("ShopCustomers", "customer_id"),
            ("app_shop_customer", "customer_id"),
            ("categories", "category_id"),
            ("addresses", "address_id"),
            ("boxes", "box_id"),
            ("shelves", "shelf_id"),
            ("houses", "house_id"),
            ("customers", "billing_customer_id"),
            ("users", "created_by_user_id"),
            ("Kunden", "kunde_id"),
            ("Lieferanten", "lieferant_id"),
            ("order_lines", "order_line_id"),
            ("order_lines", "line_id"),
        ] {
            let child = format!("orders.{column}");
            assert_eq!(named(&[(parent, "id")], &child), [parent], "{column}");
        }
        assert_eq!(named(&[("customers", "customer_id")], "orders.customer_id"), ["customers"]);
        assert_eq!(named(&[("customers", "CustomerNo")], "orders.customer_no"), ["customers"]);
        assert_eq!(named(&[("clients", "client_nr")], "orders.old_client_nr"), ["clients"]);
        assert_eq!(named(&[("tbl_1", "customer_id")], "orders.customer_id"), ["tbl_1"]);
    }

    #[test]
    fn other_columns_are_named_after_none() {
        let parents = [
            ("customers", "id"),
            ("orders", "id"),
            ("lines", "id"),
            ("x_id", "id"),
            ("field_values", "id"),
        ];
        for column in [
            "id",
            "name",
            "cust",
            "customer_name",
            "customer_count",
            "custom",
            "",
            "_",
            "no",
            "sort_order",
            "outlines",
            "identity",
            "value",
            "cust_id_order",
        ] {
            assert!(named(&parents, &format!("notes.{column}")).is_empty(), "{column}");
        }
        assert!(named(&[("customers", "id")], "orders.customer_no").is_empty(), "the key is id");
    }

    #[test]
    fn the_plainest_name_comes_first() {
        let parents = [("old_customer", "id"), ("crm_customer", "id"), ("customer", "id")];
        let all = ["customer", "crm_customer", "old_customer"];
        assert_eq!(named(&parents, "crm_order.customer_id"), all);
        assert_eq!(named(&parents, "crm_order.customer"), ["customer", "crm_customer"]);
        let parents = [("lines", "id"), ("order_lines", "id")];
        assert_eq!(named(&parents, "notes.order_line_id"), ["order_lines", "lines"]);
    }

    #[test]
    fn a_table_is_named_in_itself_only_with_a_word_that_says_so() {
        let own = [("products", "id")];
        for column in ["parent_id", "parent", "parent_product_id", "parentId"] {
            assert_eq!(named(&own, &format!("products.{column}")), ["products"], "{column}");
        }
        for column in ["product_id", "id", "product", "products"] {
            assert!(named(&own, &format!("products.{column}")).is_empty(), "{column}");
        }
        assert!(named(&[("shop_order", "id")], "shop_order.order_id").is_empty());
        let keys = [("customers", "customer_id"), ("customer_cards", "customer_id")];
        assert!(named(&keys, "customers.customer_id").is_empty(), "it is the table's own key");
        assert_eq!(named(&keys, "customer_cards.customer_id"), ["customers"]);
    }
}
