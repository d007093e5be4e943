//! Schema tools of Python: Django, Alembic, peewee, sqlite-utils.

use dunlin_tests::lab::outside::Tool;

use super::till::Names;
use super::upgrade::{Project, Quirk, runs};

const DJANGO: Names =
    Names { makers: "stock_maker", parts: "stock_part", sales: "stock_sale", ..Names::WITH_ID };

fn django(tool: &Tool) -> Project {
    let new = Names {
        sales: "stock_ticket",
        maker: "brand_id",
        note: "remark",
        label: Some("label"),
        ..DJANGO.newer()
    };
    Project { quirks: &[Quirk::Fills], ..Project::of(tool, DJANGO, new) }
}

fn alembic(tool: &Tool) -> Project {
    let new = Names { sales: "tickets", note: "remark", ..Names::PLAIN.newer() };
    Project::of(tool, Names::PLAIN, new)
}

fn peewee(tool: &Tool) -> Project {
    let new = Names { sales: "tickets", note: "remark", ..Names::WITH_ID.newer() };
    Project::of(tool, Names::WITH_ID, new)
}

fn sqlite_utils(tool: &Tool) -> Project {
    let new = Names { sales: "tickets", note: "remark", ..Names::PLAIN.newer() };
    Project::of(tool, Names::PLAIN, new)
}

#[test]
fn the_projects_of_pythons_tools_do_what_their_stories_take_for_granted() {
    for (script, project) in [
        ("django/shop.py", django as fn(&Tool) -> Project),
        ("alembic/shop.py", alembic),
        ("peewee/shop.py", peewee),
        ("sqlite_utils/shop.py", sqlite_utils),
    ] {
        let Some(tool) = Tool::python(script) else { return };
        project(&tool).is_sound();
    }
}

#[test]
fn a_django_project_is_migrated_one_machine_at_a_time_while_both_go_on_selling() {
    let Some(tool) = Tool::python("django/shop.py") else { return };
    django(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn an_alembic_project_is_migrated_in_batch_mode_one_machine_at_a_time() {
    let Some(tool) = Tool::python("alembic/shop.py") else { return };
    alembic(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn alembics_autogenerate_leaves_our_tables_alone_when_it_is_told_to() {
    let Some(tool) = Tool::python("alembic/shop.py") else { return };
    let upgrade = runs(&tool, &[&["new"], &["autogenerate", "filter"]]);
    Project { upgrade, ..alembic(&tool) }.is_migrated_one_machine_at_a_time();
}

#[test]
fn alembics_autogenerate_drops_our_tables_and_the_application_sells_on() {
    let Some(tool) = Tool::python("alembic/shop.py") else { return };
    let upgrade = runs(&tool, &[&["new"], &["autogenerate"]]);
    let quirks = &[Quirk::DropsOurs];
    Project { upgrade, quirks, ..alembic(&tool) }.is_migrated_one_machine_at_a_time();
}

#[test]
fn a_peewee_project_is_migrated_one_machine_at_a_time() {
    let Some(tool) = Tool::python("peewee/shop.py") else { return };
    peewee(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn tables_that_sqlite_utils_transforms_stay_in_step_one_machine_at_a_time() {
    let Some(tool) = Tool::python("sqlite_utils/shop.py") else { return };
    sqlite_utils(&tool).is_migrated_one_machine_at_a_time();
}
