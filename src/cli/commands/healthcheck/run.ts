import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "run",
  synopsis: "runt healthcheck run <container>",
  summary: "run a container's health check now",
  description: [
    "The exit status is 0 where the check succeeds, 1 where it fails, and 125 where there is none or the container does not run. What comes of it counts like any other check, for the status in ps and inspect too.",
  ],
  source: "podman-healthcheck-run(1)",
  operands: ["container"],
  options: {},
  failureStatus: 125,
  async run(context, [container]) {
    const engine = await openEngine(context);
    const { healthy } = await engine.healthCheck(container!);
    if (!healthy) context.print("unhealthy\n");
    return healthy ? 0 : 1;
  },
});
