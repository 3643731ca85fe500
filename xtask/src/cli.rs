//! The words of the command line, and the help that explains them.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::failure::{Failure, Outcome};
use crate::guest::{Guest, Machine};

/// What the reader asked for.
pub(crate) enum Request {
    /// Print this text.
    Help(&'static str),
    /// Fetch and build everything, then stop.
    Setup,
    /// Boot a guest.
    Run(RunOptions),
    /// Run the tests.
    Test(TestOptions),
    /// Play the tour.
    Demo(DemoOptions),
    /// Check formatting, lints and licences.
    Check,
    /// What the continuous integration runs.
    Ci,
}

/// `cargo xtask run`.
pub(crate) struct RunOptions {
    /// Which kernel boots.
    pub(crate) guest: Guest,
    /// On what machine.
    pub(crate) machine: Machine,
    /// How long the commands may take once they have begun.
    pub(crate) timeout: Duration,
    /// Shell commands; none means an interactive shell.
    pub(crate) commands: Option<String>,
}

/// `cargo xtask test`.
#[derive(Default)]
pub(crate) struct TestOptions {
    /// Run only tests whose name contains this.
    pub(crate) filter: Option<String>,
    /// Leave out everything that needs QEMU.
    pub(crate) host_only: bool,
    /// Leave out everything that does not need QEMU.
    pub(crate) guest_only: bool,
    /// Boot only this guest.
    pub(crate) only: Option<Guest>,
    /// Show what scripts print even when they pass.
    pub(crate) verbose: bool,
}

/// `cargo xtask demo`.
pub(crate) struct DemoOptions {
    /// Which kernel boots.
    pub(crate) guest: Guest,
    /// On what machine.
    pub(crate) machine: Machine,
}

const HELP: &str = "\
Build, run and test Warren

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  run      Boot Warren in QEMU: a shell on the serial console, or the commands given after --
  test     Run every test, on the host and in QEMU
  demo     Play a short tour: three namespaces on a bridge
  check    Check formatting, lints and licences
  ci       check, then test
  setup    Fetch and build what the other commands need, and stop
  help     Print this

Whatever is missing (toolchain, QEMU, Debian's programs) is fetched on first use
and kept under target/. `cargo xtask <COMMAND> --help` says more.
";

const RUN_HELP: &str = "\
Boot Warren in QEMU

Usage: cargo xtask run [OPTIONS]
       cargo xtask run [OPTIONS] -- 'SHELL COMMANDS'

Without commands: an interactive shell on the serial console. Ctrl-C goes to the
guest; `exit` powers it off and this command ends with status 0.

With commands: their output, byte for byte, is all that appears on standard output,
and their exit status is the status of this command. When the guest panics, hangs or
resets, its console and kernel log are shown on standard error and the status is 125
(124 when the time was up).

Options:
      --linux            Boot Debian's Linux with the same programs instead, to compare
      --cpus <N>         Processors of the guest [default: 2]
      --memory <MIB>     Memory of the guest in MiB [default: 512]
      --timeout <SECS>   Time for the commands once they begin [default: 300]
  -h, --help             Print help
";

const TEST_HELP: &str = "\
Run every test, on the host and in QEMU

Usage: cargo xtask test [OPTIONS] [FILTER]

Host tests, the scenario scripts of tests/scripts on Warren and on Debian's Linux with
their outputs compared, and a session at the interactive console.

Arguments:
  [FILTER]               Run only tests whose name contains this

Options:
      --host             Only what needs no QEMU
      --guest            Only what needs QEMU
      --only <KERNEL>    Boot only `warren` or `linux`; nothing is compared then
  -v, --verbose          Show what scripts print even when they pass
  -h, --help             Print help
";

const DEMO_HELP: &str = "\
Play a short tour: three namespaces on a bridge, their pings, and a picture of it all

Usage: cargo xtask demo [OPTIONS]

Options:
      --linux            Play it on Debian's Linux instead, to compare
      --cpus <N>         Processors of the guest [default: 2]
      --memory <MIB>     Memory of the guest in MiB [default: 512]
  -h, --help             Print help
";

const PLAIN_HELP: &str = "\
Usage: cargo xtask check    Check formatting, lints and licences
       cargo xtask ci       check, then test
       cargo xtask setup    Fetch and build what the other commands need, and stop

Options:
  -h, --help             Print help
";

/// Reads this process's command line.
pub(crate) fn parse() -> Outcome<Request> {
    parse_from(std::env::args_os().skip(1))
}

fn parse_from(arguments: impl IntoIterator<Item = OsString>) -> Outcome<Request> {
    let mut parser = Parser::from_args(arguments);
    request(&mut parser).map_err(|error| {
        Failure::new(error.to_string())
            .advise("`cargo xtask help` lists the commands")
            .with_status(2)
    })
}

fn request(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => Ok(Request::Help(HELP)),
        Some(Arg::Value(command)) => match command.string()?.as_str() {
            "run" => run(parser),
            "test" => test(parser),
            "demo" => demo(parser),
            "check" => plain(parser, Request::Check),
            "ci" => plain(parser, Request::Ci),
            "setup" => plain(parser, Request::Setup),
            "help" => Ok(Request::Help(HELP)),
            other => Err(format!("there is no command `{other}`").into()),
        },
        Some(other) => Err(other.unexpected()),
    }
}

fn run(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    let mut options = RunOptions {
        guest: Guest::Warren,
        machine: Machine::default(),
        timeout: Duration::from_secs(300),
        commands: None,
    };
    loop {
        // Everything after `--` is for the guest's shell, whatever it looks like.
        if let Some(raw) = parser.try_raw_args()
            && raw.peek() == Some("--".as_ref())
        {
            let words: Result<Vec<String>, _> = raw.skip(1).map(ValueExt::string).collect();
            let commands = words?.join(" ");
            if commands.trim().is_empty() {
                return Err("there are no commands after `--`".into());
            }
            options.commands = Some(commands);
            return Ok(Request::Run(options));
        }
        match parser.next()? {
            None => return Ok(Request::Run(options)),
            Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Request::Help(RUN_HELP)),
            Some(Arg::Long("timeout")) => {
                let seconds: u64 = parser.value()?.parse()?;
                options.timeout = Duration::from_secs(seconds);
            }
            Some(Arg::Value(value)) => {
                let hint = "commands for the guest go after `--`";
                return Err(format!("unexpected `{}`: {hint}", value.to_string_lossy()).into());
            }
            Some(Arg::Long("linux")) => options.guest = Guest::Linux,
            Some(Arg::Long("cpus")) => options.machine.cpus = cpus(parser)?,
            Some(Arg::Long("memory")) => options.machine.memory_mib = memory(parser)?,
            Some(other) => return Err(other.unexpected()),
        }
    }
}

