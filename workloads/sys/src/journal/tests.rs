//! Journals of runs that died, in a folder of their own.

use std::process::Command;

use super::*;

/// The identity of a process that has ended.
fn dead() -> Identity {
    let mut child = Command::new("true").spawn().unwrap();
    let identity = Identity::of(child.id()).unwrap();
    child.wait().unwrap();
    identity
}

fn journal_of(folder: &Path, process: Identity) -> Journal {
    Journal::create(
        folder,
        &Header {
            boot_id: boot_id().unwrap(),
            process,
        },
    )
    .unwrap()
}

fn setting(folder: &Path, name: &str, old: &str, new: &str) -> Change {
    let path = folder.join(name);
    fs::write(&path, format!("{new}\n")).unwrap();
    Change::Setting {
        path,
        old: old.to_owned(),
        new: new.to_owned(),
    }
}

fn outcomes(undone: &[Undone]) -> Vec<&Outcome> {
    undone.iter().map(|one| &one.outcome).collect()
}

#[test]
fn a_dead_runs_settings_and_processes_are_undone_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut left = Command::new("sleep").arg("60").spawn().unwrap();
    let process = Identity::of(left.id()).unwrap();
    let mut journal = journal_of(folder.path(), dead());
    let first = setting(folder.path(), "budget", "300", "600");
    let second = Change::Process {
        process,
        program: "sleep".to_owned(),
    };
    journal.record(&first).unwrap();
    journal.record(&second).unwrap();

    let undone = replay(folder.path()).unwrap();
    assert_eq!(
        undone.iter().map(|one| &one.change).collect::<Vec<_>>(),
        [&second, &first]
    );
    assert_eq!(outcomes(&undone), [&Outcome::Undone, &Outcome::Undone]);
    assert_eq!(read_text(folder.path().join("budget")).unwrap(), "300");
    assert!(!process.is_alive());
    left.wait().unwrap();
    assert!(
        replay(folder.path()).unwrap().is_empty(),
        "the journal is gone"
    );
}

#[test]
fn what_others_changed_since_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = journal_of(folder.path(), dead());
    let changes = [
        setting(folder.path(), "theirs", "1", "2"),
        setting(folder.path(), "undone", "1", "2"),
        Change::Setting {
            path: folder.path().join("gone"),
            old: "1".into(),
            new: "2".into(),
        },
        Change::Process {
            process: dead(),
            program: "true".to_owned(),
        },
        Change::Offload {
            device: "no-such-dev".into(),
            name: "rx-gro".into(),
            old: true,
        },
        Change::RssTable {
            device: "no-such-dev".into(),
            old: vec![0, 1],
        },
    ];
    changes
        .iter()
        .for_each(|change| journal.record(change).unwrap());
    fs::write(folder.path().join("theirs"), "3\n").unwrap();
    fs::write(folder.path().join("undone"), "1\n").unwrap();
    let undone = replay(folder.path()).unwrap();
    let nothing = &Outcome::NothingToDo;
    assert_eq!(
        outcomes(&undone),
        [
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            &Outcome::ChangedSince
        ]
    );
    assert_eq!(read_text(folder.path().join("theirs")).unwrap(), "3");
}

#[test]
fn running_processes_and_earlier_boots_are_not_undone() {
    let folder = tempfile::tempdir().unwrap();
    let change = setting(folder.path(), "budget", "300", "600");
    let mut ours = Journal::open(folder.path()).unwrap();
    ours.record(&change).unwrap();
    assert_eq!(
        Journal::open(folder.path()).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    let earlier = Header {
        boot_id: "another".to_owned(),
        process: dead(),
    };
    let mut earlier = Journal::create(folder.path(), &earlier).unwrap();
    earlier.record(&change).unwrap();

    assert!(replay(folder.path()).unwrap().is_empty());
    assert_eq!(read_text(folder.path().join("budget")).unwrap(), "600");
    assert!(!earlier.path().exists());
    let found = find(folder.path()).unwrap();
    assert_eq!(
        found.iter().map(|one| one.state).collect::<Vec<_>>(),
        [State::Running]
    );
    assert_eq!(found[0].changes, [change]);
    ours.clear().unwrap();
    assert!(find(folder.path()).unwrap().is_empty());
}

#[test]
fn a_line_cut_short_by_death_was_not_acted_on_but_a_damaged_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = journal_of(folder.path(), dead());
    journal
        .record(&setting(folder.path(), "budget", "300", "600"))
        .unwrap();
    journal.file.write_all(b"{\"change\":\"sett").unwrap();
    assert_eq!(find(folder.path()).unwrap()[0].changes.len(), 1);
    journal.file.write_all(b"\n").unwrap();
    assert!(find(folder.path()).is_err());
}

#[test]
fn a_change_that_cannot_be_undone_keeps_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = journal_of(folder.path(), dead());
    let path = PathBuf::from("/proc/sys/kernel/osrelease");
    let new = read_text(&path).unwrap();
    journal
        .record(&Change::Setting {
            path,
            old: "other".to_owned(),
            new,
        })
        .unwrap();
    let undone = replay(folder.path()).unwrap();
    assert!(
        matches!(undone[0].outcome, Outcome::Failed(_)),
        "{undone:?}"
    );
    assert!(journal.path().exists());
}

#[test]
fn a_guard_notes_the_old_value_before_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("setting");
    fs::write(&file, "1\n").unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    let guard = crate::sysctl::Guard::set_file(file.clone(), "2", Some(&mut journal)).unwrap();
    let same = crate::sysctl::Guard::set_file(file.clone(), "2", Some(&mut journal)).unwrap();
    let noted = Change::Setting {
        path: file,
        old: "1".to_owned(),
        new: "2".to_owned(),
    };
    assert_eq!(
        find(folder.path()).unwrap()[0].changes,
        [noted],
        "nothing for no change"
    );
    drop((same, guard));
    journal.clear().unwrap();
}
