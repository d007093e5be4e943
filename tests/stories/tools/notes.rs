//! What tools write down for themselves is no business of the shop: which migrations were applied here.

use dunlin_tests::lab::Lab;
use dunlin_tests::lab::outside::Tool;
use serde_json::Value;

/// Makes a tool's project, tracks all, and tells which tables are tracked.
fn tracked(tool: &Tool) -> Vec<String> {
    let lab = Lab::new();
    let told = tool.run(&lab.file("till"), &["old"]);
    assert_eq!(told.code, 0, "{told:?}");
    let machine = lab.adopt("till");
    machine.ok(&["track", "--all"]);
    let tables: Value = serde_json::from_str(&machine.ok(&["tables", "--json"])).unwrap();
    let names = tables["tables"].as_array().unwrap().iter();
    names.map(|table| table["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tracking_all_leaves_out_what_tools_of_python_write_down_for_themselves() {
    let Some(django) = Tool::python("django/shop.py") else { return };
    let tables = tracked(&django);
    for shared in ["stock_maker", "stock_part", "stock_sale", "auth_user", "auth_group"] {
        assert!(tables.iter().any(|table| table == shared), "no {shared} in {tables:?}");
    }
    for own in ["django_migrations", "django_content_type", "auth_permission"] {
        assert!(!tables.iter().any(|table| table == own), "{own} in {tables:?}");
    }
    let Some(alembic) = Tool::python("alembic/shop.py") else { return };
    assert_eq!(tracked(&alembic), ["makers", "parts", "sales"]);
}

#[test]
fn tracking_all_leaves_out_what_tools_of_node_write_down_for_themselves() {
    let Some(knex) = Tool::node("knex/shop.js") else { return };
    assert_eq!(tracked(&knex), ["makers", "parts", "sales"]);
}