fn test(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    let mut options = TestOptions::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Request::Help(TEST_HELP)),
            Arg::Long("host") => options.host_only = true,
            Arg::Long("guest") => options.guest_only = true,
            Arg::Short('v') | Arg::Long("verbose") => options.verbose = true,
            Arg::Long("only") => {
                options.only = Some(match parser.value()?.string()?.as_str() {
                    "warren" => Guest::Warren,
                    "linux" => Guest::Linux,
                    other => return Err(format!("there is no guest `{other}`").into()),
                });
            }
            Arg::Value(filter) if options.filter.is_none() => {
                options.filter = Some(filter.string()?);
            }
            other => return Err(other.unexpected()),
        }
    }
    if options.host_only && (options.guest_only || options.only.is_some()) {
        return Err("`--host` leaves out what `--guest` and `--only` ask for".into());
    }
    Ok(Request::Test(options))
}

fn demo(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    let mut options = DemoOptions { guest: Guest::Warren, machine: Machine::default() };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Request::Help(DEMO_HELP)),
            Arg::Long("linux") => options.guest = Guest::Linux,
            Arg::Long("cpus") => options.machine.cpus = cpus(parser)?,
            Arg::Long("memory") => options.machine.memory_mib = memory(parser)?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Request::Demo(options))
}

fn plain(parser: &mut Parser, request: Request) -> Result<Request, lexopt::Error> {
    match parser.next()? {
        None => Ok(request),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Request::Help(PLAIN_HELP)),
        Some(other) => Err(other.unexpected()),
    }
}

fn cpus(parser: &mut Parser) -> Result<u32, lexopt::Error> {
    let count: u32 = parser.value()?.parse()?;
    // QEMU's PC has room for 255.
    if (1..=255).contains(&count) { Ok(count) } else { Err("a guest has 1 to 255 cpus".into()) }
}

fn memory(parser: &mut Parser) -> Result<u32, lexopt::Error> {
    let mib: u32 = parser.value()?.parse()?;
    if mib >= 64 { Ok(mib) } else { Err("a guest needs at least 64 MiB".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Outcome<Request> {
        parse_from(words.iter().map(OsString::from))
    }

    #[test]
    fn commands_after_the_dashes_reach_the_guest_untouched() {
        let Ok(Request::Run(options)) =
            parsed(&["run", "--linux", "--", "ip", "--help", "|", "cat"])
        else {
            panic!("not a run");
        };
        assert_eq!(options.commands.as_deref(), Some("ip --help | cat"));
        assert_eq!(options.guest, Guest::Linux);
    }

    #[test]
    fn commands_without_the_dashes_are_refused_with_a_hint() {
        let failure = parsed(&["run", "ip link"]).err().expect("refused");
        assert!(failure.to_string().contains("after `--`"));
        assert_eq!(failure.status(), 2);
    }

    #[test]
    fn an_empty_command_is_refused() {
        assert!(parsed(&["run", "--", " "]).is_err());
    }

    #[test]
    fn a_machine_without_processors_is_refused() {
        assert!(parsed(&["run", "--cpus", "0"]).is_err());
    }

    #[test]
    fn one_filter_selects_tests_and_a_second_is_refused() {
        let Ok(Request::Test(options)) = parsed(&["test", "veth"]) else { panic!("not a test") };
        assert_eq!(options.filter.as_deref(), Some("veth"));
        assert!(parsed(&["test", "veth", "bridge"]).is_err());
    }

    #[test]
    fn contradicting_test_options_are_refused() {
        assert!(parsed(&["test", "--host", "--guest"]).is_err());
    }

    #[test]
    fn help_is_everywhere() {
        for words in [&["help"][..], &["--help"], &[], &["run", "-h"], &["ci", "--help"]] {
            assert!(matches!(parsed(words), Ok(Request::Help(_))), "{words:?}");
        }
    }
}
