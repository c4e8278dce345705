/** Containers as rows of `ps`, in docker's words. */
import type { ListedContainer } from "../engine/container/ps.ts";
import type { Engine } from "../engine/engine.ts";
import { goTime, humanAgo, humanDuration, humanSize } from "./human.ts";
import { publishedText } from "./published.ts";
import { type Listing, labelsText, type Row } from "./rows.ts";

const headings = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  RunningFor: "CREATED",
  Status: "STATUS",
  Ports: "PORTS",
  Names: "NAMES",
  Size: "SIZE",
  CreatedAt: "CREATED AT",
  State: "STATE",
  HealthStatus: "HEALTH",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
};

export function containerListing(size: boolean): Listing {
  const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
  return { headings, columns: size ? [...columns, "Size"] : columns };
}

/** "1.2kB (virtual 4.26MB)". */
export async function sizeColumn(engine: Engine, id: string): Promise<string> {
  const { SizeRw = 0, SizeRootFs = 0 } = (await engine.inspect(id, { size: true })) as {
    readonly SizeRw?: number;
    readonly SizeRootFs?: number;
  };
  return `${humanSize(SizeRw)} (virtual ${humanSize(SizeRootFs)})`;
}

const longestCommand = 20;
const longestMount = 15;

export function containerRow(container: ListedContainer, noTrunc: boolean, size: string): Row {
  const created = new Date(container.created);
  const cut = (text: string, most: number) =>
    noTrunc || text.length <= most ? text : `${text.slice(0, most - 1)}…`;
  const { mounts, status } = container;
  const hasPorts = status === "running" || status === "paused";
  return {
    Command: JSON.stringify(cut(container.command.join(" "), longestCommand)),
    CreatedAt: goTime(created),
    HealthStatus: container.health ?? "",
    ID: noTrunc ? container.id : container.id.slice(0, 12),
    Image: noTrunc ? container.image : shownImage(container.image),
    Labels: labelsText(container.labels),
    LocalVolumes: String(mounts.filter(({ name }) => !name.startsWith("/")).length),
    Mounts: mounts.map(({ name, destination }) => cut(name || destination, longestMount)).join(","),
    Names: container.name,
    Networks: container.networks.join(","),
    Ports: publishedText(container.ports, container.exposed, hasPorts),
    RunningFor: humanAgo(created),
    Size: size,
    State: container.status,
    Status: statusText(container),
  };
}

/** A digest says little to people. */
function shownImage(image: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(image)
    ? image.slice(7, 19)
    : image.replace(/@sha256:[0-9a-f]{64}$/, "");
}

function statusText({ status, started, finished, exitCode, health }: ListedContainer): string {
  const since = (time: string) => humanDuration(Math.max(0, Date.now() - Date.parse(time)));
  switch (status) {
    case "running": {
      const note = health === undefined ? "" : health === "starting" ? " (health: starting)" : ` (${health})`;
      return `Up ${since(started)}${note}`;
    }
    case "paused":
      return `Up ${since(started)} (Paused)`;
    case "restarting":
      return `Restarting (${exitCode}) ${since(finished)} ago`;
    case "exited":
      return `Exited (${exitCode}) ${finished === "" ? "" : `${since(finished)} ago`}`.trim();
    case "created":
      return "Created";
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
  }
}
