//! The suite examined: the oracle passes it, and stores broken on purpose do not.

mod broken;

use deedbook_testkit::{MemorySubject, conformance, model};

#[test]
fn the_memory_store_conforms() {
    conformance::run(&mut |clock| Box::new(MemorySubject::open(clock)));
}

#[test]
fn the_memory_store_equals_itself() {
    model::run(&mut |clock| Box::new(MemorySubject::open(clock)), 64);
}
