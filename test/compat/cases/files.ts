/** `cp`, `diff`, `commit`, `export`, volumes and mounts. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { about } from "../case.ts";
import { plain, rich } from "../image.ts";

const sh = (script: string): string[] => ["--", "sh", "-c", script];
const lines = (text: string): string[] => text.trim().split("\n").sort();

export default [
  ...about("cp", {
    "into one": async (e) => {
      await e.up("box");
      const tree = join(e.directory, "tree");
      mkdirSync(join(tree, "deep"), { recursive: true });
      writeFileSync(join(tree, "deep/file"), "deep\n");
      const file = e.file("one", "content\n");
      const cp = async (from: string, to: string) => (await e.see("cp", from, `box:${to}`)).status;
      const look = (path: string) =>
        e.see("exec", "box", "sh", "-c", `find ${path} | sort; cat ${path} 2>/dev/null`);
      return {
        "a file to a new name": [await cp(file, "/home/new"), await look("/home/new")],
        "a file into a directory": [await cp(file, "/srv/"), await look("/srv/one")],
        "into no directory": [await cp(file, "/nowhere/"), await cp(file, "/nowhere/x")],
        "a directory to a new name": [await cp(tree, "/t1"), await look("/t1")],
        "a directory into one that is there": [await cp(tree, "/home"), await look("/home/tree")],
        "what is in it": [await cp(`${tree}/.`, "/srv"), await look("/srv/deep")],
        "a directory over a file": await cp(tree, "/etc/passwd"),
        "no such file": await cp(join(e.directory, "nothing"), "/home"),
        "its owner": await e.see("exec", "box", "stat", "-c", "%u %g", "/home/new"),
        "no such container": (await e.see("cp", file, "nobody:/")).status,
        "through a link": [await cp(file, "/home/link"), await e.see("exec", "box", "cat", "/home/hello")],
      };
    },
    "out of one": async (e) => {
      await e.ok("create", "--name", "still", plain);
      const to = (name: string) => join(e.directory, name);
      const look = (path: string) => e.shell(`find ${path} | sort; cat ${path} 2>/dev/null`);
      return {
        "a file": [(await e.see("cp", "still:/etc/passwd", to("p"))).status, await look("p")],
        "a directory": [(await e.see("cp", "still:/home", to("h"))).status, await look("h")],
        "into one that is there": [
          (await e.see("cp", "still:/home", e.directory)).status,
          await look("home"),
        ],
        "what is in it": [(await e.see("cp", "still:/data/.", to("h"))).status, await look("h")],
        "no such file": (await e.see("cp", "still:/nothing", to("x"))).status,
        "a link": [
          (await e.see("cp", "still:/home/link", to("link"))).status,
          await e.shell("readlink link || cat link"),
        ],
        relative: [(await e.see("cp", "still:etc/group", to("g"))).status, await e.shell("wc -l <g")],
      };
    },
    "as an archive": async (e) => {
      await e.up("box");
      writeFileSync(e.file("in", "packed\n"), "packed\n");
      return {
        out: await e.shell("$E cp box:/home - | tar -tf - | sort"),
        "one file": await e.shell("$E cp box:/etc/passwd - | tar -xOf -"),
        in: await e.shell("tar -cf - --owner=5 --group=6 in | $E cp - box:/srv; echo $?"),
        there: await e.see("exec", "box", "sh", "-c", "cat /srv/in; stat -c '%u %g' /srv/in"),
        "not a directory": await e.shell(
          "tar -cf - in | $E cp - box:/etc/passwd >/dev/null; test $? != 0; echo $?",
        ),
      };
    },
  }),
  ...about("diff", {
    "what has changed": async (e) => {
      await e.script(
        "box",
        "echo x >/new; rm /home/hello; echo y >>/etc/passwd; mkdir /d; touch /d/e; chmod 700 /srv",
      );
      return {
        lines: lines((await e.see("diff", "box")).stdout),
        "no such container": (await e.see("diff", "nobody")).status,
      };
    },
    nothing: async (e) => {
      await e.ok("create", "--name", "box", plain);
      return { lines: await e.see("diff", "box") };
    },
  }),
  ...about("commit", {
    "what was changed": {
      async run(e) {
        await e.script("box", "echo x >/new; rm /home/hello");
        const says = await e.see(
          "commit",
          "-a",
          "me",
          "-c",
          "CMD cat /new",
          "-c",
          "ENV MADE=here",
          "-c",
          "LABEL a=b",
          "-c",
          "WORKDIR /srv",
          "-c",
          "USER other",
          "-c",
          "EXPOSE 81",
          "box",
          "localhost/made:1",
        );
        return {
          status: says.status,
          run: await e.see("run", "--rm", "--network=none", "localhost/made:1"),
          files: await e.see(
            "run",
            "--rm",
            "--network=none",
            "localhost/made:1",
            "sh",
            "-c",
            "ls /home; echo $MADE; pwd; id -u",
          ),
          config: await e.see(
            "image",
            "inspect",
            "--format",
            "{{json .Config.Cmd}} {{.Config.User}} {{json .Config.Labels}} {{.Config.WorkingDir}} {{json .Config.ExposedPorts}} {{.Author}}",
            "localhost/made:1",
          ),
          "with a message": (await e.see("commit", "-m", "why", "box", "localhost/made:2")).status,
          "no such container": (await e.see("commit", "nobody", "localhost/x:1")).status,
          "bad change": (await e.see("commit", "-c", "NONSENSE x", "box", "localhost/x:1")).status,
        };
      },
      after: [["rmi", "--force", "localhost/made:1", "localhost/made:2"]],
    },
  }),
  ...about("export", {
    "and import": {
      async run(e) {
        await e.script("box", "echo x >/new; echo y >/data/z", "-v", "/data");
        return {
          "to stdout": await e.shell(
            "$E export box | tar -tf - | sed 's,^\\./,,' | grep -E '^(new|data|home/hello)' | sort",
          ),
          "to a file": await e.shell("$E export -o out.tar box; tar -tf out.tar | grep -c new"),
          import: (
            await e.see("import", "-c", "CMD cat /new", join(e.directory, "out.tar"), "localhost/flat:1")
          ).status,
          run: await e.see("run", "--rm", "--network=none", "localhost/flat:1", "/bin/cat", "/new"),
        };
      },
      after: [["rmi", "--force", "localhost/flat:1"]],
    },
  }),
  ...about("volume", {
    verbs: {
      async run(e) {
        return {
          create: await e.see("volume", "create", "--label", "a=b", "vol"),
          again: (await e.see("volume", "create", "vol")).status,
          ls: await e.see("volume", "ls", "-q"),
          filter: await e.see("volume", "ls", "-q", "--filter", "label=a=b"),
          "another filter": await e.see("volume", "ls", "-q", "--filter", "label=a=c"),
          inspect: await e.see(
            "volume",
            "inspect",
            "--format",
            "{{.Name}} {{.Driver}} {{json .Labels}} {{.Scope}}",
            "vol",
          ),
          "no such volume": (await e.see("volume", "inspect", "nothing")).status,
          rm: await e.see("volume", "rm", "vol"),
          "rm again": (await e.see("volume", "rm", "vol")).status,
          "bad name": (await e.see("volume", "create", "a/b")).status,
        };
      },
      after: [["volume", "rm", "--force", "vol"]],
    },
    "named: keeps, and has what the image has there": {
      async run(e) {
        const own = (...args: string[]) =>
          e.see(
            "run",
            "--rm",
            "--network=none",
            "-u",
            "root",
            "--entrypoint=",
            "-v",
            "kept:/data",
            rich,
            ...args,
          );
        return {
          "copied up": await own(
            "sh",
            "-c",
            "cat /data/below/file; stat -c '%a %u %g' /data; echo mine >/data/mine",
          ),
          kept: await own("cat", "/data/mine"),
          "not again": await own("sh", "-c", "rm -r /data/below; ls /data"),
          "really not": await own("ls", "/data"),
          "in use": await (async () => {
            await e.ok("create", "--name", "user", "-v", "kept:/v", plain);
            return (await e.see("volume", "rm", "kept")).status;
          })(),
          "read-only": await e.run("-v", "kept:/v:ro", ...sh("touch /v/x; echo $?")),
          "--mount": await e.run("--mount=type=volume,src=kept,dst=/v", "--", "cat", "/v/mine"),
        };
      },
      after: [["volume", "rm", "--force", "kept"]],
    },
    anonymous: async (e) => {
      const count = async () => lines((await e.see("volume", "ls", "-q")).stdout).filter(Boolean).length;
      await e.ok("create", "--name", "anon", "-v", "/v", plain);
      const made = await count();
      await e.ok("rm", "-v", "anon");
      const removed = await count();
      await e.see("run", "--rm", "--network=none", "-v", "/v", plain, "true");
      await e.ok("create", "--name", "own", rich);
      const own = await count();
      return {
        made,
        removed,
        "--rm": await count(),
        "the image's": own,
        mounts: await e.see(
          "inspect",
          "--format",
          "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}",
          "own",
        ),
      };
    },
    "--volumes-from": async (e) => {
      await e.ok("create", "--name", "from", "--entrypoint=", "-v", "/v", rich, "true");
      return {
        "its mounts": await e.run(
          "--volumes-from=from",
          ...sh("cat /data/below/file; grep -cE ' (/v|/data) ' /proc/mounts"),
        ),
      };
    },
  }),
  ...about("bind", {
    "a directory": async (e) => {
      e.file("there", "of the host\n");
      const d = e.directory;
      return {
        read: await e.run("-v", `${d}:/m`, "--", "cat", "/m/there"),
        written: [
          await e.run("-v", `${d}:/m`, ...sh("echo new >/m/made")),
          readFileSync(join(d, "made"), "utf8"),
        ],
        "read-only": await e.run("-v", `${d}:/m:ro`, ...sh("touch /m/x; echo $?")),
        "a file": await e.run("-v", `${d}/there:/etc/there`, "--", "cat", "/etc/there"),
        "--mount": await e.run(
          `--mount=type=bind,source=${d},target=/m,readonly`,
          ...sh("cat /m/there; touch /m/x; echo $?"),
        ),
        "no source": (await e.run("-v", `${d}/nothing:/m`, "--", "true")).status,
        "no source of --mount": (await e.run(`--mount=type=bind,src=${d}/none,dst=/m`, "--", "true")).status,
        "not absolute": (await e.run("-v", `${d}:relative`, "--", "true")).status,
        twice: (await e.run("-v", `${d}:/m`, "-v", "/tmp:/m", "--", "true")).status,
        propagation: await e.run("-v", `${d}:/m:rprivate`, ...sh("grep -c ' /m ' /proc/self/mountinfo")),
        "tmpfs by --mount": await e.run(
          "--mount=type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700",
          ...sh("stat -c %a /t; df -k /t | tail -n 1 | awk '{print $2}'"),
        ),
        "unknown type": (await e.run("--mount=type=nonsense,dst=/t", "--", "true")).status,
        inspect: await (async () => {
          await e.ok("create", "--name", "box", "-v", `${d}:/m:ro`, plain);
          return e.see(
            "inspect",
            "--format",
            "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}",
            "box",
          );
        })(),
      };
    },
  }),
];
