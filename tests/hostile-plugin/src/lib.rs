//! A third party's plugin that breaks in the way its setting names: for tests of what the host then says and does.

use std::hint::black_box;

use arcus_sdk::contract::actions::Call;
use arcus_sdk::prelude::*;

/// What it does.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// In which way.
    pub mode: String,
}

/// The plugin.
pub struct Hostile;

impl Plugin for Hostile {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let node = &cluster.nodes[0];
        match cluster.config.mode.as_str() {
            "trap" => panic!("the shelf fell on {}", node.name),
            "hang" => loop {
                black_box(node);
            },
            "memory" => {
                let mut all = Vec::new();
                loop {
                    all.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            "stack" => {
                black_box(deeper(1));
            }
            "nobody" => {
                let nobody = Node { name: "nobody".into(), ..node.clone() };
                plan.file("write", &nobody, file("/srv/hostile/file").content("x\n"));
            }
            "asks" => loop {
                black_box(cluster.ask_one(node, probe::query("look", [])));
            },
            "steps" => {
                for number in 0..50_001 {
                    plan.file("fill", node, file("/srv/hostile/file").content("x\n")).of(number.to_string());
                }
            }
            "role" => {
                let other = cluster.nodes.iter().find(|node| node.roles == [Role::Storage]).unwrap_or(node);
                plan.file("write", other, file("/srv/hostile/file").content("x\n"));
            }
            "climb" => {
                plan.file("write", node, file("/srv/hostile/../../etc/passwd").content("x\n"));
            }
            "option" | "shell" => {
                let word = if cluster.config.mode == "option" { "--mode=0777" } else { "/srv/hostile/$(reboot)" };
                plan.command("make", node, ["mkdir", word]).until([probe::query("look", []).on(node)], "it is there", 5);
            }
            "secret" => {
                plan.file("write", node, file("/srv/hostile/file").content(vec![secret("exdb")]));
            }
            "milestone" => {
                plan.file("write", node, file("/srv/hostile/file").content("x\n")).provides(milestone::VIP_ANSWERING);
            }
            "call" => {
                let call = Call { name: "live".into(), args: "{}".into(), nodes: vec![node.name.clone()] };
                plan.action("live", node, "does what it likes", Action::Call(call), 5).until([probe::query("look", []).on(node)], "it did", 5);
            }
            "flood" => {
                for number in 0..3_000 {
                    warn(format!("{number} {}", "all is well ".repeat(5_000)));
                }
            }
            "carry" => {
                plan.file("carry", node, file("/srv/hostile/key").from_node(node, "/root/.ssh/id_rsa"));
            }
            "bind" => {
                plan.mount("show", node, arcus_sdk::bind("/", "/srv/hostile/all"));
            }
            "echo" => {
                plan.command("tell", node, ["tee", "/srv/hostile/no/such"]).stdin(text![secret("pass")]).until([probe::query("look", []).on(node)], "it is told", 5);
            }
            "read-back" => {
                plan.file("keep-pass", node, file("/srv/hostile/pass").content(text![secret("pass")]).mode(0o600));
                if let Known(Some(found)) = cluster.ask_one(node, probe::content("/srv/hostile/pass", 1000)) {
                    return Err(problem("hostile.read", format!("it reads {}", String::from_utf8_lossy(&found.content))).help("none: that was the attack"));
                }
            }
            "otherwise" => {
                then(cluster, plan, None);
                if let Known(said) = cluster.ask_one(node, probe::query("other-each-time", [])) {
                    let name = String::from_utf8_lossy(&said.stdout).trim().to_owned();
                    plan.file("fill", node, file(format!("/srv/hostile/{name}")).content("x\n")).of(&name);
                }
            }
            "more" => then(cluster, plan, Some("unannounced")),
            "key" => answered(&cluster.ask_one(node, probe::content("/root/.ssh/id_rsa", 1000)))?,
            "global" => answered(&cluster.ask_one(node, probe::content("/opt/rainbond/rainbond-ansible/scripts/installer/global.sh", 1000)))?,
            "outside" => {
                plan.file("write", node, file("/etc/cron.d/hostile").content("* * * * * root true\n"));
            }
            "command" => {
                let look = probe::query("look", []).on(node);
                plan.command("wipe", node, ["rm", "-rf", "/srv"]).until([look], "it is gone", 5);
            }
            "query" => answered(&cluster.ask_one(node, probe::query("rm", [])))?,
            "shadow" => answered(&cluster.ask_one(node, probe::content("/etc/shadow", 1000)))?,
            "mutate" => answered(&cluster.ask_one(node, probe::query("mutate", [])))?,
            "judge-trap" => {
                plan.command("run", node, ["true"]).until([probe::query("look", []).on(node)], "it ran", 5);
            }
            _ => {}
        }
        plan.file("keep", node, file("/srv/hostile/file").content("x\n"));
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new()
            .on("make", |_, _| met())
            .on("live", |_, _| met())
            .on("tell", |_, _| unmet("nobody was told"))
            .on("run", |_, case| panic!("no verdict on {}", case.node()?.name))
            .on("wipe", |_, _| met())
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        let node = &cluster.nodes[0];
        if cluster.config.mode == "verify-trap" {
            panic!("nothing can be proven of {}", node.name);
        }
        checks.on(node, "kept", "its file is there").judge(&cluster.ask_one(node, probe::file("/srv/hostile/file")), |file| match file {
            Some(_) => passed("it is"),
            None => failed("it is not"),
        });
        Ok(())
    }
}

impl Storage for Hostile {
    fn offer(cluster: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        if cluster.config.mode == "forged" {
            return Ok(StorageOffer { source: "/root".into(), fstype: "none".into(), options: vec!["bind".into()], local: vec![] });
        }
        Ok(StorageOffer { source: "none".into(), fstype: "none".into(), options: vec![], local: vec![] })
    }
}

/// What is told only when the first file is there: for there to be another round.
fn then(cluster: &Cluster<Config>, plan: &mut Plan, verb: Option<&str>) {
    let node = &cluster.nodes[0];
    if let Known(None) = cluster.ask_one(node, probe::file("/srv/hostile/file")) {
        plan.later("then", node, "its file is not there yet", &["file"]);
    } else if let Some(verb) = verb {
        plan.file(verb, node, file("/srv/hostile/more").content("x\n"));
    }
}

/// Not optimised away, and not turned into a loop.
fn deeper(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if room[3] == 0 { 0 } else { black_box(deeper(depth + 1)) + room[7] }
}

/// A question that was not answered is told as a problem.
fn answered<T>(look: &Look<T>) -> Result<(), Problem> {
    match look {
        Known(_) => Ok(()),
        Unknown(problem) => Err(problem.clone()),
    }
}

arcus_sdk::export!(storage: Hostile);
