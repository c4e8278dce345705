/** Moves a network device, with its addresses, into the network namespace of another process. */
import { constants, fstatSync, openSync, statSync } from "node:fs";
import { Fd } from "./fd.ts";
import * as rt from "./rtnetlink.ts";
import { SystemError } from "./system-error.ts";

const EEXIST = 17;
const ENODEV = 19;
const EINVAL = 22;

/** What an address keeps on its way; the label holds the old name, and what else there is the kernel makes anew. */
const kept = [rt.IFA_ADDRESS, rt.IFA_LOCAL, rt.IFA_BROADCAST, rt.IFA_RT_PRIORITY];
const keptFlags = rt.IFA_F_MANAGETEMPADDR | rt.IFA_F_NOPREFIXROUTE;

/**
 * Takes `device` out of our network namespace and into that of process `pid`, under the name `name` (`%d`
 * stands for a free number). Its permanent global addresses go with it, and it is up in the end. When that
 * namespace ends, the kernel gives a physical device back and removes a virtual one.
 * @throws {SystemError} ENODEV: no such device here; EEXIST: the name is taken there; EINVAL: both namespaces
 *   are the same, or the device cannot leave; EPERM
 * @see runtime-spec 1.3 config-linux.md#network-devices
 */
export function moveNetworkDevice(device: string, name: string, pid: number): void {
  using target = new Fd(openSync(`/proc/${pid}/ns/net`, constants.O_RDONLY));
  if (fstatSync(target.n).ino === statSync("/proc/self/ns/net").ino) {
    throw new SystemError("RTM_NEWLINK", EINVAL, { path: device, dest: "its own network namespace" });
  }
  using here = new rt.Rtnetlink();
  const link = here.link(device);
  if (!link) throw new SystemError("RTM_GETLINK", ENODEV, { path: device });
  const addresses = here.addresses(link).filter(isKept);

  using there = new rt.Rtnetlink(target);
  const neighbours = there.links();
  // Asked before, because the kernel moves first and renames then, and would leave it there half done.
  if (neighbours.some((neighbour) => neighbour.name === name)) {
    throw new SystemError("RTM_NEWLINK", EEXIST, { path: device, dest: name });
  }
  // Chosen by us, so that the device is known by it whatever name it gets.
  const index = freeIndex(link.index, neighbours);
  here.move(link, target, { name, index });
  for (const address of addresses) there.addAddress(index, travelling(address));
  there.setUp(index);
}

function isKept({ scope, flags }: rt.Address): boolean {
  return scope === rt.RT_SCOPE_UNIVERSE && (flags & rt.IFA_F_PERMANENT) !== 0;
}

/** Detecting duplicates was done where it comes from, and would make an IPv6 address wait. */
function travelling(address: rt.Address): rt.Address {
  const noDetection = address.family === rt.AF_INET6 ? rt.IFA_F_NODAD : 0;
  return {
    ...address,
    flags: (address.flags & keptFlags) | noDetection,
    attributes: new Map([...address.attributes].filter(([type]) => kept.includes(type))),
  };
}

/** As before where that is free, as the kernel does it. */
function freeIndex(wanted: number, neighbours: readonly rt.Link[]): number {
  const taken = neighbours.map(({ index }) => index);
  return taken.includes(wanted) ? Math.max(...taken) + 1 : wanted;
}
