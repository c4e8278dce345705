/** What `system df` shows: the disk that images, containers and volumes take, and how much of it nobody needs. */
import type { Engine } from "../engine/engine.ts";
import { humanAgo, humanSize } from "./human.ts";
import { shownId, shownName } from "./images.ts";
import { formatRows } from "./rows.ts";

interface Thing {
  readonly name: string;
  readonly bytes: number;
  readonly inUse: boolean;
  /** What the table of this kind has beside the name and the size. */
  readonly details: Readonly<Record<string, string>>;
}

export interface DiskUsage {
  readonly images: readonly Thing[];
  /** Of all images together: layers that several have count once. */
  readonly imageBytes: number;
  readonly containers: readonly Thing[];
  readonly volumes: readonly Thing[];
}

export async function diskUsage(engine: Engine): Promise<DiskUsage> {
  const { usageOf } = await import("../image/snapshot/usage.ts");
  const images = await engine.images();
  const listed = await images.list();
  const containers = await engine.list({ all: true });
  const { snapshots } = images.stores;
  const layers = new Map<string, number>();
  for (const { image } of listed) {
    for (const layer of snapshots.chain(image.chainIDs.at(-1))) layers.set(layer.chainID, layer.bytes);
  }
  const used = new Set(containers.map(({ imageId }) => imageId));
  return {
    imageBytes: [...layers.values()].reduce((sum, bytes) => sum + bytes, 0),
    images: await Promise.all(
      listed.map(async ({ id, names: [name], bytes, created }) => ({
        name: name === undefined ? "<none>" : await shownName(name),
        bytes,
        inUse: used.has(id),
        details: { ID: shownId(id, "short"), Created: humanAgo(created) },
      })),
    ),
    containers: await Promise.all(
      containers.map(async ({ id, name, image, status }) => {
        const { SizeRw = 0 } = (await engine.inspect(id, { size: true })) as { readonly SizeRw?: number };
        const inUse = status === "running" || status === "paused" || status === "restarting";
        return { name, bytes: SizeRw, inUse, details: { ID: id.slice(0, 12), Image: image, State: status } };
      }),
    ),
    volumes: await Promise.all(
      (await engine.listVolumes()).map(async ({ Name, Mountpoint, Containers }) => {
        const { bytes } = await usageOf(Mountpoint).catch(() => ({ bytes: 0 }));
        return {
          name: Name,
          bytes,
          inUse: Containers.length > 0,
          details: { Links: String(Containers.length) },
        };
      }),
    ),
  };
}

const headings = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
};

/** @param format as of every list */
export function usageText({ images, imageBytes, containers, volumes }: DiskUsage, format: string): string {
  const row = (Type: string, things: readonly Thing[], bytes = total(things)) => {
    const idle = Math.min(bytes, total(things.filter(({ inUse }) => !inUse)));
    const share = bytes > 0 ? ` (${Math.round((100 * idle) / bytes)}%)` : "";
    return {
      Active: String(things.filter(({ inUse }) => inUse).length),
      Reclaimable: `${humanSize(idle)}${share}`,
      Size: humanSize(bytes),
      TotalCount: String(things.length),
      Type,
    };
  };
  const rows = [
    row("Images", images, imageBytes),
    row("Containers", containers),
    row("Local Volumes", volumes),
  ];
  const columns = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
  return formatRows(rows, { headings, columns }, format);
}

function total(things: readonly Thing[]): number {
  return things.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Everything by itself. */
export function usageTables({ images, containers, volumes }: DiskUsage): string {
  const table = (title: string, things: readonly Thing[], details: readonly string[]) => {
    const columns = ["NAME", ...details.map((key) => key.toUpperCase()), "SIZE"];
    const rows = things.map((thing) => ({
      NAME: thing.name,
      SIZE: humanSize(thing.bytes),
      ...Object.fromEntries(details.map((key) => [key.toUpperCase(), thing.details[key] ?? ""])),
    }));
    const own = Object.fromEntries(columns.map((column) => [column, column]));
    return `${title} space usage:\n\n${formatRows(rows, { headings: own, columns })}`;
  };
  return [
    table("Images", images, ["ID", "Created"]),
    table("Containers", containers, ["ID", "Image", "State"]),
    table("Local Volumes", volumes, ["Links"]),
  ].join("\n");
}
