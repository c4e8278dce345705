/** `start`, `stop`, `kill`, `restart`, `pause`, `wait`, `rename`, `rm`, `update`; restart policies and health checks. */
import { about } from "../case.ts";
import { plain, rich } from "../image.ts";

const state = "{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Paused}} {{.RestartCount}}";

export default [
  ...about("stop", {
    "its signal is heeded": async (e) => {
      await e.up("box");
      return {
        says: await e.see("stop", "box"),
        state: await e.see("inspect", "--format", state, "box"),
        again: await e.see("stop", "box"),
      };
    },
    "its signal is not heeded": async (e) => {
      await e.started("deaf", "trap '' TERM; while :; do sleep 0.2; done");
      return {
        says: await e.see("stop", "-t", "1", "deaf"),
        state: await e.see("inspect", "--format", state, "deaf"),
      };
    },
    "of its own": async (e) => {
      await e.started(
        "own",
        "trap 'exit 8' USR1; while :; do sleep 0.1; done",
        "--stop-signal=USR1",
        "--stop-timeout=3",
      );
      await e.ok("stop", "own");
      return {
        state: await e.see("inspect", "--format", state, "own"),
        config: await e.see("inspect", "--format", "{{.Config.StopTimeout}}", "own"),
      };
    },
    errors: async (e) => {
      await e.ok("create", "--name", "new", plain);
      return {
        "no such container": (await e.see("stop", "nobody")).status,
        "never started": await e.see("stop", "new"),
        none: (await e.see("stop")).status,
      };
    },
  }),
  ...about("kill", {
    signals: async (e) => {
      await e.started("box", "trap 'echo hup' HUP; trap 'exit 5' USR2; echo up; while :; do sleep 0.1; done");
      await e.until(async () => (await e.see("logs", "box")).stdout.includes("up"));
      return {
        "by name": await e.see("kill", "-s", "HUP", "box"),
        heard: await e.until(async () => (await e.see("logs", "box")).stdout.includes("hup")),
        "by SIG and name": await e.see("kill", "--signal=SIGUSR2", "box"),
        status: await e.see("wait", "box"),
        "not running": (await e.see("kill", "box")).status,
        unknown: (await e.see("kill", "-s", "NONSENSE", "box")).status,
        "no such container": (await e.see("kill", "nobody")).status,
      };
    },
    "without a word": async (e) => {
      await e.up("box");
      return {
        says: await e.see("kill", "box"),
        status: await e.see("wait", "box"),
        state: await e.see("inspect", "--format", state, "box"),
      };
    },
  }),
  ...about("restart", {
    "one that runs, and one that does not": async (e) => {
      await e.up("box");
      const pid = () => e.ok("inspect", "--format", "{{.State.Pid}}", "box");
      const before = await pid();
      const says = await e.see("restart", "-t", "1", "box");
      const after = await pid();
      await e.ok("stop", "box");
      return {
        says,
        "another process": before !== after,
        stopped: await e.see("restart", "box"),
        state: await e.see("inspect", "--format", "{{.State.Status}}", "box"),
        "keeps its files": (await e.see("exec", "box", "true")).status,
        "no such container": (await e.see("restart", "nobody")).status,
      };
    },
  }),
  ...about("start", {
    "one that was made": async (e) => {
      await e.ok("create", "--name", "box", "--network=none", plain, "sh", "-c", "echo hi; exit 4");
      return {
        "by name": await e.see("start", "box"),
        status: await e.see("wait", "box"),
        attached: await e.see("start", "-a", "box"),
        "no such container": (await e.see("start", "nobody")).status,
      };
    },
    "one that runs": async (e) => {
      await e.up("box");
      return { says: await e.see("start", "box") };
    },
    "with input": async (e) => {
      await e.ok("create", "-i", "--name", "box", "--network=none", plain, "cat");
      return { says: await e.fed("word\n", "start", "-a", "-i", "box") };
    },
  }),
  ...about("pause", {
    "and unpause": async (e) => {
      await e.up("box");
      return {
        pause: await e.see("pause", "box"),
        state: await e.see("inspect", "--format", state, "box"),
        again: (await e.see("pause", "box")).status,
        exec: (await e.see("exec", "box", "true")).status,
        ps: await e.see("ps", "--filter", "status=paused", "--format", "{{.Names}}"),
        unpause: await e.see("unpause", "box"),
        "unpause again": (await e.see("unpause", "box")).status,
        "no such container": (await e.see("pause", "nobody")).status,
      };
    },
  }),
  ...about("wait", {
    many: async (e) => {
      await e.started("one", "sleep 1; exit 3");
      await e.started("two", "exit 4");
      return {
        both: await e.see("wait", "one", "two"),
        again: await e.see("wait", "one"),
        "no such container": (await e.see("wait", "nobody")).status,
      };
    },
  }),
  ...about("rename", {
    one: async (e) => {
      await e.ok("create", "--name", "old", plain);
      await e.ok("create", "--name", "other", plain);
      return {
        taken: (await e.see("rename", "old", "other")).status,
        says: await e.see("rename", "old", "new"),
        "old name": (await e.see("inspect", "old")).status,
        "new name": await e.see("inspect", "--format", "{{.State.Status}}", "new"),
        "no such container": (await e.see("rename", "nobody", "x1")).status,
        gone: await e.see("rm", "new"),
      };
    },
  }),
  ...about("rm", {
    "what runs and what does not": async (e) => {
      await e.up("runs");
      await e.ok("create", "--name", "made", plain);
      return {
        running: (await e.see("rm", "runs")).status,
        made: await e.see("rm", "made"),
        "no such container": (await e.see("rm", "made")).status,
        forced: (await e.see("rm", "-f", "made")).status,
        "several, one of which is not there": (await e.see("rm", "nobody", "nothing")).status,
      };
    },
  }),
  ...about("container prune", {
    "what does not run": async (e) => {
      await e.up("runs");
      await e.ok("create", "--name", "made", plain);
      return {
        status: (await e.see("container", "prune", "-f")).status,
        left: await e.see("ps", "-a", "--format", "{{.Names}}"),
      };
    },
  }),
  ...about("update", {
    "restart policy": async (e) => {
      await e.ok("create", "--name", "box", plain);
      return { status: (await e.see("update", "--restart=on-failure:2", "box")).status };
    },
  }),
  ...about("restart policy", {
    "on-failure": async (e) => {
      await e.started("fails", "echo try; exit 3", "--restart=on-failure:2");
      await e.until(async () =>
        /^exited.* 2$/.test((await e.see("inspect", "--format", state, "fails")).stdout.trim()),
      );
      return {
        state: await e.see("inspect", "--format", state, "fails"),
        logs: await e.see("logs", "fails"),
      };
    },
    "on-failure of what succeeds": async (e) => {
      await e.ok("run", "-d", "--name", "well", "--restart=on-failure", "--network=none", plain, "true");
      await e.ok("wait", "well");
      return { state: await e.see("inspect", "--format", state, "well") };
    },
    "always, until it is stopped": async (e) => {
      await e.started("again", "trap 'exit 0' TERM; echo up; sleep 0.3", "--restart=always");
      await e.until(async () => (await e.see("logs", "again")).stdout.split("up").length > 3);
      return {
        stop: (await e.see("stop", "-t", "1", "again")).status,
        state: await e.see("inspect", "--format", "{{.State.Running}}", "again"),
        policy: await e.see("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "again"),
      };
    },
  }),
  ...about("health", {
    "asked for by hand": async (e) => {
      await e.up("box", "--health-cmd=test -e /tmp/well", "--health-retries=1", "--health-interval=1h");
      const status = async () =>
        (await e.see("inspect", "--format", "{{.State.Health.Status}}", "box")).stdout.trim();
      const run = async () => (await e.see("healthcheck", "run", "box")).status;
      return {
        test: await e.see("inspect", "--format", "{{json .Config.Healthcheck.Test}}", "box"),
        first: await run(),
        unhealthy: await status(),
        made: (await e.see("exec", "box", "touch", "/tmp/well")).status,
        second: await run(),
        healthy: await status(),
        ps: /\(healthy\)/.test((await e.see("ps", "--format", "{{.Status}}", "--filter", "name=box")).stdout),
        filter: await e.see("ps", "--filter", "health=healthy", "--format", "{{.Names}}"),
      };
    },
    "the image's": async (e) => {
      await e.ok("create", "--name", "own", rich);
      await e.ok("create", "--name", "none", "--no-healthcheck", rich);
      return {
        own: await e.see("inspect", "--format", "{{json .Config.Healthcheck.Test}}", "own"),
        none: (await e.see("healthcheck", "run", "none")).status,
      };
    },
  }),
];
