import { command } from "../../command.ts";
import { type ResourceFlags, readResources, resourcesOf } from "./resources.ts";

export default command({
  name: "update",
  synopsis: "runt-oci update [options] <container-id>",
  summary: "change the resource limits of a container",
  description: [
    "What no option mentions stays. Sizes may end in k, m or g; -1 is no limit. With --resources all other options are ignored; the file holds an object as in linux.resources of config.json.",
  ],
  examples: [
    ["runt-oci update --memory 512m --cpu-quota 50000 web-1", "half a gigabyte, half a processor"],
    ["runt-oci update --resources - web-1 < limits.json", "from a file"],
  ],
  source: "flags as in runc-update(8)",
  operands: ["container-id"],
  options: {
    resources: {
      type: "string",
      short: "r",
      value: "file",
      summary: "read the limits from this file, - is stdin",
    },
    blkioWeight: { type: "integer", value: "n", summary: "share of block I/O, 10 to 1000" },
    cpuPeriod: { type: "string", value: "µs", summary: "period in which --cpu-quota is counted" },
    cpuQuota: { type: "string", value: "µs", summary: "processor time in each period" },
    cpuBurst: { type: "string", value: "µs", summary: "unused quota that may be saved for later" },
    cpuShare: { type: "string", value: "n", summary: "share of the processors, against others" },
    cpuRtPeriod: { type: "string", value: "µs", summary: "period in which --cpu-rt-runtime is counted" },
    cpuRtRuntime: { type: "string", value: "µs", summary: "realtime processor time in each period" },
    cpusetCpus: { type: "string", value: "list", summary: "processors to run on" },
    cpusetMems: { type: "string", value: "list", summary: "memory nodes to allocate from" },
    cpuIdle: { type: "string", value: "0|1", summary: "run only when nobody else wants to" },
    memory: { type: "string", value: "size", summary: "limit of memory" },
    memoryReservation: { type: "string", value: "size", summary: "memory that is protected from reclaim" },
    memorySwap: { type: "string", value: "size", summary: "limit of memory and swap together" },
    kernelMemory: { type: "string", value: "size", summary: "ignored", hidden: true },
    kernelMemoryTcp: { type: "string", value: "size", summary: "ignored", hidden: true },
    pidsLimit: { type: "integer", value: "n", summary: "how many processes there may be" },
    l3CacheSchema: { type: "string", value: "schema", summary: "Intel RDT: share of the L3 cache" },
    memBwSchema: { type: "string", value: "schema", summary: "Intel RDT: share of memory bandwidth" },
  } satisfies ResourceFlags,
  async run(context, [id], { resources, ...flags }) {
    const { update } = await import("../../../runtime/index.ts");
    await update(context, id!, await (resources ? readResources(resources) : resourcesOf(flags)));
    return 0;
  },
});
