//! The tests by which `THREATS.md` shows what it says.

use std::fs;

use crate::tree::root;

#[test]
fn every_test_that_shows_how_a_threat_is_met_is_there() {
    let text = fs::read_to_string(root().join("THREATS.md")).unwrap();
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(|word| word.contains("::")).collect();
    assert!(named.len() > 20, "tests are named: {named:?}");
    for name in named {
        let [target, module, test] = name.split("::").collect::<Vec<_>>()[..] else {
            panic!("{name} is not the name of a test: target::module::name");
        };
        // How they are named, as it is explained there.
        if target == "target" {
            continue;
        }
        let file = root().join(format!("tests/{target}/{module}.rs"));
        let code = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(code.contains(&format!("#[test]\nfn {test}()")), "THREATS.md names {name}, which is no test");
    }
}
