/** What `info` shows: the machine and the engine on it, under docker's names. */
import { readFileSync } from "node:fs";
import { availableParallelism, machine, totalmem } from "node:os";
import type { Engine } from "../engine/engine.ts";
import { hostName, kernelRelease } from "../linux/uname.ts";
import { humanSize } from "./human.ts";
import { version } from "./version.ts";

export async function engineInfo(engine: Engine) {
  const [containers, images, cgroupControllers] = await Promise.all([
    engine.list({ all: true }),
    engine.images().then((store) => store.list()),
    controllers(),
  ]);
  const count = (...words: readonly string[]) =>
    containers.filter(({ status }) => words.includes(status)).length;
  const { layout, runtime } = engine.context;
  return {
    ID: machineId(),
    Containers: containers.length,
    ContainersRunning: count("running", "restarting"),
    ContainersPaused: count("paused"),
    ContainersStopped: count("created", "exited", "dead"),
    Images: new Set(images.map(({ id }) => id)).size,
    Driver: "overlay",
    LoggingDriver: "json-file",
    CgroupDriver: runtime.cgroupManager,
    CgroupVersion: "2",
    CgroupControllers: cgroupControllers,
    SecurityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"],
    DefaultRuntime: "runt",
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "none", "macvlan", "ipvlan", "cni"],
      Log: ["json-file", "none"],
    },
    KernelVersion: kernelRelease(),
    OperatingSystem: operatingSystem(),
    OSType: "linux",
    Architecture: machine(),
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    DockerRootDir: layout.root,
    RunRoot: layout.runRoot,
    Name: hostName(),
    ServerVersion: version,
    NodeVersion: process.versions.node,
    Rootless: process.geteuid?.() !== 0,
    LiveRestoreEnabled: true,
  };
}

export type EngineInfo = Awaited<ReturnType<typeof engineInfo>>;

/** None where the host's hierarchy is not cgroup v2. */
async function controllers(): Promise<readonly string[]> {
  const { hierarchy } = await import("../runtime/cgroup/hierarchy.ts");
  try {
    return [...hierarchy().controllers];
  } catch {
    return [];
  }
}

function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** @see os-release(5) */
function operatingSystem(): string {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}

/** For people. */
export function infoText(info: EngineInfo): string {
  const list = (words: readonly string[]) => (words.length > 0 ? words.join(" ") : "none");
  const rows: readonly (readonly [name: string, value: string | number])[] = [
    ["runt", `${info.ServerVersion} (Node ${info.NodeVersion})`],
    ["Containers", info.Containers],
    [" Running", info.ContainersRunning],
    [" Paused", info.ContainersPaused],
    [" Stopped", info.ContainersStopped],
    ["Images", info.Images],
    ["Storage Driver", info.Driver],
    ["Logging Driver", info.LoggingDriver],
    ["Cgroup Driver", info.CgroupDriver],
    ["Cgroup Version", info.CgroupVersion],
    ["Cgroup Controllers", list(info.CgroupControllers)],
    ["Networks", list(info.Plugins.Network)],
    ["Security Options", list(info.SecurityOptions)],
    ["Kernel Version", info.KernelVersion],
    ["Operating System", info.OperatingSystem],
    ["Architecture", info.Architecture],
    ["CPUs", info.NCPU],
    ["Total Memory", humanSize(info.MemTotal)],
    ["Name", info.Name],
    ["Root Dir", info.DockerRootDir],
    ["Run Dir", info.RunRoot],
    ["Rootless", String(info.Rootless)],
  ];
  return rows.map(([name, value]) => `${name}: ${value}\n`).join("");
}
