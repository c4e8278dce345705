/** What the runtime tells of its containers. */
import { subject } from "../case.ts";

const pause = { process: { args: ["/probe", "--pause"] } };

export const state = subject("state", [
  { name: "of a created container", spec: "runtime.md#state", config: pause, steps: ["create @", "state @"] },
  {
    name: "of a running container",
    spec: "runtime.md#state",
    config: pause,
    steps: ["create @", "start @", "state @"],
  },
  {
    name: "of a paused container",
    spec: "runc-state(8)",
    config: pause,
    steps: ["create @", "start @", "pause @", "state @"],
  },
  {
    name: "of a stopped container: pid 0",
    spec: "runtime.md#state",
    config: pause,
    steps: ["create @", "start @", "kill @ KILL", "wait stopped", "state @"],
  },
  {
    name: "of what does not exist",
    spec: "runtime.md#query-state",
    steps: ["state @"],
    fails: true,
    says: "container does not exist",
  },
  {
    name: "has the annotations",
    spec: "runtime.md#state",
    config: { ...pause, annotations: { "com.example.key": "value", "com.example.empty": "" } },
    steps: ["create @", "state @"],
  },
  {
    name: "init killed by somebody else: stopped",
    spec: "runtime.md#state",
    config: pause,
    steps: ["create @", "start @", "sh kill -9 $PID", "wait stopped", "state @", "delete @"],
  },
  {
    name: "an older ociVersion is the state's",
    spec: "runtime.md#state",
    config: {
      ...pause,
      ociVersion: "1.0.0",
      hooks: {
        createRuntime: [
          { path: "/bin/sh", args: ["sh", "-c", 'grep -o \'"ociVersion":"[^"]*"\' > @DIR@/log'] },
        ],
      },
    },
    steps: ["create @", "sh cat $DIR/log"],
    as: "text",
  },
  { name: "list as JSON", spec: "runc-list(8)", config: pause, steps: ["create @", "list --format json"] },
  {
    name: "list of nothing",
    spec: "runc-list(8)",
    steps: ["sh mkdir $ROOT", "list --format json", "list --quiet"],
  },
  { name: "list of IDs", spec: "runc-list(8)", config: pause, steps: ["create @", "list --quiet"] },
  {
    name: "list in a format that does not exist",
    spec: "runc-list(8)",
    config: pause,
    steps: ["create @", "list --format yaml"],
    fails: true,
  },
  { name: "list with a root that does not exist", spec: "runc-list(8)", steps: ["list"], fails: true },
  {
    name: "ps as JSON",
    spec: "runc-ps(8)",
    config: pause,
    steps: ["create @", "start @", "ps --format json @"],
  },
  {
    name: "ps as JSON, of several processes",
    spec: "runc-ps(8)",
    config: { process: { args: ["/bin/sh", "-c", "sleep 100 & sleep 100"] } },
    steps: ["create @", "start @", "sh sleep 0.3", "ps --format json @"],
  },
  {
    name: "ps with options of ps(1)",
    spec: "runc-ps(8)",
    config: pause,
    steps: ["create @", "start @", "ps @ -o pid,comm"],
    as: "shape",
    without: ["stdout"],
  },
  {
    name: "ps of a stopped container",
    spec: "runc-ps(8)",
    config: { process: { args: ["/probe", "--exit", "0"] } },
    steps: ["create @", "start @", "wait stopped", "ps --format json @"],
  },
  {
    name: "ps of what does not exist",
    spec: "runc-ps(8)",
    steps: ["ps @"],
    fails: true,
    says: "container does not exist",
  },
  {
    name: "spec writes a configuration, once",
    spec: "runc-spec(8)",
    steps: ["spec", "sh cat $DIR/config.json", "spec"],
    fails: true,
  },
  { name: "spec --rootless", spec: "runc-spec(8)", steps: ["spec --rootless", "sh cat $DIR/config.json"] },
  {
    name: "features",
    spec: "features.md",
    steps: ["features"],
    without: ["annotations", "capabilities", "potentiallyUnsafe"],
  },
]);
