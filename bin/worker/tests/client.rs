//! The worker as a BOINC client's task: the test is the client, and speaks through the shared memory.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use pogson_sed::build::Builder;
use pogson_sed::filter::find;
use pogson_sed::fit::Options;
use pogson_sed::library::{Band, Library};
use pogson_sed::library_file::{Index, Packer};
use pogson_sed::observation::Measurement;
use pogson_sed::ssp::embedded;
use pogson_sed::work::{Answer, Answered, Bench, Kind, Place, Work};

const WORKER: &str = env!("CARGO_BIN_EXE_pogson-worker");
const CHANNEL: u64 = 1024;
const CONTROL: u64 = 0;
const HEARTBEAT: u64 = 4;
const STATUS: u64 = 5;

/// A client's folders with one task: links in the slot, files in the project's folder.
struct Slot {
    dir: tempfile::TempDir,
    places: usize,
}

/// Work of some places, and its library's file.
fn made_up(places: usize) -> (String, Vec<u8>) {
    let names = ["GALEX_NUV", "SDSS_g", "SDSS_r", "SDSS_i", "WISE_W1", "WISE_W3"];
    let filters = names.map(|name| find(name).unwrap());
    let bands = filters.map(|f| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 }).to_vec();
    let builder = Builder::new(embedded(), &bands, &filters, 0.01, 1).unwrap();
    let (stellar, dust) = (builder.stellar(0..400), builder.dust(0..400));
    let library = Library { redshift: 0.01, bands: bands.clone(), stellar, dust };
    let mut packer = Packer::new("spectra", 1, &bands);
    let mut bytes = packer.begin();
    bytes.extend(packer.block(&library).unwrap());
    let (end, index) = packer.finish();
    bytes.extend(end);
    let flux = |k: usize, band: usize| 1e-5 * (1 + band) as f64 * (1.0 + 0.01 * ((k * 7 + band * 13) % 29) as f64);
    let place = |k: usize| Place {
        kind: if k == 3 { Kind::Ring } else { Kind::Pixel },
        x: k as u32,
        y: 0,
        bands: (0..6).map(|b| Measurement::Flux { flux_jy: flux(k, b), sigma_jy: 0.1 * flux(k, b) }).collect(),
    };
    let mut all: Vec<Place> = (0..places).map(place).collect();
    // One that cannot be fitted.
    all[1].bands.fill(Measurement::Absent);
    let work = Work {
        unit: "g_area1".into(),
        redshift: 0.01,
        library: index.name(),
        bands,
        options: Options { floor: 0.05, ..Options::default() },
        floors: vec![0.0, 0.0, 0.12, 0.0, 0.0, 0.0],
        draws: 20,
        seed: 1,
        places: all,
    };
    (work.text(), bytes)
}

/// The answer that is to come.
fn answer_to(work: &str, library: &[u8]) -> String {
    let (work, index) = (Work::parse(work).unwrap(), Index::read(library, "l").unwrap());
    let library = index.library(library, 0, "l").unwrap();
    let bench = Bench::new(&work, &library, &index.name()).unwrap();
    let answers = work.places.iter().map(|place| Answered::new(place, bench.fit(place).unwrap())).collect();
    Answer { work: work.hash(), places: answers }.text()
}

