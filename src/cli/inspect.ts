/** `inspect` of whatever has that name: JSON, or what a template makes of it. */
import type { Engine } from "../engine/engine.ts";
import { messageOf, RuntError } from "../errors.ts";
import type { Context } from "./command.ts";
import { openEngine } from "./engine.ts";
import { json, writeAll } from "./output.ts";
import { template } from "./template.ts";

export type InspectedType = "container" | "image" | "volume" | "network";

export interface InspectOptions {
  /** "", "json", or a Go template. */
  readonly format: string;
  readonly size?: boolean;
  /** Looked for in this order. */
  readonly types: readonly InspectedType[];
}

/** @returns the exit status: 1 where something is not there, after what is there was printed */
export async function inspect(
  context: Context,
  names: readonly string[],
  { format, size = false, types }: InspectOptions,
): Promise<number> {
  const print = format === "" || format === "json" ? undefined : template(format);
  const engine = await openEngine(context);
  const found: unknown[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const inspected = await lookUp(engine, name, types, size);
      if (print) context.print(`${print(inspected)}\n`);
      else found.push(inspected);
    } catch (error) {
      failures.push(error);
    }
  }
  if (!print) context.print(`${json(found, format === "json" ? "" : "    ")}\n`);
  for (const error of failures) writeAll(2, `error: ${messageOf(error)}\n`);
  return failures.length > 0 ? 1 : 0;
}

async function lookUp(
  engine: Engine,
  name: string,
  types: readonly InspectedType[],
  size: boolean,
): Promise<unknown> {
  for (const type of types) {
    try {
      return await lookUpAs[type](engine, name, size);
    } catch (error) {
      const isElse = error instanceof RuntError && ["NotFound", "InvalidArgument"].includes(error.kind);
      if (!isElse || types.length === 1) throw error;
    }
  }
  throw new RuntError("NotFound", `no such object: ${name}`, { operation: "inspect" });
}

const lookUpAs: Readonly<
  Record<InspectedType, (engine: Engine, name: string, size: boolean) => Promise<unknown>>
> = {
  container: (engine, name, size) => engine.inspect(name, { size }),
  image: async (engine, name) => {
    const images = await engine.images();
    const { image } = await images.find(name, { operation: "inspect" });
    const { forTemplate } = await import("./image-template.ts");
    return forTemplate(await images.inspect(image));
  },
  volume: async (engine, name) => {
    const { Containers: _users, Anonymous: _anonymous, ...volume } = await engine.inspectVolume(name);
    return volume;
  },
  network: async (engine, name) => (await import("./networks.ts")).inspectNetwork(engine, name),
};
