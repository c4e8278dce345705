/** Hooks: when they run, in which namespaces, with which state, and what their failure does. */
import { type Case, subject } from "../case.ts";

const kinds = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
const sh = (script: string, more: object = {}) => ({ path: "/bin/sh", args: ["sh", "-c", script], ...more });
/** In the container there is no @DIR@. */
const log = (kind: string): string => (kind === "startContainer" ? "/tmp/log" : "@DIR@/log");
const life = ["create @", "start @", "sh sleep 0.2", "kill @ KILL", "wait stopped", "delete @"];
const read = (kind: string): string =>
  `sh cat $DIR/${kind === "startContainer" ? "bundle/rootfs/tmp/log" : "log"}`;
const pause = { process: { args: ["/probe", "--pause"] } };
const spec = "config.md#posix-platform-hooks";

const perKind = (what: (kind: (typeof kinds)[number]) => Case): Case[] => kinds.map(what);

export const hooks = subject("hooks", [
  ...perKind((kind) => ({
    name: `${kind} gets the state`,
    spec,
    config: { ...pause, annotations: { a: "b" }, hooks: { [kind]: [sh(`cat > ${log(kind)}`)] } },
    steps: [...life, read(kind)],
  })),
  ...perKind((kind) => ({
    name: `${kind} has the environment that it is given, and no other`,
    spec,
    config: {
      ...pause,
      hooks: { [kind]: [sh(`/bin/busybox env > ${log(kind)}`, { env: ["A=1", "B=x y"] })] },
    },
    steps: [...life, read(kind)],
  })),
  ...perKind((kind) => ({
    name: `${kind} without an environment`,
    spec,
    config: {
      ...pause,
      process: { args: ["/probe", "--pause"], env: ["PATH=/bin", "P=1"] },
      hooks: { [kind]: [sh(`/bin/busybox env > ${log(kind)}`)] },
    },
    steps: [...life, read(kind)],
  })),
  ...perKind((kind) => ({
    name: `${kind} that fails`,
    spec: "runtime.md#lifecycle",
    config: {
      ...pause,
      hooks: {
        [kind]: [sh("exit 3")],
        ...(kind === "poststop" ? {} : { poststop: [sh("echo poststop >> @DIR@/log")] }),
      },
    },
    steps: ["create @", "start @", "sh sleep 0.2", "state @", "delete --force @", "sh cat $DIR/log"],
    fails: true as const,
  })),
  ...perKind((kind) => ({
    name: `${kind} in the order listed; a failure ends it`,
    spec,
    config: {
      ...pause,
      hooks: { [kind]: [sh(`echo 1 >> ${log(kind)}`), sh("exit 1"), sh(`echo 3 >> ${log(kind)}`)] },
    },
    steps: ["create @", "start @", "sh sleep 0.2", "delete --force @", read(kind)],
    // The container is gone whatever a poststop hook says.
    ...(kind === "poststop" ? {} : { fails: true as const }),
  })),
  {
    name: "all of them, in order",
    spec: "runtime.md#lifecycle",
    config: {
      ...pause,
      hooks: Object.fromEntries(
        kinds
          .filter((kind) => kind !== "startContainer")
          .map((kind) => [kind, [sh(`echo ${kind} >> @DIR@/log`)]]),
      ),
    },
    steps: [
      "create @",
      "sh cat $DIR/log; echo created >> $DIR/log",
      "start @",
      "sh echo started >> $DIR/log; sleep 0.2",
      "kill @ KILL",
      "wait stopped",
      "delete @",
      "sh cat $DIR/log",
    ],
  },
  {
    name: "a hook that takes too long is killed",
    spec,
    config: { ...pause, hooks: { createRuntime: [sh("exec sleep 100", { timeout: 1 })] } },
    steps: ["create @", "state @"],
    fails: true,
  },
  {
    name: "argv[0] as it is given",
    spec,
    config: {
      ...pause,
      hooks: { createRuntime: [{ path: "/bin/sh", args: ["renamed", "-c", "echo $0 > @DIR@/log", "zero"] }] },
    },
    steps: ["create @", "sh cat $DIR/log"],
  },
  {
    name: "without args",
    spec,
    config: { ...pause, hooks: { createRuntime: [{ path: "/bin/true" }] } },
    steps: ["create @"],
  },
  {
    name: "createContainer is in the mount namespace, before pivot_root",
    spec,
    config: {
      ...pause,
      hooks: { createContainer: [sh("readlink /proc/self/ns/mnt > @DIR@/log; pwd >> @DIR@/log")] },
    },
    steps: [
      "create @",
      'sh [ "$(head -n 1 $DIR/log)" != "$(readlink /proc/self/ns/mnt)" ]; echo $?; tail -n 1 $DIR/log',
    ],
  },
  {
    name: "createRuntime is in the runtime's namespaces",
    spec,
    config: {
      ...pause,
      hooks: { createRuntime: [sh("readlink /proc/self/ns/mnt > @DIR@/log; pwd >> @DIR@/log")] },
    },
    steps: [
      "create @",
      'sh [ "$(head -n 1 $DIR/log)" = "$(readlink /proc/self/ns/mnt)" ]; echo $?; tail -n 1 $DIR/log',
    ],
  },
  {
    name: "what a failing hook says is in the error",
    spec: "runc",
    config: { ...pause, hooks: { createRuntime: [sh("echo some-words >&2; exit 1")] } },
    steps: ["create @"],
    fails: true,
    says: "some-words",
  },
]);
