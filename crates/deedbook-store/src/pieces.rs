//! One reply for a batch that was handed over in pieces.

use std::sync::{Arc, Mutex};

use deedbook_core::{Appended, Reply, Result};

type Fate = Result<Vec<Result<Appended>>>;

/// What is known of the pieces of one batch.
struct Gathered {
    /// In the order of the pieces; how many events each has.
    fates: Vec<Option<Fate>>,
    sizes: Vec<usize>,
    reply: Option<Reply>,
}

/// Replies for pieces of so many events each, in order; when the last one has its fate, `reply` gets that of all.
///
/// A piece that is refused as a whole refuses each of its events, unless no event of the batch was accepted: then the
/// batch is refused as a whole, with the reason of the first piece.
pub(crate) fn gathered(sizes: Vec<usize>, reply: Reply) -> Vec<Reply> {
    let count = sizes.len();
    let fates = (0..count).map(|_| None).collect();
    let gathered = Arc::new(Mutex::new(Gathered { fates, sizes, reply: Some(reply) }));
    let place = |at: usize| -> Reply {
        let gathered = gathered.clone();
        Box::new(move |fate| Gathered::put(&gathered, at, fate))
    };
    (0..count).map(place).collect()
}

impl Gathered {
    fn put(gathered: &Mutex<Self>, at: usize, fate: Fate) {
        let mut gathered = crate::locked(gathered);
        gathered.fates[at] = Some(fate);
        if gathered.fates.iter().any(Option::is_none) {
            return;
        }
        let fates = std::mem::take(&mut gathered.fates).into_iter().flatten().collect();
        let (sizes, reply) = (std::mem::take(&mut gathered.sizes), gathered.reply.take());
        drop(gathered);
        if let Some(reply) = reply {
            reply(joined(fates, &sizes));
        }
    }
}

fn joined(fates: Vec<Fate>, sizes: &[usize]) -> Fate {
    if fates.iter().all(Result::is_err) {
        return fates.into_iter().next().unwrap_or_else(|| Ok(Vec::new()));
    }
    let each = fates.into_iter().zip(sizes).flat_map(|(fate, &size)| match fate {
        Ok(fates) => fates,
        Err(error) => vec![Err(error); size],
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use deedbook_core::{Error, ErrorKind};

    use super::*;

    fn refused() -> Fate {
        Err(Error::new(ErrorKind::Overloaded, "full"))
    }

    fn of_pieces(fates: Vec<Fate>, sizes: Vec<usize>) -> Fate {
        let (sender, receiver) = mpsc::channel();
        let places = gathered(sizes, Box::new(move |fate| sender.send(fate).expect("somebody waits")));
        // The last piece may be told first.
        for (place, fate) in places.into_iter().zip(fates).rev() {
            assert!(receiver.try_recv().is_err(), "told before all pieces were");
            place(fate);
        }
        receiver.recv().expect("told once")
    }

    #[test]
    fn a_refused_piece_refuses_its_events_alone() {
        let conflict = || Ok(vec![Err(Error::conflict("acme", "a")), Err(Error::conflict("acme", "b"))]);
        let fates = of_pieces(vec![conflict(), refused()], vec![2, 3]).expect("one piece was accepted");
        let kinds: Vec<ErrorKind> = fates.into_iter().map(|fate| fate.expect_err("refused").kind()).collect();
        assert_eq!(kinds, [vec![ErrorKind::Conflict; 2], vec![ErrorKind::Overloaded; 3]].concat());
    }

    #[test]
    fn a_batch_of_refused_pieces_is_refused() {
        let fate = of_pieces(vec![refused(), refused()], vec![1, 1]);
        assert_eq!(fate.expect_err("refused").kind(), ErrorKind::Overloaded);
    }
}
