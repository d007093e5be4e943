//! Schema tools of Node: Sequelize, Knex, `TypeORM`, drizzle-kit, Prisma.

use dunlin_tests::lab::outside::Tool;

use super::till::Names;
use super::upgrade::{Project, Quirk, runs};

const OLD: Names = Names::WITH_ID;
const NEW: Names = Names::WITH_ID.newer();

/// Of whose application each start alters the tables, so that references to them are emptied.
fn sequelize(tool: &Tool) -> Project {
    Project {
        make: runs(tool, &[&["old", "set-null"]]),
        upgrade: runs(tool, &[&["new", "set-null"]]),
        quirks: &[Quirk::InSteps, Quirk::Empties],
        ..Project::of(tool, OLD, NEW)
    }
}

/// By migrations rather than at each start.
fn sequelize_by_interface(tool: &Tool) -> Project {
    let new = Names { sales: "tickets", note: "remark", ..NEW };
    Project {
        upgrade: runs(tool, &[&["interface"]]),
        quirks: &[Quirk::InSteps],
        ..Project::of(tool, OLD, new)
    }
}

fn knex(tool: &Tool) -> Project {
    Project::of(tool, OLD, Names { sales: "tickets", note: "remark", ..NEW })
}

fn typeorm(tool: &Tool) -> Project {
    Project::of(tool, OLD, NEW)
}

fn drizzle(tool: &Tool) -> Project {
    Project {
        upgrade: runs(tool, &[&["new", "--filter", "--force"]]),
        check: runs(tool, &[&["check", "--filter"]]),
        quirks: &[Quirk::InSteps],
        ..Project::of(tool, OLD, NEW)
    }
}

fn prisma(tool: &Tool) -> Project {
    Project {
        upgrade: runs(tool, &[&["new", "--filter", "--accept-data-loss"]]),
        check: runs(tool, &[&["check", "--filter"]]),
        quirks: &[Quirk::InSteps],
        ..Project::of(tool, OLD, NEW)
    }
}

#[test]
fn the_projects_of_nodes_tools_do_what_their_stories_take_for_granted() {
    for (script, project) in [
        ("sequelize/shop.js", sequelize as fn(&Tool) -> Project),
        ("sequelize/shop.js", sequelize_by_interface),
        ("knex/shop.js", knex),
        ("typeorm/shop.js", typeorm),
        ("drizzle/shop.js", drizzle),
        ("prisma/shop.js", prisma),
    ] {
        let Some(tool) = Tool::node(script) else { return };
        project(&tool).is_sound();
    }
}

#[test]
fn a_start_of_a_sequelize_application_that_fails_half_way_leaves_the_shop_as_it_was() {
    let Some(tool) = Tool::node("sequelize/shop.js") else { return };
    let project = Project { make: runs(&tool, &[&["old", "restrict"]]), ..sequelize(&tool) };
    project.goes_on_after(|file| tool.run(file, &["new", "restrict"]));
}

#[test]
fn a_sequelize_project_is_migrated_by_its_query_interface_one_machine_at_a_time() {
    let Some(tool) = Tool::node("sequelize/shop.js") else { return };
    sequelize_by_interface(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn prisma_drops_our_tables_and_the_application_sells_on() {
    let Some(tool) = Tool::node("prisma/shop.js") else { return };
    let project = Project {
        upgrade: runs(&tool, &[&["added", "--accept-data-loss"]]),
        check: runs(&tool, &[&["check-added", "--filter"]]),
        quirks: &[Quirk::DropsOurs],
        ..Project::of(&tool, OLD, Names { colour: NEW.colour, ..OLD })
    };
    project.is_migrated_one_machine_at_a_time();
}

#[test]
fn a_knex_project_is_migrated_one_machine_at_a_time() {
    let Some(tool) = Tool::node("knex/shop.js") else { return };
    knex(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn a_typeorm_application_synchronises_its_tables_one_machine_at_a_time() {
    let Some(tool) = Tool::node("typeorm/shop.js") else { return };
    typeorm(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn drizzle_kit_pushes_one_machine_at_a_time_and_is_told_to_leave_our_tables_alone() {
    let Some(tool) = Tool::node("drizzle/shop.js") else { return };
    drizzle(&tool).is_migrated_one_machine_at_a_time();
}

#[test]
fn drizzle_kit_drops_our_tables_by_force_and_the_application_sells_on() {
    let Some(tool) = Tool::node("drizzle/shop.js") else { return };
    let project = Project {
        upgrade: runs(&tool, &[&["added", "--force"]]),
        check: runs(&tool, &[&["check-added", "--filter"]]),
        quirks: &[Quirk::DropsOurs],
        ..Project::of(&tool, OLD, Names { shelf: OLD.shelf, ..NEW })
    };
    project.is_migrated_one_machine_at_a_time();
}

#[test]
fn prisma_pushes_one_machine_at_a_time_and_is_told_to_leave_our_tables_alone() {
    let Some(tool) = Tool::node("prisma/shop.js") else { return };
    prisma(&tool).is_migrated_one_machine_at_a_time();
}
