//! x
mod plans;
mod references;
mod replay;
mod rules;
mod score;
mod story;
use score::*;
fn main() {
    let mut all = vec![];
    let t = std::time::Instant::now();
    let show = |name: &str, looks: &[replay::Look]| {
        println!("{name} looks {}", looks.len());
        for who in Who::ALL {
            let e = eta_error(looks, who);
            let b = bar_error(looks, who);
            println!(
                "  {:14} {:5.1?} avg {:.1} p90 {:.0} | bar {:4.1?} avg {:.1}",
                who.name(),
                e.median,
                e.mean_median(),
                e.mean_p90(),
                b.median,
                b.mean_median()
            );
        }
        println!(
            "  range {:.0?}  ratio {:.2}",
            range_held(looks),
            eta_error(looks, Who::Milepost).mean_median() / best_reference(looks).1
        );
    };
    for m in rules::tuned::MIXES {
        let mut looks = vec![];
        let (mut c, mut e) = (0, 0);
        for seed in 1..=3 {
            let h = rules::tuned::history(*m, seed, 500);
            let r = replay::replay(&h).unwrap();
            c += r.completed;
            e += r.estimated;
            looks.extend(r.looks);
        }
        println!("completed {c} estimated {e}");
        show(m.name, &looks);
        all.extend(looks);
    }
    show("all", &all);
    println!("{:?}", t.elapsed());
}
