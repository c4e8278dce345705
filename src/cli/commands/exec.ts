import { exitCodeOf } from "../../engine/exit-code.ts";
import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { environmentOf, environmentOptions } from "../container-flags/environment.ts";
import { ownSurroundings } from "../container-flags/surroundings.ts";
import { foregroundOptions } from "../foreground-options.ts";

/**
 * 1 where nothing was tried; 126 and 127 as a shell has them, and as docker has them for all else that is not there: a user
 * whom the container does not know, a directory that cannot be.
 */
function statusOfFailure(error: unknown): number {
  if (!(error instanceof RuntError)) return 1;
  if (error.kind === "InvalidArgument" && !["create", "attach"].includes(error.site.operation)) return 126;
  if (error.site.syscall === undefined) return 1;
  const status = exitCodeOf(error);
  return status !== 125 ? status : error.site.code === "ENOENT" ? 127 : 126;
}

export default command({
  name: "exec",
  synopsis: "runt exec [options] <container> <command> [args…]",
  summary: "run another program in a container",
  description: [
    "The program is in all of the container's namespaces, in its cgroup, and behind its seccomp filter. Options come before the container; what follows it is the program.",
    "The keys to detach leave it, and take its terminal away: it gets SIGHUP. What is to go on by itself is started with --detach.",
    "The exit status is the program's: 126 where it cannot be executed, or not as that user or in that directory, 127 where there is none of that name, 128 and a number where a signal has killed it; 1 where the container does not run.",
  ],
  examples: [
    ["runt exec -it web sh", "a shell"],
    ["runt exec -u www-data -w /srv web ls -l", "as somebody else, somewhere else"],
  ],
  source: "docker exec",
  operands: ["container", "command", "[args…]"],
  passesThrough: true,
  options: {
    detach: { type: "boolean", short: "d", summary: "do not wait for it" },
    interactive: { type: "boolean", short: "i", summary: "keep stdin open" },
    tty: { type: "boolean", short: "t", summary: "give it a terminal" },
    user: {
      type: "string",
      short: "u",
      value: "user[:group]",
      summary: "run it as somebody else, by name or number",
    },
    workdir: { type: "string", short: "w", value: "dir", summary: "its working directory" },
    ...environmentOptions,
    privileged: { type: "boolean", summary: "give it every capability" },
    detachKeys: foregroundOptions.detachKeys,
  },
  failureStatus: statusOfFailure,
  async run(context, [container, ...args], options) {
    const { runExec, startDetached } = await import("../exec-program.ts");
    const request = {
      args,
      env: environmentOf(options, ownSurroundings()),
      user: options.user,
      workingDir: options.workdir,
      privileged: options.privileged,
      tty: options.tty,
      stdin: options.interactive,
    };
    if (options.detach) return await startDetached(context, container!, request);
    return await runExec(context, container!, request, options.detachKeys);
  },
});
