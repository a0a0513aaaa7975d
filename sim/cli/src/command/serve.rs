//! `klamm serve`: the engine on real TCP and files.

use klamm_server::Options;

use crate::args::Serve;
use crate::console::{Console, Failure, Outcome};

/// Serves until a signal.
pub(crate) fn serve(args: &Serve, console: &Console) -> Outcome {
    let mut settings = Options::new(&args.data).settings;
    for setting in &args.settings {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(Failure::Input(format!("--set {setting}: expected KEY=VALUE")));
        };
        settings
            .set(key.trim(), value)
            .map_err(|error| Failure::Input(format!("--set {setting}: {error}")))?;
    }
    let options = Options {
        address: args.listen,
        port: args.port,
        advertise: args.advertise.clone(),
        settings,
        ..Options::new(&args.data)
    };
    let data = args.data.display().to_string();
    let ready = |ready: klamm_server::Ready| {
        // A closed stdout is no reason to stop serving.
        drop(
            console.say(&format!("klamm serves {data} at {}; Ctrl-C stops it\n", ready.bootstrap)),
        );
    };
    klamm_server::serve(options, ready).map_err(|error| Failure::Input(error.to_string()))
}
