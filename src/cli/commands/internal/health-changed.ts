import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "health-changed",
  synopsis: "runt health-changed <container-id> <status>",
  summary: "record that a container has got healthy or unhealthy",
  source: "what a monitor runs after a health check",
  operands: ["container-id", "status"],
  options: {},
  async run(context, [id, status]) {
    const engine = await openEngine(context);
    await engine.healthChanged(id!, status === "healthy" ? "healthy" : "unhealthy");
    return 0;
  },
});
