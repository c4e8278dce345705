/**
 * What a pull takes: time, processors and memory, by the number and the size of its layers. The registry runs on the same
 * machine, and takes its part of the processors.
 *
 * ```
 * node bench/pull.ts [--size MB]     how large each of the six layers is, unpacked (default 80)
 * ```
 * Needs root, docker-registry, and what `npm run build` makes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type LayerSize, pushImage } from "../test/support/big-image.ts";
import { type Consumption, consumptionOf } from "../test/support/peak-memory.ts";
import { startRegistry } from "../test/support/registry.ts";

const { values } = parseArgs({ options: { size: { type: "string", default: "80" } } });
const size = Number(values.size);
const runt = join(resolve(import.meta.dirname, ".."), "bin/runt");
const rounds = 3;
/** Above a pull that finds all of it there. */
const targetMb = 150;

const text = (mb: number): LayerSize => ({
  files: mb,
  bytesEach: 1 << 20,
  compress: "gzip",
  content: "text",
});
const images: Record<string, readonly LayerSize[]> = {
  "6 layers, gzip": Array.from({ length: 6 }, () => text(size)),
  "1 layer of the same, gzip": [text(6 * size)],
  "1 layer, plain, random": [{ ...text(4 * size), compress: "none", content: "random" }],
  "1 layer, gzip, zeros": [{ ...text(6 * size), content: "zeros" }],
  "1 layer, zstd": [{ ...text(6 * size), compress: "zstd" }],
  "1 layer, 20,000 small files": [{ files: 20_000, bytesEach: 3000, compress: "gzip", content: "text" }],
};

const directory = mkdtempSync(join(tmpdir(), "runt-bench-pull-"));
await using registry = await startRegistry();
try {
  const pull = async (name: string, root: string): Promise<Consumption> => {
    const taken = await consumptionOf([runt, "--data-root", root, "pull", "--quiet", name]);
    if (taken.status !== 0) throw new Error(taken.stderr);
    return taken;
  };
  console.log(
    `${cpus().length} cores; the idle process is the same command with nothing to fetch\n` +
      `${"".padEnd(30)}${"wall s".padStart(8)}${"cpu s".padStart(8)}${"cores".padStart(7)}${"peak MB".padStart(9)}${"idle MB".padStart(9)}${"above".padStart(7)}`,
  );
  for (const [what, layers] of Object.entries(images)) {
    const name = `${registry.domain}/bench:${what.replaceAll(/\W+/g, "-")}`;
    await pushImage(name, layers);
    const taken: Consumption[] = [];
    let idleKb = 0;
    for (let i = 0; i < rounds; i++) {
      const root = join(directory, `${i}`);
      taken.push(await pull(name, root));
      idleKb = Math.max(idleKb, (await pull(name, root)).peakKb);
      rmSync(root, { recursive: true });
    }
    const best = taken.toSorted((a, b) => a.wallMs - b.wallMs)[0]!;
    const peakKb = Math.max(...taken.map((one) => one.peakKb));
    const above = (peakKb - idleKb) / 1024;
    const number = (n: number, width: number, digits = 0) => n.toFixed(digits).padStart(width);
    console.log(
      `${what.padEnd(30)}${number(best.wallMs / 1000, 8, 2)}${number(best.cpuMs / 1000, 8, 2)}` +
        `${number(best.cpuMs / best.wallMs, 7, 2)}${number(peakKb / 1024, 9)}${number(idleKb / 1024, 9)}` +
        `${number(above, 7)}  ${above <= targetMb ? "within" : "ABOVE"} ${targetMb}`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}
