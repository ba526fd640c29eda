//! The `arcus` binary. All it does is in [`cli`]; everything else of the product is in the crates beside it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
