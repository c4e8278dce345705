import { RuntError } from "../../../errors.ts";
import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";
import { forEach } from "../../images.ts";

export default command({
  name: "rm",
  synopsis: "runt rm [options] <network> [<network>…]",
  summary: "remove networks that no container is on",
  source: "docker network rm",
  operands: ["network", "[network…]"],
  options: {
    force: { type: "boolean", short: "f", summary: "one that is not there is no error" },
  },
  async run(context, operands, { force }) {
    const { openNetworks } = await import("../../networks.ts");
    const networks = await openNetworks(await openEngine(context));
    return await forEach(operands, async (name) => {
      try {
        await networks.remove(name);
      } catch (error) {
        if (!force || !(error instanceof RuntError) || error.kind !== "NotFound") throw error;
        return;
      }
      context.print(`${name}\n`);
    });
  },
});
