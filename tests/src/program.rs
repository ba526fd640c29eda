//! A program that runs: its lines can be waited for, it can be killed, stopped and continued, and it ends within a limit.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use arcus_lab::wait_until;
use rustix::process::{Pid, Signal, kill_process};

/// What cargo says while another build has its lock.
const WAITS: &str = "Blocking waiting for file lock";
/// How long a build may say nothing: the slowest crate, on a machine that builds something else as well.
const SILENT: Duration = Duration::from_secs(900);

/// It runs. Dropped, it is killed.
pub struct Running {
    name: String,
    child: Child,
    began: Instant,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<String>>,
}

/// It ended.
#[derive(Debug)]
pub struct Ended {
    /// What was run.
    pub name: String,
    /// How.
    pub status: ExitStatus,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Running {
    /// Starts it with its output taken.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: String, command: &mut Command) -> Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().with_context(|| name.clone())?;
        let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else { bail!("{name}: no pipes") };
        let lines = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&lines);
        let readers = vec![
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stdout.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            }),
            std::thread::spawn(move || {
                let mut all = String::new();
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    all.push_str(&line);
                    all.push('\n');
                    seen.lock().expect("no reader panics").push(line);
                }
                all
            }),
        ];
        Ok(Self { name, child, began: Instant::now(), stderr: lines, readers })
    }

    /// Waits until a line with these words was written to stderr.
    ///
    /// # Errors
    /// When it was not within `limit`, or the program ended without it.
    pub fn says(&mut self, words: &str, limit: Duration) -> Result<String> {
        let until = Instant::now() + limit;
        loop {
            // Looked for before and after, so that the last line is not missed.
            let ended = self.child.try_wait()?;
            if let Some(line) = self.lines().into_iter().find(|line| line.contains(words)) {
                return Ok(line);
            }
            ensure!(ended.is_none(), "`{}` ended without {words:?}:\n{}", self.name, self.lines().join("\n"));
            ensure!(Instant::now() < until, "`{}` did not say {words:?} within {} s:\n{}", self.name, limit.as_secs(), self.lines().join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote to stderr so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.stderr.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is no more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        kill_process(pid, signal).with_context(|| format!("sending {signal:?} to `{}`", self.name))
    }

    /// `kill -9`, and gone.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(mut self) -> Result<Ended> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`{}` had ended with {status} before it was killed:\n{}", self.name, self.lines().join("\n"));
        }
        self.signal(Signal::KILL)?;
        self.end(Duration::from_secs(5))
    }

    /// Waits for the end of a build by cargo, for as long as it comes on. A wait for another build is none of its own time.
    ///
    /// # Errors
    /// When it neither ends nor says anything; it is killed then.
    pub fn built(self) -> Result<Ended> {
        self.goes_on(SILENT)
    }

    fn goes_on(mut self, silent: Duration) -> Result<Ended> {
        let mut heard = (0, Instant::now());
        while self.child.try_wait()?.is_none() {
            let lines = self.lines();
            if lines.len() > heard.0 || lines.last().is_some_and(|line| line.contains(WAITS)) {
                heard = (lines.len(), Instant::now());
            }
            ensure!(heard.1.elapsed() < silent, "`{}` has said nothing for {} s:\n{}", self.name, silent.as_secs(), lines.join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end(Duration::from_secs(5))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not come within `limit`; it is killed then.
    pub fn end(mut self, limit: Duration) -> Result<Ended> {
        let mut status = None;
        let waited = wait_until(&format!("the end of `{}`", self.name), limit, || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        });
        if let Err(error) = waited {
            let _ = self.child.kill();
            return Err(error.context(self.lines().join("\n")));
        }
        let took = self.began.elapsed();
        let mut texts = self.readers.drain(..).map(|reader| reader.join().unwrap_or_default());
        let (stdout, stderr) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
        drop(texts);
        Ok(Ended { name: self.name.clone(), status: status.context("no status")?, stdout, stderr, took })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It must have ended with this exit code.
    ///
    /// # Errors
    /// When it did not, with all it printed.
    pub fn code(self, code: i32) -> Result<Self> {
        if self.status.code() != Some(code) {
            bail!("`{}` ended with {}, expected {code}\n--- stdout\n{}\n--- stderr\n{}", self.name, self.status, self.stdout, self.stderr);
        }
        Ok(self)
    }

    /// One of its outputs must say this.
    ///
    /// # Errors
    /// When none does, with all it printed.
    pub fn says(self, words: &str) -> Result<Self> {
        if !self.stdout.contains(words) && !self.stderr.contains(words) {
            bail!("`{}` does not say {words:?}\n--- stdout\n{}\n--- stderr\n{}", self.name, self.stdout, self.stderr);
        }
        Ok(self)
    }

    /// None of its outputs may say this.
    ///
    /// # Errors
    /// When one does.
    pub fn never_says(self, words: &str) -> Result<Self> {
        ensure!(!self.stdout.contains(words) && !self.stderr.contains(words), "`{}` says what it must not", self.name);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Ended> {
        Running::start("a build".into(), Command::new("sh").args(["-c", line]))?.goes_on(Duration::from_secs(2))
    }

    #[test]
    fn a_build_has_time_while_it_comes_on_or_waits_for_another() {
        run("for n in 1 2 3 4 5; do echo Compiling $n >&2; sleep 0.6; done").unwrap().code(0).unwrap();
        run("echo '    Blocking waiting for file lock on build directory' >&2; sleep 3; echo Finished >&2").unwrap().code(0).unwrap();
        let error = run("echo Compiling one >&2; sleep 20").unwrap_err().to_string();
        assert!(error.contains("has said nothing") && error.contains("Compiling one"), "{error}");
    }
}
