//! `docs/states.md` shows what [`State::advance`] does.

use milepost_domain::{State, state::Event};

use crate::documents::{Generated, row};

#[test]
fn the_table_of_states_is_the_one_in_the_code() {
    let mut head = vec!["in the state".to_owned()];
    head.extend(Event::ALL.iter().map(ToString::to_string));
    let mut table = row(&head) + &row(&vec!["---"; head.len()]);
    for &state in State::ALL {
        let mut cells = vec![format!("`{state}`")];
        for &event in Event::ALL {
            let next = state.advance(event);
            cells.push(if next == state { "·".to_owned() } else { format!("`{next}`") });
        }
        table += &row(&cells);
    }
    Generated::part("docs/states.md", "states").assert_is(&table);
}
