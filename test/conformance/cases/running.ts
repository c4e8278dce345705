/** exec, update and events: what is done to a container that runs. */
import { type Case, subject } from "../case.ts";

const pause = { process: { args: ["/probe", "--pause"] } };
const running = ["create @", "start @"];

function exec(name: string, words: string | readonly string[], more: Partial<Case> = {}): Case {
  const step = typeof words === "string" ? `exec ${words}` : ["exec", ...words];
  return {
    name,
    spec: "runc-exec(8)",
    config: pause,
    ...more,
    steps: [...running, ...(more.steps ?? []), step],
  };
}
const json = (value: object): string =>
  JSON.stringify({ args: ["/probe"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 }, ...value });

export const execs = subject("exec", [
  exec("the probe", "@ /probe"),
  exec("exits with its status", "@ /probe --exit 9", { fails: true }),
  exec("killed by a signal", ["@", "/bin/sh", "-c", "kill -KILL $$"], { fails: true }),
  exec("--cwd", "--cwd /tmp @ /probe"),
  exec("--env", "--env A=1 --env PATH=/bin @ /probe"),
  exec("--user", "--user 5:6 @ /probe"),
  exec("--user without a group", "--user 5 @ /probe"),
  exec("--user with a name is refused", "--user root @ /probe", { fails: true }),
  exec("--additional-gids", "--additional-gids 7 --additional-gids 8 @ /probe"),
  exec("--cap", "--cap CAP_KILL @ /probe"),
  exec("--no-new-privs", "--no-new-privs @ /probe"),
  exec("--process", "--process @DIR@/process.json @", {
    beside: { "process.json": json({ env: ["X=1"], user: { uid: 3, gid: 4 } }) },
  }),
  exec("--process with capabilities and limits", "--process @DIR@/process.json @", {
    beside: {
      "process.json": json({
        capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 50, hard: 60 }],
        noNewPrivileges: true,
        oomScoreAdj: 200,
      }),
    },
  }),
  exec("--process that does not exist", "--process @DIR@/missing @", { fails: true }),
  exec("--process that is wrong", "--process @DIR@/process.json @", {
    beside: { "process.json": '{"args":[]}' },
    fails: true,
  }),
  exec("of a program that does not exist: 255", "@ /missing", {
    fails: true,
    says: "no such file or directory",
  }),
  exec("of a program that is not on PATH: 255", "@ missing", {
    fails: true,
    says: "executable file not found in $PATH",
  }),
  exec("of a program that may not be executed: 255", "@ /etc/plain", {
    files: { "etc/plain": "" },
    fails: true,
    says: "permission denied",
  }),
  exec("without a program", "@", { fails: true }),
  exec("options after the ID are the program's", "@ /bin/echo --cwd /tmp"),
  exec("--detach", "--detach --pid-file @DIR@/pid @ /bin/sleep 100"),
  exec("--tty without a console socket, detached, is refused", "--detach --tty @ /probe", { fails: true }),
  exec("--tty with a console socket", "--detach --tty --console-socket @CONSOLE@ @ /probe", {}),
  exec("in a paused container is refused", "@ /probe", { steps: ["pause @"], fails: true, says: "paused" }),
  exec("--cgroup that climbs is refused", "--cgroup ../x @ /probe", { fails: true }),
  exec("--cgroup that does not exist is refused", "--cgroup /missing @ /probe", { fails: true }),
  exec("the container's user, directory, limits and capabilities", "@ /probe", {
    config: {
      process: {
        args: ["/probe", "--pause"],
        cwd: "/tmp",
        user: { uid: 9, gid: 10, umask: 0o27, additionalGids: [11] },
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 70, hard: 80 }],
        capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
        noNewPrivileges: true,
        oomScoreAdj: 100,
      },
    },
  }),
  exec("the container's filter", ["@", "/bin/sh", "-c", "mkdir /tmp/x; echo $?"], {
    config: {
      ...pause,
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
        },
      },
    },
    steps: ["exec @ /probe"],
  }),
  exec("the container's user namespace", "@ /probe", {
    config: {
      ...pause,
      linux: {
        namespaces: ["pid", "mount", "ipc", "uts", "network", "cgroup", "user"].map((type) => ({ type })),
        uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
        gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
      },
    },
    without: ["mounts"],
  }),
  {
    name: "in a created container",
    spec: "runc-exec(8)",
    config: pause,
    steps: ["create @", "exec @ /probe"],
    without: ["ppid"],
  },
  {
    name: "in a stopped container is refused",
    spec: "runc-exec(8)",
    config: { process: { args: ["/probe", "--exit", "0"] } },
    steps: [...running, "wait stopped", "exec @ /probe"],
    fails: true,
    says: "cannot exec in a stopped container",
  },
  {
    name: "in what does not exist",
    spec: "runc-exec(8)",
    steps: ["exec @ /probe"],
    fails: true,
    says: "container does not exist",
  },
]);

export const events = subject("events", [
  {
    name: "--stats",
    spec: "runc-events(8)",
    config: pause,
    steps: [...running, "events --stats @"],
    as: "shape",
  },
  {
    name: "--stats of a stopped container is refused",
    spec: "runc-events(8)",
    config: { process: { args: ["/probe", "--exit", "0"] } },
    steps: [...running, "wait stopped", "events --stats @"],
    fails: true,
  },
  {
    name: "an interval of zero is refused",
    spec: "runc-events(8)",
    config: pause,
    steps: [...running, "events --interval 0s @"],
    fails: true,
  },
]);
