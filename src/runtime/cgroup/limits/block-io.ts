/** `linux.resources.blockIO` → io.bfq.weight or io.weight, and io.max. */
import type { LinuxBlockIO } from "../../../spec/runtime/block-io.ts";
import type { JsonPath } from "../../../spec/runtime/document-error.ts";
import { type ResourceWrite, write } from "./write.ts";

const at = (...rest: JsonPath): JsonPath => ["linux", "resources", "blockIO", ...rest];

export function blockIOWrites(io: LinuxBlockIO): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  if (io.weight !== undefined) writes.push(weightWrite(io.weight, "", at("weight")));
  for (const [i, { major, minor, weight }] of io.weightDevice.entries()) {
    if (weight === undefined) continue;
    const line = weightWrite(weight, `${major}:${minor} `, at("weightDevice", i));
    // A disk without a cost model has no weights to set; neither had it under v1 without BFQ.
    writes.push({ ...line, ignore: ["EOPNOTSUPP", "ENOTSUP"] });
  }
  return [...writes, ...throttleWrites(io)];
}

/** The BFQ scheduler takes v1 weights as they are; the cost model has a scale of its own, 1 to 10000. */
function weightWrite(weight: number, device: string, from: JsonPath): ResourceWrite {
  const value = `${device || "default "}${ioWeight(weight)}`;
  return write("io.bfq.weight", `${device}${weight}`, from, { otherwise: { file: "io.weight", value } });
}

/** io.weight for a v1 weight: 10…1000 laid evenly onto 1…10000. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

const throttles = [
  ["throttleReadBpsDevice", "rbps"],
  ["throttleWriteBpsDevice", "wbps"],
  ["throttleReadIOPSDevice", "riops"],
  ["throttleWriteIOPSDevice", "wiops"],
] as const;

/** One line for each device, though the configuration has four lists. */
function throttleWrites(io: LinuxBlockIO): ResourceWrite[] {
  const lines = new Map<string, { from: JsonPath; limits: string[] }>();
  for (const [property, key] of throttles) {
    for (const [i, { major, minor, rate }] of io[property].entries()) {
      const device = `${major}:${minor}`;
      const line = lines.get(device) ?? { from: at(property, i), limits: [] };
      line.limits.push(`${key}=${BigInt(rate) === 0n ? "max" : rate}`);
      lines.set(device, line);
    }
  }
  return [...lines].map(([device, { from, limits }]) => {
    const noop = limits.every((limit) => limit.endsWith("=max"));
    return write("io.max", `${device} ${limits.join(" ")}`, from, { noop });
  });
}
