import { command } from "../command.ts";
import { changeableOptions } from "../container-flags/resources.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";

export default command({
  name: "update",
  synopsis: "runt update [options] <container> [<container>…]",
  summary: "give containers other limits, at once and for good",
  examples: [["runt update --memory 1g --cpus 2 web db", "for two of them"]],
  source: "docker update",
  operands: ["container", "[container…]"],
  options: {
    restart: { type: "string", value: "policy", summary: "no, on-failure[:<times>], always, unless-stopped" },
    ...changeableOptions,
  },
  async run(context, operands, { restart, ...options }) {
    const [{ changeableOf }, { restartPolicy }, { UsageError }] = await Promise.all([
      import("../container-flags/resources.ts"),
      import("../container-flags/lifecycle.ts"),
      import("../usage-error.ts"),
    ]);
    const said = Object.entries(changeableOf(options)).filter(([, value]) => value !== undefined);
    if (said.length === 0 && restart === undefined)
      throw new UsageError("you must provide one or more flags");
    const changes = {
      resources: Object.fromEntries(said),
      ...(restart !== undefined && { restart: restartPolicy("--restart", restart) }),
    };
    const engine = await openEngine(context);
    return await forEach(operands, async (container) => {
      await engine.update(container, changes);
      context.print(`${container}\n`);
    });
  },
});
