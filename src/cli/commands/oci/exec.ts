import { RuntError } from "../../../errors.ts";
import { command } from "../../command.ts";
import { consoleSocket, exitStatus, pidFile, pidfdSocket, preserveFds } from "./options.ts";

export default command({
  name: "exec",
  synopsis:
    "runt-oci exec [options] <container-id> <command> [args…]\nrunt-oci exec [options] --process <file> <container-id>",
  summary: "run another process in a running container",
  description: [
    "The process is like the container's own in everything that no option changes. Options come before the container id; what follows it is the command. The exit status is that of the process, 128 and the signal that killed it, or 255 when it could not be run.",
  ],
  examples: [
    ["runt-oci exec web-1 ps aux", "in the container web-1"],
    ["runt-oci exec -t -e TERM=xterm web-1 sh", "a shell with a terminal of its own"],
  ],
  source: "flags as in runc-exec(8)",
  operands: ["container-id", "[args…]"],
  passesThrough: true,
  options: {
    consoleSocket,
    pidfdSocket,
    cwd: { type: "string", value: "dir", summary: "working directory in the container" },
    env: { type: "strings", short: "e", value: "name=value", summary: "set an environment variable" },
    tty: { type: "boolean", short: "t", summary: "give the process a terminal" },
    user: { type: "string", short: "u", value: "uid[:gid]", summary: "run as this user" },
    additionalGids: { type: "strings", short: "g", value: "gid", summary: "add a group" },
    process: {
      type: "string",
      short: "p",
      value: "file",
      summary: "read the whole process from a JSON file, as in config.json",
    },
    detach: { type: "boolean", short: "d", summary: "leave the process running in the background" },
    pidFile,
    processLabel: { type: "string", value: "label", summary: "SELinux label of the process" },
    apparmor: { type: "string", value: "profile", summary: "AppArmor profile of the process" },
    noNewPrivs: { type: "boolean", summary: "the process can gain no privileges by execve" },
    cap: { type: "strings", short: "c", value: "capability", summary: "add a capability" },
    preserveFds,
    cgroup: {
      type: "strings",
      value: "[controller,…:]path",
      summary: "run in this existing cgroup below the container's",
    },
    dieWithParent: {
      type: "boolean",
      summary: "the process is killed when this command is",
      hidden: true,
    },
    giveStdio: {
      type: "boolean",
      summary: "pipes among its stdio were made for it: its user gets them",
      hidden: true,
    },
    ignorePaused: {
      type: "boolean",
      summary: "also into a paused container; the process runs when it resumes",
    },
  },
  failure: "exec failed",
  failureStatus: 255,
  async run(context, [id, ...args], { additionalGids, cap, ...options }) {
    if (options.process === undefined && args.length === 0) {
      throw new RuntError("InvalidArgument", "process args cannot be empty", { operation: "exec" });
    }
    const { exec } = await import("../../../runtime/index.ts");
    const status = await exec(context, id!, {
      ...options,
      args,
      additionalGids: additionalGids.map(gid),
      capabilities: cap,
    });
    return exitStatus(status);
  },
});

function gid(text: string): number {
  if (!/^\d+$/.test(text)) {
    throw new RuntError("InvalidArgument", `invalid group id ${JSON.stringify(text)}`, { operation: "exec" });
  }
  return Number(text);
}
