//! Tables that fit the screen.
//!
//! The rule it protects: a line is never wider than the screen, columns stay aligned whatever
//! script is in them, and what gives way first is what its column says may.

use unicode_width::UnicodeWidthStr as _;

use super::{Screen, fit};

const GAP: &str = "  ";

/// What the colour of a cell says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Title,
    Good,
    Busy,
    Bad,
    Quiet,
}

impl Tone {
    /// The parameter of the ECMA-48 sequence SGR.
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Title => Some("1"),
            Self::Good => Some("32"),
            Self::Busy => Some("36"),
            Self::Bad => Some("31"),
            Self::Quiet => Some("2"),
        }
    }
}

/// `text` in the colour of its tone, where the screen has any.
pub(crate) fn painted(text: &str, tone: Tone, screen: &Screen) -> String {
    match tone.code().filter(|_| screen.colour) {
        Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

/// One text in a table; already clean.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// What a column is, and how it gives way on a narrow screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    /// When it is shortened (lower first), and to what at least.
    shrinks: Option<(u8, usize)>,
    /// When it is left out (lower first).
    drops: Option<u8>,
}

impl Column {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, ..Self::default() }
    }

    /// Aligned to the right, as numbers are.
    pub(crate) fn right(self) -> Self {
        Self { right: true, ..self }
    }

    pub(crate) fn shrinks(self, order: u8, least: usize) -> Self {
        Self { shrinks: Some((order, least)), ..self }
    }

    pub(crate) fn drops(self, order: u8) -> Self {
        Self { drops: Some(order), ..self }
    }
}

/// Titles and rows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column on one screen.
#[derive(Debug)]
struct Slot<'t> {
    column: &'t Column,
    /// Its place in a row.
    at: usize,
    width: usize,
}

impl Slot<'_> {
    /// The least it can do with.
    fn least(&self) -> usize {
        self.column.shrinks.map_or(self.width, |(_, least)| least.min(self.width))
    }
}

fn total(widths: impl Iterator<Item = usize>) -> usize {
    widths.map(|width| width + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Self {
        Self { columns, rows }
    }

    /// Whether it fits `width` without leaving anything out or shortening below what each column
    /// can do with.
    pub(crate) fn fits(&self, width: usize) -> bool {
        total(self.slots().iter().map(Slot::least)) <= width
    }

    fn slots(&self) -> Vec<Slot<'_>> {
        let widest =
            |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max();
        let slot = |(at, column): (usize, _)| {
            let column: &Column = column;
            Slot { column, at, width: widest(at).unwrap_or(0).max(column.title.width()) }
        };
        self.columns.iter().enumerate().map(slot).collect()
    }

    /// The columns that there is room for, each as wide as it gets.
    fn laid_out(&self, width: usize) -> Vec<Slot<'_>> {
        let mut slots = self.slots();
        while total(slots.iter().map(Slot::least)) > width {
            let next = slots.iter().filter_map(|slot| slot.column.drops).min();
            let Some(next) = next else { break };
            slots.retain(|slot| slot.column.drops != Some(next));
        }
        let mut orders: Vec<u8> = slots.iter().filter_map(|slot| Some(slot.column.shrinks?.0)).collect();
        orders.sort_unstable();
        for order in orders {
            let excess = total(slots.iter().map(|slot| slot.width)).saturating_sub(width);
            let giving = slots.iter_mut().find(|slot| slot.column.shrinks.is_some_and(|(at, _)| at == order));
            if let Some(slot) = giving {
                slot.width = slot.width.saturating_sub(excess).max(slot.least());
            }
        }
        // A screen narrower than all of this: the last columns fall off its edge.
        let mut room = width + GAP.len();
        slots.retain_mut(|slot| {
            slot.width = slot.width.min(room.saturating_sub(GAP.len()));
            room = room.saturating_sub(slot.width + GAP.len());
            slot.width > 0
        });
        slots
    }

    /// The table as text, one line a row.
    pub(crate) fn render(&self, screen: &Screen) -> String {
        let slots = screen.width.map_or_else(|| self.slots(), |width| self.laid_out(width));
        let mut text = String::new();
        let titles = slots.iter().map(|slot| Cell::new(slot.column.title).tone(Tone::Title));
        line(&mut text, &slots, titles.collect(), screen);
        for row in &self.rows {
            let cells = slots.iter().map(|slot| row.get(slot.at).cloned().unwrap_or_default());
            line(&mut text, &slots, cells.collect(), screen);
        }
        text
    }
}

fn line(text: &mut String, slots: &[Slot<'_>], cells: Vec<Cell>, screen: &Screen) {
    let last = slots.len();
    for (number, (slot, cell)) in slots.iter().zip(cells).enumerate() {
        let shown = fit(&cell.text, slot.width, screen.unicode);
        let padding = " ".repeat(slot.width.saturating_sub(shown.width()));
        if slot.column.right {
            text.push_str(&padding);
        }
        match cell.tone.code().filter(|_| screen.colour && !shown.is_empty()) {
            Some(code) => text.extend(["\u{1b}[", code, "m", &shown, "\u{1b}[0m"]),
            None => text.push_str(&shown),
        }
        // Nothing trails: a copied line has no blanks at its end.
        if number + 1 < last {
            if !slot.column.right {
                text.push_str(&padding);
            }
            text.push_str(GAP);
        }
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: usize) -> Screen {
        Screen { terminal: true, width: Some(width), colour: false, unicode: true }
    }

    fn table() -> Table {
        let columns = vec![
            Column::new("Machine").shrinks(9, 4),
            Column::new("Message").shrinks(0, 6).drops(0),
            Column::new("Size").right(),
        ];
        let row = |machine: &str, message: &str, size: &str| {
            vec![machine, message, size].into_iter().map(Cell::new).collect()
        };
        Table::new(columns, vec![row("web1", "正在安装软件包", "12"), row("db-primary", "ok", "1034")])
    }

    #[test]
    fn wide_letters_keep_the_columns_in_line() {
        let shown = table().render(&screen(80));
        assert_eq!(
            shown,
            "Machine     Message         Size\n\
             web1        正在安装软件包    12\n\
             db-primary  ok              1034\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in 0..60 {
            for line in table().render(&screen(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn columns_give_way_in_their_order() {
        assert_eq!(
            table().render(&screen(26)),
            "Machine     Message   Size\nweb1        正在安…     12\ndb-primary  ok        1034\n"
        );
        assert_eq!(table().render(&screen(16)), "Machine     Size\nweb1          12\ndb-primary  1034\n");
        assert_eq!(table().render(&screen(12)), "Machi…  Size\nweb1      12\ndb-pr…  1034\n");
    }

    #[test]
    fn colours_take_no_room() {
        let rows = vec![vec![Cell::new("ab").tone(Tone::Bad), Cell::new("x")]];
        let table = Table::new(vec![Column::new("A"), Column::new("B")], rows);
        let colour = Screen { colour: true, ..screen(80) };
        assert_eq!(
            table.render(&colour),
            "\u{1b}[1mA\u{1b}[0m   \u{1b}[1mB\u{1b}[0m\n\u{1b}[31mab\u{1b}[0m  x\n"
        );
    }
}
