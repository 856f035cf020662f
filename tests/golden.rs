use driftline::{Monitor, cli::import::*, import::Roles, query::*};
use std::{path::PathBuf, time::Instant};
#[test]
fn smoke() {
    let data = PathBuf::from("../shared/data/employment_ma");
    let dir = tempfile::tempdir().unwrap();
    let t = Instant::now();
    {
        let m = Monitor::open(dir.path()).unwrap();
        let src = |f: &str| Source {
            model: "ma".into(),
            version: None,
            files: vec![data.join(f)],
            roles: Roles::default(),
        };
        println!("{:?}", set_reference(&m, &src("reference.parquet"), "default").unwrap());
        println!(
            "{:?} {:?}",
            t.elapsed(),
            import_predictions(&m, &src("predictions.parquet")).unwrap()
        );
        println!("{:?} {:?}", t.elapsed(), import_labels(&m, &src("labels.parquet")).unwrap());
        let q = DriftRequest {
            scope: Scope {
                model: "ma".into(),
                version: None,
                from: 1767571200000000,
                to: 1767571200000000 + 86400000000,
                step: None,
            },
            methods: vec![Method::Psi, Method::Ks],
            exact: true,
            ..Default::default()
        };
        let r = m.drift(&q).unwrap();
        println!(
            "{:?} {:#?}",
            t.elapsed(),
            r.windows[0]
                .results
                .iter()
                .map(|r| format!(
                    "{} {:?} {:?} {:?} {:?}",
                    r.feature, r.method, r.value, r.p_value, r.undefined
                ))
                .collect::<Vec<_>>()
        );
        let p = m
            .performance(&PerformanceRequest {
                scope: Scope {
                    model: "ma".into(),
                    from: 0,
                    to: 2000000000000000,
                    version: None,
                    step: None,
                },
                metrics: vec![],
            })
            .unwrap();
        println!("{:?} {:?} {:?}", t.elapsed(), p, m.stats());
        println!(
            "{:?} {:?}",
            t.elapsed(),
            import_predictions(&m, &src("predictions.parquet")).unwrap()
        );
        println!("{:?} {:?}", t.elapsed(), import_labels(&m, &src("labels.parquet")).unwrap());
    }
    println!("closed {:?}", t.elapsed());
    let m = Monitor::open(dir.path()).unwrap();
    println!("open {:?}", t.elapsed());
    let p = m
        .performance(&PerformanceRequest {
            scope: Scope {
                model: "ma".into(),
                from: 0,
                to: 2000000000000000,
                version: None,
                step: None,
            },
            metrics: vec![],
        })
        .unwrap();
    println!("{:?} {:?} {:?}", t.elapsed(), p, m.stats());
    let src = |f: &str| Source {
        model: "ma".into(),
        version: None,
        files: vec![data.join(f)],
        roles: Roles::default(),
    };
    println!("{:?} {:?}", t.elapsed(), import_predictions(&m, &src("predictions.csv.gz")).unwrap());
    println!("{:?} {:?}", t.elapsed(), import_labels(&m, &src("labels.csv.gz")).unwrap());
    println!("{:?} {:?}", t.elapsed(), m.stats());
}
