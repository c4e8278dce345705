/** What `stats` shows: rows of text from two samples each. */
import { rateBetween, type Usage, type UsageSample } from "../engine/container/stats.ts";
import { humanSize } from "./human.ts";
import { formatRows, type Row } from "./rows.ts";

const headings = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};
const columns = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"];

export class StatsView {
  readonly #options: { readonly format: string; readonly noTrunc: boolean };
  #before = new Map<string, Usage>();

  constructor(options: { readonly format: string; readonly noTrunc: boolean }) {
    this.#options = options;
  }

  /** The text for the newest samples, in comparison with those before. @throws {RuntError} for a template that is none */
  take(samples: readonly UsageSample[]): string {
    const rows = samples.map((sample) => this.#row(sample));
    this.#before = new Map(samples.flatMap(({ id, usage }) => (usage ? [[id, usage]] : [])));
    return formatRows(rows, { headings, columns }, this.#options.format);
  }

  #row({ id, name, usage }: UsageSample): Row {
    const shown = this.#options.noTrunc ? id : id.slice(0, 12);
    const who = { Container: shown, ID: shown, Name: name };
    if (!usage) {
      return {
        ...who,
        CPUPerc: "--",
        MemUsage: "-- / --",
        MemPerc: "--",
        NetIO: "--",
        BlockIO: "--",
        PIDs: "--",
      };
    }
    const { cpuPercent, memoryPercent } = rateBetween(this.#before.get(id), usage);
    const { memory, network, block } = usage;
    return {
      ...who,
      CPUPerc: `${cpuPercent.toFixed(2)}%`,
      // Where nobody counts it, that is not nothing.
      MemUsage: memory ? `${binarySize(memory.bytes)} / ${binarySize(memory.limit)}` : "-- / --",
      MemPerc: memoryPercent === undefined ? "--" : `${memoryPercent.toFixed(2)}%`,
      NetIO: `${humanSize(network.received)} / ${humanSize(network.sent)}`,
      BlockIO: `${humanSize(block.read)} / ${humanSize(block.written)}`,
      PIDs: String(usage.pids),
    };
  }
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "4.297MiB": four digits, units of 1024, as docker has them for memory. */
export function binarySize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${units[unit]}`;
}
