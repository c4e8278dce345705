import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "connect",
  synopsis: "runt connect [options] <network> <container>",
  summary: "put a container on one more network",
  source: "docker network connect",
  operands: ["network", "container"],
  options: {
    alias: { type: "strings", value: "name", summary: "another name that it has there" },
    ip: { type: "string", value: "ip", summary: "its address there" },
    ip6: { type: "string", value: "ip", summary: "its IPv6 address there" },
  },
  async run(context, [network, container], { alias, ip, ip6 }) {
    const engine = await openEngine(context);
    await engine.connect(container!, {
      network: network!,
      aliases: alias,
      ipv4: ip,
      ipv6: ip6,
      mac: undefined,
    });
    return 0;
  },
});
