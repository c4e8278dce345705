/** `linux.resources.unified`: cgroup v2 files by name. */
import { invalid, type JsonPath, type Origin } from "../../../spec/runtime/document-error.ts";
import { type ResourceWrite, write } from "./write.ts";

/** Each line of a value is a write of its own: that is how io.max and its like are read by the kernel. */
export function unifiedWrites(unified: Readonly<Record<string, string>>, origin: Origin): ResourceWrite[] {
  return Object.entries(unified).flatMap(([file, text]) => {
    const from: JsonPath = ["linux", "resources", "unified", file];
    if (file.includes("/")) throw invalid(origin, from, "must be a file name (no slashes)");
    if (!/^[^.]+\../.test(file)) throw invalid(origin, from, "must be in the form CONTROLLER.PARAMETER");
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    // An empty value empties a file such as cpuset.cpus.
    if (lines.length === 0) return [write(file, "\n", from)];
    return lines.map((value) => write(file, value, from, { noop: saysNothing(file, value.trim()) }));
  });
}

function saysNothing(file: string, value: string): boolean {
  return /\.(max|high)$/.test(file) && (value === "max" || /^max \d+$/.test(value));
}
