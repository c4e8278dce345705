import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { bracketed } from "../published.ts";

export default command({
  name: "port",
  synopsis: "runt port <container> [<port>[/<protocol>]]",
  summary: "show where the ports of a container are published",
  examples: [["runt port web 80", "the address of the host that leads to port 80"]],
  source: "docker port",
  operands: ["container", "[port]"],
  options: {},
  async run(context, [container, port]) {
    const engine = await openEngine(context);
    const { NetworkSettings } = await engine.inspect(container!);
    const published = Object.entries(NetworkSettings.Ports).flatMap(([name, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => ({ name, address: `${bracketed(HostIp)}:${HostPort}` })),
    );
    if (port === undefined) {
      context.print(published.map(({ name, address }) => `${name} -> ${address}\n`).join(""));
      return 0;
    }
    const wanted = port.includes("/") ? port.toLowerCase() : `${port}/tcp`;
    const found = published.filter(({ name }) => name === wanted);
    if (found.length === 0) {
      const what = `no public port '${wanted}' published for ${container}`;
      throw new RuntError("NotFound", what, { operation: "port", subject: `container ${container}` });
    }
    context.print(found.map(({ address }) => `${address}\n`).join(""));
    return 0;
  },
});
