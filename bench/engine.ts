/**
 * The engine from the library: a container of an image made, run to its end and removed, against the OCI runtime's own
 * create, start, exit and delete. What the engine adds is an image's layers, a record, a monitor and a seccomp filter.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Runt } from "../src/index.ts";
import type { BenchBundle } from "./bundle.ts";
import { library, type Phases, StateRoot } from "./library.ts";
import { interleave, type Subject, type Summary, summarize } from "./statistics.ts";

export interface EngineResult {
  readonly oci: Summary;
  /** The same, with the configuration that the engine gives its containers: an overlay, hidden paths, a filter. */
  readonly sameConfig: Summary;
  /** As `Runt.run` has it: the container is gone with its end. */
  readonly engine: Summary;
  /** The same with a container that stays until it is removed: what it has written is on disk by then. */
  readonly kept: Summary;
  /** Without a filter, for what that costs. */
  readonly unconfined: Summary;
  /** Milliseconds of the first container of a program, the engine's opening with it. */
  readonly firstMs: number;
}

export async function engineCost(bundle: BenchBundle, rounds: number): Promise<EngineResult> {
  using state = new StateRoot();
  const archive = join(state.path, "image.tar");
  execFileSync("tar", ["-C", bundle.rootfs, "-cf", archive, "."]);
  const [root, runRoot] = [join(state.path, "data"), join(state.path, "run")];
  {
    await using runt = await Runt.open({ root, runRoot });
    await runt.images.import(archive, "bench");
  }
  rmSync(archive);
  const begin = performance.now();
  await using runt = await Runt.open({ root, runRoot });
  const command = bundle.config.process.args;
  await engine("first", runt, command).run(1);
  const firstMs = performance.now() - begin;

  const phases: Phases = { create: [], start: [], wait: [], delete: [] };
  const subjects = [
    library(bundle.path, join(state.path, "oci"), phases),
    { ...library(await engineBundle(runt, command), join(state.path, "oci"), phases), name: "same config" },
    engine("engine", runt, command),
    engine("kept", runt, command, { autoRemove: false }),
    engine("unconfined", runt, command, { seccomp: "unconfined" }),
  ];
  const samples = await interleave(subjects, { rounds, block: 20, warmUp: 60 });
  const [oci, sameConfig, whole, kept, unconfined] = subjects.map(({ name }) =>
    summarize(samples.get(name)!),
  );
  return {
    oci: oci!,
    sameConfig: sameConfig!,
    engine: whole!,
    kept: kept!,
    unconfined: unconfined!,
    firstMs,
  };
}

/** A bundle with what the engine wrote for a container of its own, which stays where it is as long as `runt`. */
async function engineBundle(runt: Runt, command: readonly string[]): Promise<string> {
  const container = await runt.start("bench", {
    command: [...command, "stay"],
    network: "none",
    log: "none",
  });
  const { layout } = runt.engine.context;
  const config = JSON.parse(readFileSync(join(layout.runRoot, container.id, "config.json"), "utf8"));
  config.process.args = command;
  await container.kill();
  await container.wait();
  const bundle = layout.container(container.id);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return bundle;
}

/** Made, started, waited for and removed. */
function engine(
  name: string,
  runt: Runt,
  command: readonly string[],
  { seccomp = "default", autoRemove = true }: { seccomp?: string; autoRemove?: boolean } = {},
): Subject {
  return {
    name,
    run: async (rounds) => {
      const took: number[] = [];
      for (let i = 0; i < rounds; i++) {
        const begin = performance.now();
        const options = { command, seccomp, autoRemove, network: "none", log: "none" } as const;
        const container = await runt.start("bench", options);
        const code = await container.wait();
        if (!autoRemove) await container.remove();
        took.push(performance.now() - begin);
        if (code !== 0) throw new Error(`the program ended with ${code}`);
      }
      return took;
    },
  };
}
