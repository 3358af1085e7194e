//! x
mod rules;
mod story;
fn main() {
    for m in rules::tuned::MIXES {
        let h = rules::tuned::history(*m, 1, 100);
        println!("{} {}", m.name, h.len());
    }
    println!("{}", rules::untouched::history(1, 100).len());
}
