import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "create",
  synopsis: "runt create [options] <name>",
  summary: "make a network; its containers find each other by name",
  examples: [
    ["runt network create --subnet 10.99.0.0/24 --gateway 10.99.0.1 web", "with addresses of one's own"],
    ["runt network create --internal db", "nothing gets out of it or in"],
    ["runt network create -d macvlan --subnet 192.168.1.0/24 -o parent=eth0 lan", "on a link of the host"],
    ["runt network create -d cni --cni-config ./10-net.conflist plug", "by CNI plugins"],
  ],
  source: "docker network create; podman-network-create(1)",
  operands: ["name"],
  options: {
    driver: {
      type: "choice",
      short: "d",
      value: "driver",
      choices: ["bridge", "macvlan", "ipvlan", "cni"],
      default: "bridge",
      summary: "who makes it",
    },
    subnet: { type: "strings", value: "cidr", summary: "its addresses: 10.99.0.0/24, fd00:1::/64" },
    gateway: { type: "strings", value: "ip", summary: "the host's address in the subnet" },
    ipRange: {
      type: "strings",
      value: "cidr",
      summary: "containers get their addresses from this part of the subnet",
    },
    ipv6: { type: "boolean", summary: "IPv6 too" },
    internal: { type: "boolean", summary: "nothing gets out of it or in" },
    opt: {
      type: "strings",
      short: "o",
      value: "name=value",
      summary:
        "mtu, isolate, icc, masquerade, bridge.name, parent, mode; docker's and podman's names of them too",
    },
    label: { type: "strings", value: "name[=value]", summary: "say something about it" },
    dns: {
      type: "strings",
      value: "ip",
      summary: "whom its containers' names are asked that nobody here has",
    },
    disableDns: { type: "boolean", summary: "containers do not find each other by name" },
    cniConfig: {
      type: "string",
      value: "file",
      summary: "for the driver cni: a configuration, or a list of them",
    },
    attachable: { type: "boolean", summary: "taken for docker's sake", hidden: true },
  },
  async run(context, [name], options) {
    const { networkOptions, openNetworks } = await import("../../networks.ts");
    const request = networkOptions(name!, options);
    const networks = await openNetworks(await openEngine(context));
    context.print(`${(await networks.create(request)).id}\n`);
    return 0;
  },
});
