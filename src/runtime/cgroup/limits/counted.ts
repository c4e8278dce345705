/** Limits on things that are counted: tasks, huge pages, RDMA handles. */
import type { LinuxHugepageLimit, LinuxPids, LinuxRdma } from "../../../spec/runtime/resources.ts";
import { type ResourceWrite, write } from "./write.ts";

/**
 * → pids.max. 0 becomes 1, as systemd insists on: a limit below what is there only stops forks, and one task
 * is there in any case.
 */
export function pidsWrites({ limit }: LinuxPids): ResourceWrite[] {
  if (limit === undefined) return [];
  const value = limit < 0 ? "max" : Math.max(limit, 1);
  return [write("pids.max", value, ["linux", "resources", "pids", "limit"], { noop: limit < 0 })];
}

/** More bytes than the kernel counts: what Go programs write for "no limit". */
const unlimited = 2n ** 63n - 4096n;

/** → hugetlb.SIZE.max, and the limit on reservations, where the kernel has it. */
export function hugetlbWrites(limits: readonly LinuxHugepageLimit[]): ResourceWrite[] {
  return limits.flatMap(({ pageSize, limit }, i) => {
    const from = ["linux", "resources", "hugepageLimits", i];
    const noop = BigInt(limit) >= unlimited;
    const value = noop ? "max" : limit;
    return [
      write(`hugetlb.${pageSize}.max`, value, from, { noop }),
      write(`hugetlb.${pageSize}.rsvd.max`, value, from, { noop, ignore: ["ENOENT"] }),
    ];
  });
}

/** → rdma.max, a line for each device. */
export function rdmaWrites(devices: Readonly<Record<string, LinuxRdma>>): ResourceWrite[] {
  return Object.entries(devices).map(([device, { hcaHandles, hcaObjects }]) => {
    const limits = [];
    if (hcaHandles !== undefined) limits.push(`hca_handle=${hcaHandles}`);
    if (hcaObjects !== undefined) limits.push(`hca_object=${hcaObjects}`);
    return write("rdma.max", [device, ...limits].join(" "), ["linux", "resources", "rdma", device]);
  });
}
