// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many containers at once, from many threads.

use std::collections::BTreeSet;
use std::sync::Barrier;

use needs::{isolated_for, needs, rounds};
use skep::{Error, ErrorKind};

use crate::common::DEADLINE;
use crate::tree::Tree;

#[test]
fn forty_containers_start_at_once_from_eight_threads() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE * 3, || {
        let tree = Tree::new();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (tree, barrier) = (&tree, &barrier);
                scope.spawn(move || {
                    let builders: Vec<_> = (0..5)
                        .map(|number| {
                            let name = format!("many-{thread}-{number}");
                            (tree.named(&name, "echo $NAME; hostname").env("NAME", name.clone()), name)
                        })
                        .collect();
                    barrier.wait();
                    let started: Vec<_> = builders
                        .into_iter()
                        .map(|(builder, name)| (builder.stdout(skep::ns::Stdio::Piped).start().unwrap(), name))
                        .collect();
                    for (container, name) in started {
                        let out = container.wait_with_output().unwrap();
                        assert_eq!(String::from_utf8_lossy(&out.stdout), format!("{name}\nhive\n"));
                        tree.open(&name).unwrap().delete().unwrap();
                    }
                });
            }
        });
        assert_eq!(skep::Container::names_in(&tree.states()).unwrap(), [""; 0]);
    });
}

#[test]
fn of_eight_who_want_one_name_one_gets_it() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE * 3, || {
        let tree = Tree::new();
        for _ in 0..rounds(10) {
            let barrier = Barrier::new(8);
            let create = || {
                barrier.wait();
                tree.named("one", "true").create()
            };
            let results: Vec<Result<_, Error>> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let won = results.iter().filter(|result| result.is_ok()).count();
            let kinds: BTreeSet<String> =
                results.iter().filter_map(|result| Some(format!("{:?}", result.as_ref().err()?.kind()))).collect();
            assert_eq!(won, 1, "{kinds:?}");
            let fine = [ErrorKind::Busy, ErrorKind::Invalid].map(|kind| format!("{kind:?}"));
            assert!(kinds.iter().all(|kind| fine.contains(kind)), "{kinds:?}");
        }
    });
}
