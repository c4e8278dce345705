/** What a network may be, and what it becomes. The machine is asked for its routes only. */
import { describe, expect, test } from "vitest";
import { networkContext } from "../../../src/engine/network/context.ts";
import type { Network } from "../../../src/engine/network/network.ts";
import { defineNetwork, type NetworkOptions } from "../../../src/engine/network/network-options.ts";
import { overlaps, parseCidr } from "../../../src/linux/inet-address.ts";

const context = networkContext({ root: "/nowhere", instance: "runt" });
const define = (options: NetworkOptions, existing: Parameters<typeof defineNetwork>[2] = []) =>
  defineNetwork(context, options, existing);

describe("network create", () => {
  test("subnets are chosen one after the other, and never overlap what is there", () => {
    const made: Network[] = [];
    for (let i = 0; i < 4; i++) made.push(define({ name: `n${i}`, ipv6: i === 3 }, made));
    const fixed = define({ name: "fixed", subnets: [{ subnet: "10.127.200.99/24" }] }, made);
    expect(fixed.subnets).toEqual([{ subnet: "10.127.200.0/24", gateway: "10.127.200.1", ipRange: "" }]);
    const chosen = [...made, fixed].map(({ subnets }) => parseCidr(subnets[0]!.subnet)!.subnet);
    for (const [i, subnet] of chosen.entries()) {
      expect(chosen.filter((other, j) => j !== i && overlaps(subnet, other))).toEqual([]);
    }
    expect(made[0]!.subnets[0]!.subnet).toMatch(/^10\.\d+\.\d+\.0\/24$/);
    expect(made[3]!.subnets[1]!.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(define({ name: "bridge" }).subnets[0]!.subnet).toMatch(/^10\.\d+\.0\.0\/16$/);
  });

  test("options have the names of docker and of podman", () => {
    const options = {
      "com.docker.network.driver.mtu": "9000",
      "com.docker.network.bridge.enable_icc": "false",
      "com.docker.network.bridge.enable_ip_masquerade": "false",
      "com.docker.network.bridge.name": "mybridge",
      isolate: "strict",
    };
    expect(define({ name: "a", options })).toMatchObject({
      mtu: 9000,
      icc: false,
      masquerade: false,
      link: "mybridge",
      isolate: true,
      dns: true,
      options,
    });
    expect(define({ name: "bridge" })).toMatchObject({ link: "runt0", dns: false });
  });

  test.each<[Partial<NetworkOptions>, string]>([
    [{ name: "host" }, "is a network mode"],
    [{ name: "a b" }, "must match"],
    [{ name: "x".repeat(81) }, "with 80 characters at most"],
    [{ driver: "overlay" as never }, "unknown driver overlay"],
    [{ options: { what: "1" } }, "unknown option what"],
    [{ options: { mtu: "12" } }, "mtu 12: 68 to 65535"],
    [{ options: { isolate: "maybe" } }, "isolate=maybe: true or false"],
    [{ options: { "bridge.name": "a/b" } }, "cannot be the name of a link"],
    [{ subnets: [{ subnet: "10.0.0.0" }] }, "10.0.0.0 is no subnet"],
    [{ subnets: [{ subnet: "10.0.0.0/32" }] }, "has no room, or too much"],
    [{ subnets: [{ subnet: "10.9.0.0/24", gateway: "10.9.1.1" }] }, "gateway 10.9.1.1 is not in 10.9.0.0/24"],
    [
      { subnets: [{ subnet: "10.9.0.0/24", ipRange: "10.9.1.0/28" }] },
      "range 10.9.1.0/28 is not in 10.9.0.0/24",
    ],
    [{ nameservers: ["name"] }, "nameserver name is no address"],
    [{ driver: "macvlan" }, "driver macvlan needs the option parent"],
    [{ driver: "macvlan", options: { parent: "eth0" } }, "needs a subnet"],
    [{ driver: "macvlan", options: { parent: "eth0", mode: "l2" } }, "driver macvlan has no mode l2"],
  ])("%j is refused", (options, why) => {
    expect(() => define({ name: "n", ...options })).toThrow(why);
  });

  test("a name, a bridge and a subnet that are there already are refused", () => {
    const there = define({
      name: "a",
      options: { "bridge.name": "br7" },
      subnets: [{ subnet: "10.127.201.0/24" }],
    });
    expect(() => define({ name: "a" }, [there])).toThrow("network a exists already");
    expect(() => define({ name: "b", options: { "bridge.name": "br7" } }, [there])).toThrow(
      "bridge br7 belongs to network a",
    );
    expect(() => define({ name: "b", subnets: [{ subnet: "10.127.201.128/25" }] }, [there])).toThrow(
      "subnet 10.127.201.128/25 overlaps 10.127.201.0/24, which is in use",
    );
  });
});
