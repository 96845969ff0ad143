//! Scheduler, executors and the submitting process, each a process of its own that ends with the
//! test.

use crate::s3::Store;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const PROGRAM: &str = env!("CARGO_BIN_EXE_longitude-cluster");

/// Killed when dropped.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // A node that was killed already is no matter.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) struct Nodes {
    _scheduler: Node,
    executors: Vec<Arc<Mutex<Node>>>,
    address: String,
    environment: Vec<(String, String)>,
}

impl Nodes {
    /// Starts them, each once the one before has said where it listens.
    pub(crate) fn start(executors: usize, environment: &[(String, String)]) -> Self {
        let scheduler = [
            "scheduler",
            "--listen",
            "127.0.0.1:0",
            "--executor-timeout",
            "6",
        ];
        let (scheduler, address) = start(&scheduler, environment);
        let executor = [
            "executor",
            "--scheduler",
            &address,
            "--tasks",
            "2",
            "--memory-mib",
            "128",
        ];
        let executors = (0..executors).map(|_| {
            let (node, _address) = start(&executor, environment);
            Arc::new(Mutex::new(node))
        });
        Self {
            executors: executors.collect(),
            _scheduler: scheduler,
            address,
            environment: environment.to_vec(),
        }
    }

    /// Runs the command: its account, or what it said of its failure.
    pub(crate) fn ingest(
        &self,
        source: &str,
        target: &Path,
        settings: &[&str],
    ) -> Result<serde_json::Value, String> {
        let scheduler = format!("http://{}", self.address);
        let mut command = Command::new(PROGRAM);
        command.args([
            "ingest",
            source,
            "--json",
            "--scheduler",
            &scheduler,
            "--to",
        ]);
        command.arg(target).args(settings);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(said);
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The same from a store, which also holds what is in between.
    pub(crate) fn ingest_from(
        &self,
        store: &Store,
        prefix: &str,
        target: &Path,
        settings: &[&str],
    ) -> Result<serde_json::Value, String> {
        let mut settings = settings.to_vec();
        let work = store.url("work");
        settings.extend(["--work", &work]);
        self.ingest(&store.url(prefix), target, &settings)
    }

    /// Kills the first executor (SIGKILL) once something is written under such a name; the thread
    /// says whether it did.
    pub(crate) fn kill_when(&self, store: &Store, name: &'static str) -> JoinHandle<bool> {
        let written = store.watch(name);
        let victim = Arc::clone(&self.executors[0]);
        std::thread::spawn(move || {
            // The third: then the other tasks are under way.
            let is_time = written.iter().take(3).count() == 3;
            is_time && victim.lock().unwrap().0.kill().is_ok()
        })
    }
}

/// Starts a node and reads the line in which it says where it listens.
fn start(arguments: &[&str], environment: &[(String, String)]) -> (Node, String) {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdout(Stdio::piped());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let said = child.stdout.take().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().to_owned();
    assert!(address.contains(':'), "{arguments:?} said {line:?}");
    (Node(child), address)
}
