//! The operator's yes: a plain one for a plan, and one by name for each risk in it.

use arcus_engine::{Fault, Kind, Proposal};

use crate::cli::console::{Console, count};
use crate::cli::foreign::Foreign;
use crate::cli::show::plan::risk_in_words;
use crate::safe;

/// Asks what must be asked before a plan is performed; gives the risks that were accepted.
///
/// `approved`: a plain yes was given already, by `--yes` or by naming a saved plan.
pub fn to_plan(console: &Console, proposal: &Proposal, approved: bool, accept: &[String]) -> Result<Vec<String>, Fault> {
    let risks = proposal.risks();
    for accepted in accept.iter().filter(|accepted| !risks.contains(accepted)) {
        console.note(safe!("--accept {}: this plan does not need it", Foreign::word(accepted)));
    }
    let open: Vec<&String> = risks.iter().filter(|risk| !accept.contains(risk)).collect();
    if !open.is_empty() {
        if !console.terminal().person {
            let names: Vec<&str> = open.iter().map(|risk| risk.as_str()).collect();
            let help = names.iter().map(|risk| format!("--accept {risk}")).collect::<Vec<_>>().join(" ");
            return Err(Fault::new(Kind::Pending, "apply.unaccepted", format!("a plain yes does not cover what this plan puts at risk: {}", names.join(", ")))
                .help(format!("to go on: {help}")));
        }
        console.say(console.terminal().err.red("This plan puts at risk:"));
        for risk in &open {
            console.say(safe!("  {}", risk_in_words(risk)));
        }
        let question = safe!("To go on, type the name of the cluster ({}):", Foreign::word(&proposal.cluster));
        if !console.ask_word(question, &proposal.cluster) {
            return Err(declined());
        }
        return Ok(risks);
    }
    if !approved {
        let later = if proposal.later.is_empty() { safe!("") } else { safe!(", and {} known later", proposal.later.len()) };
        let question = safe!("Perform {}{}? [y/N]", count(proposal.steps.len(), "step", "steps"), later);
        yes(console, question, "--yes")?;
    }
    Ok(risks)
}

/// A plain yes.
pub fn yes(console: &Console, question: crate::cli::safe::Safe, instead: &'static str) -> Result<(), Fault> {
    match console.ask(question).as_deref() {
        Some("y" | "Y" | "yes" | "Yes") => Ok(()),
        Some(_) => Err(declined()),
        None => Err(Fault::new(Kind::Input, "cli.nobody-to-ask", "this must be confirmed, and there is no terminal to ask on").help(format!("to go on without being asked: {instead}"))),
    }
}

/// The name of the cluster, typed.
pub fn by_name(console: &Console, name: &str, what: crate::cli::safe::Safe, instead: &'static str) -> Result<(), Fault> {
    if !console.terminal().person {
        return Err(Fault::new(Kind::Input, "cli.nobody-to-ask", "this must be confirmed by name, and there is no terminal to ask on").help(format!("to go on without being asked: {instead}")));
    }
    console.say(what);
    if console.ask_word(safe!("To go on, type the name of the cluster ({}):", Foreign::word(name)), name) { Ok(()) } else { Err(declined()) }
}

/// The words that `--accept` takes for a plan.
pub fn check_risks(accept: &[String]) -> Result<(), Fault> {
    for word in accept {
        let known = match word.split_once(':') {
            Some(("data-loss" | "live", name)) => !name.is_empty(),
            Some(_) => false,
            None => matches!(word.as_str(), "quorum" | "blackout"),
        };
        if !known {
            return Err(Fault::new(Kind::Input, "cli.unknown-risk", format!("--accept {word}: there is no such risk")).help("there are: data-loss:VOLUME (or whatever else the plan says may be lost), quorum, blackout, live:PLUGIN"));
        }
    }
    Ok(())
}

fn declined() -> Fault {
    Fault::new(Kind::Pending, "cli.declined", "not confirmed: nothing was changed").help("`arcus plan` shows it again, and changes nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks_are_named_exactly() {
        let check = |word: &str| check_risks(&[word.to_owned()]).is_ok();
        assert!(check("data-loss:data") && check("data-loss:storage01:/srv/data") && check("live:storage-x") && check("quorum") && check("blackout"));
        assert!(!check("data-loss") && !check("data-loss:") && !check("live") && !check("all") && !check("quorum:x") && !check("host-keys"));
    }
}
