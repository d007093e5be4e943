//! Tables: columns with a heading, and what stands in colour.

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use crate::cli::output::Look;

/// How serious a cell is. The words say it too: colour alone tells nothing to many people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// It will pass, or says something.
    Mild,
    /// A person is needed.
    Bad,
}

/// A table under construction.
#[derive(Debug)]
pub(super) struct Grid {
    table: Table,
    color: bool,
}

impl Grid {
    /// A table with these headings; one that begins with `>` stands over numbers, to the right.
    pub(super) fn new(headings: &[&str], look: Look) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).force_no_tty();
        if let Some(width) = look.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        if look.color {
            table.enforce_styling();
        }
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(heading.trim_start_matches('>'));
            if look.color { cell.add_attribute(Attribute::Bold) } else { cell }
        }));
        for (column, heading) in table.column_iter_mut().zip(headings) {
            if heading.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, color: look.color }
    }

    /// One more row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.table.add_row(cells.into_iter().collect::<Vec<_>>());
    }

    /// A cell in the colour of its tone.
    pub(super) fn toned(&self, text: &str, tone: Tone) -> Cell {
        let cell = Cell::new(text);
        if !self.color {
            return cell;
        }
        match tone {
            Tone::Good => cell.fg(Color::Green),
            Tone::Mild => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
        }
    }

    /// The table as text, without the spaces at the ends of lines.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in self.table.lines() {
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}
