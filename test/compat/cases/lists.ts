/** `ps`, `inspect`, `images`, `rmi`, `tag`, `history`, `save`, `load`, `events`, and errors that all verbs share. */
import { about } from "../case.ts";
import { plain, rich } from "../image.ts";

const words = (text: string): string[] => text.split("\n").filter(Boolean).sort();

export default [
  ...about("ps", {
    "filters and formats": async (e) => {
      await e.up("alpha", "--label", "kind=a", "--label", "both=1");
      await e.ok("create", "--name", "beta", "--label", "kind=b", "--label", "both=1", plain, "true");
      await e.script("gamma", "exit 3");
      const ps = async (...args: string[]) =>
        words((await e.see("ps", "--format", "{{.Names}}", ...args)).stdout);
      return {
        running: await ps(),
        all: await ps("-a"),
        last: await ps("-l"),
        "last two": await ps("-n", "2"),
        label: await ps("-a", "--filter", "label=kind=a"),
        "label without a value": await ps("-a", "--filter", "label=both"),
        "two filters": await ps("-a", "--filter", "label=both", "--filter", "status=created"),
        "two of one kind": await ps("-a", "--filter", "status=created", "--filter", "status=exited"),
        name: await ps("-a", "--filter", "name=bet"),
        "a pattern": await ps("-a", "--filter", "name=^(alpha|gamma)$"),
        exited: await ps("-a", "--filter", "exited=3"),
        ancestor: await ps("-a", "--filter", `ancestor=${plain}`),
        before: await ps("-a", "--filter", "before=beta"),
        since: await ps("-a", "--filter", "since=beta"),
        "unknown filter": (await e.see("ps", "--filter", "nonsense=1")).status,
        "bad status": (await e.see("ps", "--filter", "status=nonsense")).status,
        quiet: (await e.see("ps", "-q")).stdout.replaceAll(/\b[0-9a-f]{12}\b/g, "<short id>"),
        "whole IDs": await e.see("ps", "-q", "--no-trunc"),
        table: (await e.see("ps", "--format", "table {{.Names}}\t{{.Image}}")).stdout.replaceAll(/ +/g, " "),
        titles: (await e.see("ps", "-a")).stdout
          .split("\n")[0]!
          .split(/ {2,}/)
          .map((word) => word.trim()),
        fields: (
          await e.see(
            "ps",
            "-a",
            "--filter",
            "name=gamma",
            "--format",
            "{{.Image}}|{{.Command}}|{{.State}}|{{.Labels}}",
          )
        ).stdout,
        status: (await e.see("ps", "-a", "--filter", "name=gamma", "--format", "{{.Status}}")).stdout.replace(
          /\d+ seconds?|Less than a second|About a minute/,
          "<while>",
        ),
        "bad template": (await e.see("ps", "--format", "{{.Nonsense}}")).status,
        "not a template": (await e.see("ps", "--format", "{{")).status,
      };
    },
    nothing: async (e) => ({
      quiet: await e.see("ps", "-q"),
      titles: (await e.see("ps")).stdout.split(/ {2,}/).map((word) => word.trim()),
    }),
  }),
  ...about("inspect", {
    templates: async (e) => {
      await e.up("box", "--label", "a=b", "-e", "X=1", "-w", "/srv", "--hostname=h1", "-u", "other");
      await e
        .ok(
          "create",
          "--name",
          "made",
          "--restart=on-failure:3",
          "--cap-add=SYS_TIME",
          "--read-only",
          "--init",
          plain,
          "a",
          "b c",
        )
        .catch(() => undefined);
      const at = async (template: string, name = "box") => {
        const { status, stdout } = await e.see("inspect", "--format", template, name);
        return { status, stdout };
      };
      return {
        id: await at("{{.Id}}"),
        "ID alike":
          (await e.ok("inspect", "--format", "{{.Id}}", "box")) ===
          (await e.ok("ps", "-q", "--no-trunc", "--filter", "name=box")),
        name: await at("{{.Name}}"),
        state: await at(
          "{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Dead}}",
        ),
        pid: (await at("{{.State.Pid}}")).stdout.trim() !== "0",
        config: await at(
          "{{.Config.Image}} {{.Config.Hostname}} {{.Config.User}} {{.Config.WorkingDir}} {{json .Config.Labels}} {{.Config.Tty}}",
        ),
        env: await at('{{range .Config.Env}}{{if eq . "X=1"}}found{{end}}{{end}}'),
        cmd: await at("{{json .Config.Cmd}}"),
        index: await at('{{index .Config.Labels "a"}}'),
        path: await at("{{.Path}} {{json .Args}}"),
        host: await at(
          "{{.HostConfig.NetworkMode}} {{.HostConfig.AutoRemove}} {{.HostConfig.Privileged}} {{.HostConfig.ReadonlyRootfs}}",
        ),
        resources: await at("{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.ShmSize}}"),
        restart: await at(
          "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}",
        ),
        "no such field": (await at("{{.Nonsense}}")).status,
        "not a template": (await at("{{")).status,
        "no such thing": await e.see("inspect", "nobody"),
        "one of two": (await e.see("inspect", "--format", "{{.Config.Hostname}}", "box", "nobody")).status,
        "an image": await e.see("inspect", "--format", "{{json .Config.Entrypoint}}", rich),
        "--type": (await e.see("inspect", "--type=image", "box")).status,
        "by a part of the ID": await e.see(
          "inspect",
          "--format",
          "{{.Config.Hostname}}",
          (await e.ok("ps", "-q", "--filter", "name=box")).slice(0, 6),
        ),
        "is a list": (await e.see("inspect", "box")).stdout.slice(0, 3).replaceAll(/\s/g, ""),
        size: await at("{{if .SizeRootFs}}size{{else}}none{{end}}"),
      };
    },
  }),
  ...about("images", {
    list: {
      async run(e) {
        await e.ok("tag", plain, "localhost/tagged:2");
        const images = async (...args: string[]) =>
          words((await e.see("images", "--format", "{{.Repository}}:{{.Tag}}", ...args)).stdout);
        return {
          all: await images(),
          one: await images("localhost/tagged"),
          reference: await images("--filter", "reference=localhost/rich*"),
          label: await images("--filter", "label=from=image"),
          dangling: await images("--filter", "dangling=true"),
          quiet: (await e.see("images", "-q", rich)).stdout.replaceAll(/\b[0-9a-f]{12}\b/g, "<short id>"),
          "whole IDs": await e.see("images", "-q", "--no-trunc", rich),
          titles: (await e.see("images")).stdout
            .split("\n")[0]!
            .split(/ {2,}/)
            .map((word) => word.trim()),
          "unknown filter": (await e.see("images", "--filter", "nonsense=1")).status,
          "not there": await e.see("images", "-q", "localhost/nothing"),
          inspect: await e.see(
            "image",
            "inspect",
            "--format",
            "{{.Config.StopSignal}} {{json .Config.Volumes}} {{.Os}} {{len .RootFS.Layers}} {{json .RepoTags}}",
            rich,
          ),
          exists: (await e.see("image", "inspect", "localhost/nothing:1")).status,
          history: await e.see("history", "--format", "{{.CreatedBy}}", rich),
        };
      },
      after: [["rmi", "localhost/tagged:2"]],
    },
    rmi: {
      async run(e) {
        await e.ok("tag", plain, "localhost/second:1");
        await e.ok("create", "--name", "user", rich);
        return {
          untags: await e.see("rmi", "localhost/second:1"),
          "not there": (await e.see("rmi", "localhost/second:1")).status,
          "not there, forced": (await e.see("rmi", "-f", "localhost/second:1")).status,
          used: (await e.see("rmi", rich)).status,
          "still there": (await e.see("image", "inspect", rich)).status,
        };
      },
    },
    tag: async (e) => ({
      "no such image": (await e.see("tag", "localhost/nothing:1", "localhost/x:1")).status,
      "bad name": (await e.see("tag", plain, "UPPER")).status,
    }),
    "save and load": {
      async run(e) {
        return {
          save: (await e.shell(`$E save -o out.tar ${plain} >/dev/null; echo $?`)).stdout,
          manifest: (await e.shell("tar -xOf out.tar manifest.json | grep -o '\"RepoTags\":\\[[^]]*\\]'"))
            .stdout,
          load: await e.see("load", "-i", `${e.directory}/out.tar`),
          "to a pipe": (await e.shell(`$E save ${plain} | tar -tf - | grep -c manifest.json`)).stdout,
          "no such image": (await e.see("save", "-o", `${e.directory}/x.tar`, "localhost/nothing:1")).status,
          "no archive": (await e.see("load", "-i", "/etc/passwd")).status,
        };
      },
    },
    pull: async (e) => ({
      "no registry": (await e.see("pull", "localhost:1/nothing:1")).status,
      "bad name": (await e.see("pull", "UPPER/case")).status,
    }),
  }),
  ...about("command line", {
    mistakes: async (e) => ({
      "unknown verb": (await e.see("nonsense")).status,
      "unknown flag of ps": (await e.see("ps", "--nonsense")).status,
      "flag without its value": (await e.see("logs", "--tail")).status,
      "too many operands": (await e.see("rename", "a", "b", "c")).status,
      "--help": (await e.see("run", "--help")).status,
      version: (await e.see("--version")).stdout.split(" ")[1],
      "version as a template": (await e.see("version", "--format", "{{.Client.Version}}")).stdout.replace(
        /^\d+\.\d+\.\d+$/m,
        "<version>",
      ),
      "flags after the name": (await e.see("run", "--rm", "--network=none", plain, "echo", "--rm", "-x"))
        .stdout,
      "short flags together": await e.fed(
        "x\n",
        "run",
        "-ie",
        "A=1",
        "--rm",
        "--network=none",
        plain,
        "sh",
        "-c",
        "cat; echo $A",
      ),
      "bool with a value": (await e.see("run", "--rm=true", "--network=none", plain, "true")).status,
    }),
  }),
];