impl Slot {
    fn new(work: &str, library: &[u8], places: usize) -> Slot {
        let dir = tempfile::tempdir().unwrap();
        let (slot, project) = (dir.path().join("slots/0"), dir.path().join("projects/p"));
        fs::create_dir_all(&slot).unwrap();
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join("g_area1.work"), work).unwrap();
        fs::write(project.join("pogson_1.lib"), library).unwrap();
        for (name, file) in [("work.txt", "g_area1.work"), ("library.lib", "pogson_1.lib"), ("fits.txt", "g_area1_0_0")]
        {
            fs::write(slot.join(name), format!("<soft_link>../../projects/p/{file}</soft_link>\n")).unwrap();
        }
        fs::write(slot.join("boinc_mmap_file"), vec![0; 8 * CHANNEL as usize]).unwrap();
        fs::write(slot.join("init_data.xml"), "<app_init_data>\n</app_init_data>\n").unwrap();
        Slot { dir, places }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("slots/0").join(name)
    }

    fn output(&self) -> PathBuf {
        self.dir.path().join("projects/p/g_area1_0_0")
    }

    fn shared(&self) -> File {
        File::options().read(true).write(true).open(self.path("boinc_mmap_file")).unwrap()
    }

    fn start(&self, options: &[&str]) -> Child {
        // As a client does before it starts a task.
        self.shared().write_all_at(&[0; 8 * CHANNEL as usize], 0).unwrap();
        let mut command = Command::new(WORKER);
        command.args(options).current_dir(self.path("")).stdin(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Leaves a message, once the last one was taken.
    fn say(&self, channel: u64, message: &str) {
        let shared = self.shared();
        let began = Instant::now();
        while flag(&shared, channel) {
            assert!(began.elapsed() < Duration::from_secs(20), "{message} waits for the last message to be taken");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut bytes = message.as_bytes().to_vec();
        bytes.push(0);
        shared.write_all_at(&bytes, channel * CHANNEL + 1).unwrap();
        shared.write_all_at(&[1], channel * CHANNEL).unwrap();
    }

    /// Takes the last status: CPU seconds and the share that is done.
    fn status(&self) -> Option<(f64, f64)> {
        let shared = self.shared();
        if !flag(&shared, STATUS) {
            return None;
        }
        let mut bytes = [0; CHANNEL as usize - 1];
        shared.read_exact_at(&mut bytes, STATUS * CHANNEL + 1).unwrap();
        shared.write_all_at(&[0], STATUS * CHANNEL).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let value = |tag: &str| -> f64 {
            let (_, rest) = text.split_once(&format!("<{tag}>")).unwrap();
            rest.split_once("</").unwrap().0.parse().unwrap()
        };
        assert!(value("checkpoint_cpu_time") <= value("current_cpu_time"));
        Some((value("current_cpu_time"), value("fraction_done")))
    }

    /// Waits for a status with at least a share done.
    fn until(&self, share: f64) -> (f64, f64) {
        self.reaches(share, || false).expect("a status")
    }

    /// The same; nothing where the task has `ended` before.
    fn reaches(&self, share: f64, mut ended: impl FnMut() -> bool) -> Option<(f64, f64)> {
        let began = Instant::now();
        loop {
            let is_over = ended();
            if !is_over && !flag(&self.shared(), HEARTBEAT) {
                self.say(HEARTBEAT, "<heartbeat/>");
            }
            let status = self.status().filter(|(_, done)| *done >= share);
            if status.is_some() || is_over {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(300), "no status of {share} done");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes statuses until the task ends; gives its exit code, what it said, and the last status.
    fn end(&self, mut child: Child) -> (Option<i32>, String, Option<(f64, f64)>) {
        let began = Instant::now();
        let mut last = None;
        while child.try_wait().unwrap().is_none() {
            last = self.status().or(last);
            assert!(began.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(20));
        }
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap(), self.status().or(last))
    }

    /// Number of places that a run found done.
    fn done_before(&self, said: &str) -> usize {
        let words = said.split_once(&format!("{} places, ", self.places)).unwrap().1;
        words.split_whitespace().next().unwrap().parse().unwrap()
    }
}

fn flag(shared: &File, channel: u64) -> bool {
    let mut byte = [0];
    shared.read_exact_at(&mut byte, channel * CHANNEL).unwrap();
    byte[0] != 0
}

fn gone(path: &Path) -> bool {
    !path.exists()
}

#[test]
fn a_task_that_rests_and_quits_in_mid_work_ends_with_the_bytes_of_one_that_did_not() {
    // On a machine that lets the test wait while the task runs, short work ends before it can be asked to.
    assert!(
        [150, 1000, 6000].into_iter().any(rests_and_quits),
        "all was done each time before the client could ask to quit"
    );
}

/// Whether the task could be asked to quit before it was done; if so, that it went on from there.
fn rests_and_quits(places: usize) -> bool {
    let (work, library) = made_up(places);
    let slot = Slot::new(&work, &library, places);
    // Whoever does not answer is not waited for: the first status is told within a second or so.
    let child = slot.start(&[]);
    slot.until(0.05);
    slot.say(CONTROL, "<suspend/>\n");
    std::thread::sleep(Duration::from_millis(500));
    slot.status();
    let (cpu, done) = slot.until(0.0);
    std::thread::sleep(Duration::from_millis(1500));
    slot.status();
    let (later, still) = slot.until(0.0);
    assert_eq!(done, still);
    assert!(later - cpu < 0.5, "{cpu} {later}");
    slot.say(CONTROL, "<resume/>\n");
    if done + 0.05 >= 1.0 {
        slot.end(child);
        return false;
    }
    let (before, share) = slot.until(done + 0.05);
    slot.say(CONTROL, "<quit/>\n");
    let (code, _, _) = slot.end(child);
    assert_eq!(code, Some(0));
    if share >= 1.0 || !gone(&slot.path("boinc_finish_called")) {
        return false;
    }
    assert!(gone(&slot.output()));

    let child = slot.start(&[]);
    let (code, said, last) = slot.end(child);
    assert_eq!(code, Some(0), "{said}");
    // Nothing that was told to be done is done again.
    assert!(slot.done_before(&said) as f64 >= share * places as f64 - 0.5, "{share} {said}");
    let (cpu, share) = last.unwrap();
    assert_eq!(share, 1.0);
    assert!(cpu > before, "{cpu} {before}");
    assert_eq!(fs::read_to_string(slot.path("boinc_finish_called")).unwrap(), "0\n");
    assert!(fs::read_to_string(slot.output()).unwrap() == answer_to(&work, &library));
    // The link in the slot is as the client left it.
    assert!(fs::read_to_string(slot.path("fits.txt")).unwrap().starts_with("<soft_link>"));
    true
}

#[test]
fn a_task_that_is_killed_redoes_no_more_than_what_was_done_since_its_checkpoint() {
    const PLACES: usize = 100;
    let (work, library) = made_up(PLACES);
    let slot = Slot::new(&work, &library, PLACES);
    let mut known = 0;
    for _ in 0..3 {
        let mut child = slot.start(&["--every", "0"]);
        let reached =
            slot.reaches((known as f64 + 5.0) / PLACES as f64, || child.try_wait().is_ok_and(|ended| ended.is_some()));
        // On a busy machine it may be done before the client looks.
        let Some((_, share)) = reached else { break };
        child.kill().unwrap();
        child.wait().unwrap();
        known = (share * PLACES as f64).round() as usize;
    }
    // What a write that was cut short leaves behind is not taken for a checkpoint.
    fs::write(slot.path("checkpoint.txt.part"), "pogson checkpoint 1").unwrap();
    let child = slot.start(&["--every", "0"]);
    let (code, said, _) = slot.end(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(slot.done_before(&said) + 1 >= known, "{known} {said}");
    assert!(fs::read_to_string(slot.output()).unwrap() == answer_to(&work, &library));
}

#[test]
fn a_task_that_is_aborted_ends_at_once_with_boincs_code() {
    let (work, library) = made_up(400);
    let slot = Slot::new(&work, &library, 400);
    let child = slot.start(&[]);
    slot.until(0.0);
    slot.say(CONTROL, "<abort/>\n");
    let (code, _, _) = slot.end(child);
    assert_eq!(code, Some(194));
    assert!(gone(&slot.output()));
}

#[test]
fn a_task_whose_client_falls_silent_ends_and_can_go_on() {
    const PLACES: usize = 400;
    let (work, library) = made_up(PLACES);
    let slot = Slot::new(&work, &library, PLACES);
    let child = slot.start(&["--silence", "1"]);
    slot.until(0.0);
    slot.say(CONTROL, "<suspend/>\n");
    let (code, said, _) = slot.end(child);
    assert_eq!(code, Some(0));
    assert!(said.contains("no sign of the client"), "{said}");
    assert!(gone(&slot.path("boinc_finish_called")));
    let child = slot.start(&[]);
    slot.until(0.0);
    slot.say(CONTROL, "<quit/>\n");
    let (_, said, _) = slot.end(child);
    assert!(said.contains("places, "), "{said}");
}

#[test]
fn two_tasks_in_one_slot_do_not_write_each_others_files() {
    let (work, library) = made_up(4);
    let slot = Slot::new(&work, &library, 4);
    let lock = File::create(slot.path("boinc_lockfile")).unwrap();
    lock.lock().unwrap();
    let mut child = slot.start(&[]);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none());
    assert!(gone(&slot.output()));
    lock.unlock().unwrap();
    let (code, said, _) = slot.end(child);
    assert_eq!(code, Some(0), "{said}");
    assert!(fs::read_to_string(slot.output()).unwrap() == answer_to(&work, &library));
}

#[cfg(target_os = "linux")]
#[test]
fn a_task_ends_with_the_process_that_started_it() {
    let (work, library) = made_up(400);
    let slot = Slot::new(&work, &library, 400);
    // A shell that starts it, waits until it works, and ends.
    let script = format!("{WORKER} 2>stderr.txt & echo $!; while ! test -s stderr.txt; do sleep 0.05; done; sleep 0.2");
    let output = Command::new("sh").args(["-c", &script]).current_dir(slot.path("")).output().unwrap();
    let pid = String::from_utf8(output.stdout).unwrap();
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    let began = Instant::now();
    // Gone, or dead and not yet waited for by whoever inherited it.
    while fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
        assert!(began.elapsed() < Duration::from_secs(5), "still there");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(gone(&slot.output()));
}

#[test]
fn inputs_that_are_copied_into_the_folder_do_as_well_and_without_a_client_too() {
    let (work, library) = made_up(6);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("work.txt"), work.replace('\n', "\r\n")).unwrap();
    fs::write(dir.path().join("library.lib"), &library).unwrap();
    let run = |options: &[&str]| {
        let output = Command::new(WORKER).args(options).current_dir(dir.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&[]).0, Some(0));
    assert_eq!(fs::read_to_string(dir.path().join("fits.txt")).unwrap(), answer_to(&work, &library));
    let mut names: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["fits.txt", "library.lib", "work.txt"]);

    assert_eq!(run(&["--nonsense"]).0, Some(2));
    let (code, said) = run(&["--work", "absent"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("absent: cannot read the work"), "{said}");
    let mut damaged = library.clone();
    damaged[100] ^= 1;
    fs::write(dir.path().join("damaged"), damaged).unwrap();
    let (code, said) = run(&["--library", "damaged"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("is damaged"), "{said}");
    fs::write(dir.path().join("cut"), &work[..work.len() - 5]).unwrap();
    assert_eq!(run(&["--work", "cut"]).0, Some(3));
    let help = Command::new(WORKER).arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("boinc_finish_called"));
}

#[test]
fn a_task_whose_inputs_cannot_be_used_tells_the_client_so() {
    let (work, library) = made_up(3);
    let other = work.replacen("library ", "library 0", 1);
    let slot = Slot::new(&other, &library, 3);
    let (code, said, _) = slot.end(slot.start(&[]));
    assert_eq!(code, Some(3));
    assert!(said.contains("the work is to be done with"), "{said}");
    assert_eq!(fs::read_to_string(slot.path("boinc_finish_called")).unwrap(), "3\n");
}
