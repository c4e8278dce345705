import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { foregroundOptions } from "../foreground-options.ts";
import { brokenPipeStatus } from "../output.ts";

export default command({
  name: "attach",
  synopsis: "runt attach [options] <container>",
  summary: "join a running container's streams",
  description: [
    "Any number of clients may be attached to one container: all see its output, and what any of them types is its input. The keys to detach leave a container with a terminal as it is.",
    "The exit status is the container's.",
  ],
  examples: [["runt attach --no-stdin web", "only look"]],
  source: "docker attach",
  operands: ["container"],
  options: {
    noStdin: { type: "boolean", summary: "do not give it our input" },
    ...foregroundOptions,
  },
  async run(context, [container], { noStdin, sigProxy, detachKeys }) {
    const [{ bridge, checkTerminal, detachKeysOf, terminalSize }, { Signals }] = await Promise.all([
      import("../foreground.ts"),
      import("../signals.ts"),
    ]);
    const keys = detachKeysOf(detachKeys);
    const engine = await openEngine(context);
    const { id, request } = await engine.find(container!, "attach");
    const { tty } = request;
    const stdin = !noStdin && request.stdin !== "none";
    checkTerminal(tty, stdin);
    using attached = await engine.attach(id, { stdin, stdout: true, stderr: !tty, whenSlow: "wait" });
    const { attachment, resize } = attached;
    using signals = new Signals();
    if (tty || !sigProxy) signals[Symbol.dispose]();
    else signals.forward((signal) => void engine.kill(id, signal).catch(() => {}));
    const size = tty ? terminalSize() : undefined;
    // So that a program that draws draws everything anew, as docker does it.
    if (size) {
      // It may end just now, which is said elsewhere.
      await resize(size.height + 1, size.width).catch(() => {});
      await resize(size.height, size.width).catch(() => {});
    }
    const how = await bridge(attachment, { tty, detachKeys: keys, resize });
    if (how === "detached") return 0;
    if (how === "closed") return brokenPipeStatus;
    return await statusOf(attachment, () => engine.wait(id));
  },
});

/** From the monitor, since with --rm the container may be gone by now. */
async function statusOf(
  { exited }: { readonly exited: Promise<import("../../engine/monitor/records.ts").MonitorExit> },
  wait: () => Promise<number>,
): Promise<number> {
  const exit = await exited.catch(() => undefined);
  if (!exit) return await wait();
  const { exitCode } = await import("../../runtime/create/exit-status.ts");
  return exit.executed ? exitCode(exit.status) : exit.error === "ENOENT" ? 127 : 126;
}
