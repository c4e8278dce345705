/** `run` and `create`: program, environment, user, exit codes, files. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { about } from "../case.ts";
import { plain, rich } from "../image.ts";
import { waiting } from "../peer.ts";

const sh = (script: string): string[] => ["--", "sh", "-c", script];

export default [
  ...about("run", {
    "exit statuses": async (e) => ({
      none: await e.run("true"),
      own: await e.run("sh", "-c", "exit 7"),
      killed: await e.run("sh", "-c", "kill -9 $$; sleep 1; exit 3"),
      "by a signal": await e.run("sh", "-c", "sh -c 'kill -TERM $$'"),
      "not found": await e.run("nothing"),
      "not found by path": await e.run("/bin/nothing"),
      "not executable": await e.run("/plain"),
      "a directory": await e.run("/etc"),
      "no interpreter": await e.run("/bad-interpreter"),
      "unknown flag": await e.see("run", "--no-such-flag", plain),
      "unknown image": await e.see("run", "--pull=never", "localhost/nothing:1"),
      "no image": await e.see("run"),
      "bad image name": await e.see("run", "UPPER/case"),
      "bad container name": await e.see("run", "--name", "a/b", plain),
    }),
    "its output, each on its stream": async (e) => ({
      both: await e.raw("run", "--rm", "--network=none", plain, "sh", "-c", "echo out; echo err >&2"),
      "without an end of line": await e.run("printf", "a"),
      bytes: await e.run("printf", "\\001\\n\\t\\r\\nx"),
      "a lot": (await e.run("seq", "20000")).stdout.length,
    }),
    "its input": async (e) => ({
      open: await e.fed("one\ntwo\n", "run", "--rm", "-i", "--network=none", plain, "cat"),
      closed: await e.fed("one\n", "run", "--rm", "--network=none", plain, "cat"),
    }),
    environment: async (e) => {
      e.file("env", '# a comment\nA=1\nB=two words\n\nC="quoted"\nFROM_CALLER\nEMPTY=\n');
      const own = async (...args: string[]) => {
        const { status, stdout } = await e.within(
          { FROM_CALLER: "caller" },
          "run",
          "--rm",
          "--network=none",
          ...args,
          "env",
        );
        return {
          status,
          lines: stdout
            .split("\n")
            .filter((line) => !/^(HOSTNAME|HOME|TERM|PATH|container)=/.test(line))
            .sort(),
        };
      };
      return {
        "-e": await own("-e", "A=1", "-e", "B=x=y", "-e", "FROM_CALLER", "-e", "NOWHERE", "-e", "A=2", plain),
        "--env-file": await own("--env-file", join(e.directory, "env"), "-e", "A=flag", plain),
        "the image's": await own("--entrypoint=", "-e", "BOTH=flag", rich),
        "no such file": (await own("--env-file", "/nowhere", plain)).status,
        "what every program gets": await e.run(...sh("env | sed -n 's/=.*//p' | sort")),
        "HOME of another user": await e.run("-u", "other", ...sh("echo $HOME")),
        HOSTNAME: await e.run("--hostname=box", ...sh("echo $HOSTNAME $(hostname)")),
        "with a terminal": await e.terminal([
          "run",
          "--rm",
          "-t",
          "--network=none",
          plain,
          "sh",
          "-c",
          "echo $TERM",
        ]),
      };
    },
    "entrypoint and command": async (e) => {
      const run = (...args: string[]) => e.see("run", "--rm", "--network=none", ...args);
      return {
        "the image's": await run(rich),
        "another command": await run(rich, "a", "b c"),
        "another entrypoint": await run("--entrypoint", "/bin/printf", rich, "%s-", "x", "y"),
        "another entrypoint, no command": await run("--entrypoint", "/bin/pwd", rich),
        none: await run("--entrypoint=", rich, "echo", "alone"),
        "none and no command": (await run("--entrypoint=", rich)).status,
        "as JSON": await run("--entrypoint", '["echo","json"]', plain, "x"),
      };
    },
    user: async (e) => {
      const id = (...flags: string[]) => e.run(...flags, "--", "id");
      return {
        root: await id(),
        "by name": await id("-u", "other"),
        "by number": await id("-u", "1234"),
        "with a group": await id("-u", "other:video"),
        numbers: await id("-u", "12:34"),
        "only a group": await id("-u", ":44"),
        unknown: await id("-u", "nobody-here"),
        "unknown group": await id("-u", "other:nothing"),
        "more groups": await id("-u", "other", "--group-add", "video", "--group-add", "77"),
        "the image's": await e.see("run", "--rm", "--network=none", "--entrypoint=id", rich),
      };
    },
    "working directory": async (e) => ({
      "-w": await e.run("-w", "/etc", "--", "pwd"),
      "a new one": await e.run("-w", "/new/deep", ...sh("pwd; stat -c '%a %u %g' .")),
      relative: await e.run("-w", "relative", "--", "pwd"),
      "the image's": await e.see("run", "--rm", "--network=none", "--entrypoint=pwd", rich),
    }),
    capabilities: async (e) => {
      const caps = (...flags: string[]) => e.run(...flags, ...sh("grep Cap /proc/self/status"));
      return {
        usual: await caps(),
        none: await caps("--cap-drop=ALL"),
        one: await caps("--cap-drop=all", "--cap-add=net_raw"),
        "one more": await caps("--cap-drop=ALL", "--cap-add=CAP_SYS_TIME", "--cap-add=chown"),
        unknown: (await caps("--cap-add=NO_SUCH")).status,
        "of another user": await caps("--cap-drop=ALL", "--cap-add=CHOWN", "-u", "other"),
      };
    },
    "security options": async (e) => ({
      "no new privileges": await e.run(
        "--security-opt=no-new-privileges",
        ...sh("grep NoNewPrivs /proc/self/status"),
      ),
      "as usual": await e.run(...sh("grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status")),
      "no seccomp": await e.run(
        "--security-opt=seccomp=unconfined",
        ...sh("grep ^Seccomp: /proc/self/status"),
      ),
      "no such profile": (await e.run("--security-opt=seccomp=/nowhere", "--", "true")).status,
      "no labels": await e.run("--security-opt=label=disable", "--", "true"),
      unknown: (await e.run("--security-opt=no-such-thing", "--", "true")).status,
      "hidden paths": await e.run(...sh("cat /proc/kcore | wc -c; ls /proc/acpi /sys/firmware | wc -l")),
      "read-only paths": await e.run(...sh("echo 1 >/proc/sys/kernel/domainname; echo $?")),
    }),
    "names of the machine": async (e) => ({
      hostname: await e.run("-h", "box.example", "--", "hostname"),
      "is its ID": (await e.run("hostname")).stdout.replace(/^[0-9a-f]{12}$/m, "<short id>"),
      "with the host's": await e.run("--uts=host", "--hostname=x", "--", "true"),
      "more hosts": await e.run(
        "--network=bridge",
        "--add-host=peer:10.1.2.3",
        "--add-host=six:fd00::1",
        ...sh("grep -E 'peer|six' /etc/hosts"),
      ),
      "bad host": (await e.run("--add-host=nothing", "--", "true")).status,
      "name servers": await e.run(
        "--network=bridge",
        "--dns=10.9.8.7",
        "--dns-search=a.example",
        "--dns-option=ndots:3",
        "--",
        "cat",
        "/etc/resolv.conf",
      ),
    }),
    "limits of the kernel": async (e) => ({
      ulimit: await e.run(
        // Where one is said, podman raises the others beyond what not every root may.
        "--ulimit=nproc=1000:1000",
        "--ulimit=nofile=100:200",
        ...sh("ulimit -n; ulimit -Hn"),
      ),
      "unknown ulimit": (await e.run("--ulimit=nothing=1", "--", "true")).status,
      sysctl: await e.run(
        "--sysctl=net.ipv4.ip_unprivileged_port_start=7",
        "--",
        "cat",
        "/proc/sys/net/ipv4/ip_unprivileged_port_start",
      ),
      "the host's sysctl": (await e.run("--sysctl=kernel.pid_max=99999", "--", "true")).status,
      shm: await e.run("--shm-size=8m", ...sh("df -k /dev/shm | tail -n 1 | awk '{print $2}'")),
      "usual shm": await e.run(...sh("df -k /dev/shm | tail -n 1 | awk '{print $2}'")),
      "bad size": (await e.run("--shm-size=much", "--", "true")).status,
      "oom score": await e.run("--oom-score-adj=500", "--", "cat", "/proc/self/oom_score_adj"),
    }),
    "--init": async (e) => ({
      "is process 1": await e.run("--init", ...sh("test $$ != 1 && echo not me")),
      "the exit status": await e.run("--init", ...sh("exit 5")),
    }),
    "--read-only": async (e) => ({
      root: await e.run("--read-only", ...sh("touch /x; echo $?")),
      "/tmp": await e.run("--read-only", ...sh("touch /tmp/x; echo $?")),
      "/dev/shm": await e.run("--read-only", ...sh("touch /dev/shm/x; echo $?")),
      "a tmpfs": await e.run("--read-only", "--tmpfs=/t", ...sh("touch /t/x; echo $?")),
    }),
    "--tmpfs": async (e) => ({
      options: await e.run(
        "--tmpfs=/t:size=1m,mode=700",
        ...sh("stat -c %a /t; df -k /t | tail -n 1 | awk '{print $2}'"),
      ),
      usual: await e.run(
        "--tmpfs=/t",
        ...sh(
          "grep ' /t ' /proc/mounts | cut -d' ' -f4 | tr , '\\n' | grep -E '^(rw|noexec|nosuid|nodev)$' | sort; stat -c %a /t",
        ),
      ),
      "over the image's files": await e.run("--tmpfs=/home", "--", "ls", "/home"),
    }),
    devices: async (e) => ({
      one: await e.run(
        "--device=/dev/zero:/dev/nil:r",
        ...sh("dd if=/dev/nil bs=1 count=1 2>/dev/null | wc -c; stat -c '%t %T' /dev/nil"),
      ),
      "not there": (await e.run("--device=/dev/nothing-here", "--", "true")).status,
      "usual ones": await e.run(...sh("ls /dev | sort | grep -vE '^(console|core)$'")),
    }),
    namespaces: async (e) => ({
      "pid of its own": await e.run(...sh("echo $$")),
      "the host's pids": await e.run("--pid=host", ...sh("test $$ -gt 1; echo $?")),
      "no ipc": await e.run("--ipc=none", ...sh("test -e /dev/shm; echo $?")),
      "a bad mode": (await e.run("--pid=nonsense", "--", "true")).status,
      "a container that is not there": (await e.run("--pid=container:nobody", "--", "true")).status,
    }),
    "--privileged": async (e) => ({
      capabilities: await e.run(
        "--privileged",
        ...sh("grep -E '^(CapEff|Seccomp):' /proc/self/status | sed 's/\\t.*[^0].*/ some/'"),
      ),
      sysfs: await e.run("--privileged", ...sh("grep ' /sys ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1")),
    }),
    terminal: async (e) => ({
      "size and end of line": await e.terminal([
        "run",
        "--rm",
        "-it",
        "--network=none",
        plain,
        "sh",
        "-c",
        "tty; echo hi",
      ]),
      "a dialogue": await e.terminal(
        [
          "run",
          "--rm",
          "-it",
          "--network=none",
          plain,
          "sh",
          "-c",
          "stty -echo; echo ready; read x; echo got $x; exit 4",
        ],
        [[/ready/, "word\n"]],
      ),
      "without one": (await e.see("run", "--rm", "-t", "--network=none", plain, "test", "-t", "1")).status,
    }),
    "files that say who it is": async (e) => {
      const cid = join(e.directory, "cid");
      const first = await e.run("--cidfile", cid, "--", "true");
      const [there, length] = [existsSync(cid), existsSync(cid) ? readFileSync(cid, "utf8").length : 0];
      return { first, there, length, again: (await e.run("--cidfile", cid, "--", "true")).status };
    },
    names: async (e) => ({
      first: await e.see("create", "--name", "one", "--network=none", plain),
      second: await e.see("create", "--name", "one", "--network=none", plain),
      replaced: await e.see("run", "--replace", "--name", "one", "--network=none", plain, "echo", "new"),
    }),
    "in the background": async (e) => ({
      "says its ID": await e.see("run", "-d", "--name", "bg", "--network=none", plain, "sh", "-c", "exit 3"),
      wait: await e.see("wait", "bg"),
      "not found": await e.see("run", "-d", "--name", "bad", "--network=none", plain, "nothing"),
      stays: await e.see("inspect", "--format", "{{.State.Status}}", "bad"),
      "with --rm": await e.see("run", "-d", "--rm", "--name", "gone", "--network=none", plain, "true"),
      "is gone": await e.until(async () => (await e.see("inspect", "gone")).status !== 0),
    }),
    "a signal to its client": async (e) => ({
      "goes to the program": await e.shell(
        `$E run --name sig --network=none ${plain} ${waiting.map((word) => `'${word}'`).join(" ")} >out & p=$!; ` +
          "until grep -q up out; do sleep 0.1; done; kill -TERM $p; wait $p; echo status $?",
      ),
      "--sig-proxy=false": await e.shell(
        `$E run --sig-proxy=false --name sig2 --network=none ${plain} ${waiting.map((word) => `'${word}'`).join(" ")} >out2 & p=$!; ` +
          "until grep -q up out2; do sleep 0.1; done; kill -TERM $p; wait $p; $E inspect --format '{{.State.Status}}' sig2",
      ),
      left: await e.see("rm", "--force", "sig", "sig2").then(({ status }) => status),
    }),
    "flags that contradict each other": async (e) => ({
      "--rm and --restart": (await e.run("--restart=always", "--", "true")).status,
      "-p and container network": (await e.run("--network=container:x", "-p", "1:1", "--", "true")).status,
      "bad memory": (await e.run("--memory=nonsense", "--", "true")).status,
      "bad restart": (await e.see("create", "--restart=nonsense", plain)).status,
      "bad port": (await e.run("--network=bridge", "-p", "99999:1", "--", "true")).status,
      "bad volume": (await e.run("-v", "/a:/b:nonsense", "--", "true")).status,
      "bad signal": (await e.see("create", "--stop-signal=NONSENSE", plain)).status,
      "bad label": (await e.run("--label==x", "--", "true")).status,
    }),
  }),
];
