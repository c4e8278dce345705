import { execFileSync } from "node:child_process";
import { describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { Script } from "../support/script.ts";

const asRoot = needs("root", "program:ip");

/** One line of what `move` below prints. */
interface Moved {
  readonly device: string;
  readonly code: string | null;
  readonly message: string;
}

interface LinkReport {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
  }[];
}

/**
 * In a network namespace of the test's own: runs `setup`, makes a second namespace and runs `inTarget` in it, and
 * moves devices there as `moves` says ("name" or "name=new name").
 */
function move(
  setup: string,
  moves: readonly string[],
  inTarget = "true",
): { moved: Moved[]; links: LinkReport[] } {
  using program = new Script(`
    import { moveNetworkDevice } from "./src/linux/netdevice.ts";
    for (const word of process.argv.slice(3)) {
      const [device, name = device] = word.split("=");
      try {
        moveNetworkDevice(device, name, Number(process.argv[2]));
        console.log(JSON.stringify({ device, code: null, message: "" }));
      } catch (error) {
        console.log(JSON.stringify({ device, code: error.code, message: error.message }));
      }
    }`);
  const script = `set -e
    ${setup}
    unshare --net sleep 60 </dev/null >/dev/null & target=$!
    trap 'kill $target' EXIT
    while [ "$(readlink /proc/$target/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
    nsenter --net=/proc/$target/ns/net sh -c '${inTarget}'
    "$NODE" "$PROGRAM" $target "$@"
    nsenter --net=/proc/$target/ns/net ip -j addr`;
  const env = { ...process.env, NODE: process.execPath, PROGRAM: program.path };
  const output = execFileSync("unshare", ["--net", "sh", "-c", script, "sh", ...moves], {
    env,
    encoding: "utf8",
    timeout: 100_000,
  });
  const lines = output.trim().split("\n");
  return {
    moved: lines.slice(0, -1).map((line) => JSON.parse(line) as Moved),
    links: JSON.parse(lines.at(-1)!) as LinkReport[],
  };
}

const pair = "ip link add va type veth peer name vb; ip link set vb up";

function named(links: readonly LinkReport[], name: string): LinkReport {
  const link = links.find(({ ifname }) => ifname === name);
  if (!link) throw new Error(`no ${name} among ${links.map(({ ifname }) => ifname).join(", ")}`);
  return link;
}

function addressesOf(link: LinkReport): string[] {
  return link.addr_info
    .filter(({ scope }) => scope === "global")
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

describe("moveNetworkDevice — runtime-spec config-linux.md#network-devices", () => {
  asRoot("takes the device with its name, MTU and global addresses, and sets it up", () => {
    const addresses = ["10.9.8.1/24 brd +", "fd00:1::5/64"]
      .map((address) => `ip addr add ${address} dev va`)
      .join("; ");
    const { moved, links } = move(`${pair}; ip link set va mtu 1400 up; ${addresses}`, ["va"]);
    expect(moved).toEqual([{ device: "va", code: null, message: "" }]);
    const link = named(links, "va");
    expect(addressesOf(link).sort()).toEqual(["10.9.8.1/24", "fd00:1::5/64"]);
    expect(link.flags).toContain("UP");
    expect(link.mtu).toBe(1400);
  });

  asRoot("addresses that are no global ones stay behind", () => {
    const { links } = move(`${pair}; ip addr add 169.254.7.7/16 scope link dev va; ip link set va up`, [
      "va",
    ]);
    expect(named(links, "va").addr_info.filter(({ family }) => family === "inet")).toEqual([]);
  });

  asRoot("gives it another name", () => {
    const { links } = move(pair, ["va=net0"]);
    expect(links.map(({ ifname }) => ifname)).toEqual(["lo", "net0"]);
  });

  asRoot("%d becomes the first free number", () => {
    const { moved, links } = move(`${pair}; ip addr add 10.9.8.1/24 dev va`, ["va=eth%d", "vb=eth%d"]);
    expect(moved.map(({ code }) => code)).toEqual([null, null]);
    expect(links.map(({ ifname }) => ifname).sort()).toEqual(["eth0", "eth1", "lo"]);
    expect(addressesOf(named(links, "eth0"))).toEqual(["10.9.8.1/24"]);
  });

  asRoot("an index that is taken there does not matter", () => {
    const { moved, links } = move(
      `${pair}; ip addr add 10.9.8.1/24 dev va`,
      ["va"],
      "ip link add x1 type veth peer name x2",
    );
    expect(moved).toEqual([{ device: "va", code: null, message: "" }]);
    expect(addressesOf(named(links, "va"))).toEqual(["10.9.8.1/24"]);
  });

  asRoot("ENODEV for a device that is not there", () => {
    const { moved } = move(pair, ["nope"]);
    expect(moved).toEqual([{ device: "nope", code: "ENODEV", message: "RTM_GETLINK nope: no such device" }]);
  });

  asRoot("EEXIST for a name that is taken there, and the device stays where it is", () => {
    const { moved, links } = move(pair, ["va=lo", "va=free"]);
    expect(moved[0]).toEqual({ device: "va", code: "EEXIST", message: "RTM_NEWLINK va -> lo: file exists" });
    expect(moved[1]!.code).toBeNull();
    expect(links.map(({ ifname }) => ifname)).toEqual(["lo", "free"]);
  });

  asRoot("the kernel's own words for a device that cannot leave", () => {
    const { moved } = move("ip link set lo up", ["lo=lo2"]);
    expect(moved[0]!.code).toBe("EINVAL");
    expect(moved[0]!.message).toMatch(/^RTM_NEWLINK lo: invalid argument/);
  });

  asRoot("refused where the target is our own namespace", async () => {
    const { moveNetworkDevice } = await import("../../src/linux/netdevice.ts");
    expect(() => moveNetworkDevice("lo", "lo", process.pid)).toThrow(
      "its own network namespace: invalid argument",
    );
  });
});
