/** `ps`: what containers there are, and what they do. */
import type { EngineContext } from "../context.ts";
import { readHealth } from "../monitor/records.ts";
import type { NetworkSettings } from "../network-driver.ts";
import { noSettings } from "../network-driver.ts";
import { type FoundContainer, reconcile } from "../reconcile.ts";
import type { ContainerStatus } from "../record.ts";
import { type ContainerFilters, filterOf } from "./filter.ts";

export interface ListOptions {
  /** Those that do not run too; a filter for a status or an exit code asks for them as well. */
  readonly all?: boolean | undefined;
  /** The newest so many, running or not. */
  readonly last?: number | undefined;
  readonly filters?: ContainerFilters | undefined;
}

/** One row. Times as in `inspect`. */
export interface ListedContainer {
  readonly id: string;
  readonly name: string;
  /** As it was asked for. */
  readonly image: string;
  readonly imageId: string | undefined;
  readonly command: readonly string[];
  readonly created: string;
  readonly status: ContainerStatus;
  readonly started: string;
  readonly finished: string;
  readonly exitCode: number;
  /** Undefined without checks. */
  readonly health: "starting" | "healthy" | "unhealthy" | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly exposed: readonly string[];
  readonly ports: NetworkSettings["ports"];
  readonly networks: readonly string[];
  readonly mounts: readonly { readonly name: string; readonly destination: string }[];
}

/** Newest first. @throws {RuntError} InvalidArgument for a filter that makes no sense; NotFound for one that names nothing */
export async function listContainers(
  context: EngineContext,
  options: ListOptions = {},
): Promise<ListedContainer[]> {
  const found = await reconcile(context);
  const { filters = {} } = options;
  const matches = await filterOf(context, filters);
  const asksForStopped = (filters.status?.length ?? 0) > 0 || (filters.exited?.length ?? 0) > 0;
  const all = options.all || options.last !== undefined || asksForStopped;
  const rows = found
    .filter(({ record, observed }) => record.status !== "creating" && (all || isUp(observed.status)))
    .reverse()
    .map((one) => rowOf(context, one))
    .filter(matches);
  return options.last === undefined ? rows : rows.slice(0, options.last);
}

function isUp(status: ContainerStatus): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}

function rowOf(context: EngineContext, { record, observed }: FoundContainer): ListedContainer {
  const { id, name, created, summary } = record;
  const { status, run } = observed;
  const settings = (isUp(status) && run.network?.settings) || noSettings;
  return {
    id,
    name,
    image: summary.image,
    imageId: summary.imageId,
    command: summary.command,
    created,
    status,
    started: run.started,
    finished: run.finished,
    exitCode: run.exitCode,
    health: summary.health && isUp(status) ? healthNow(context, id) : undefined,
    labels: summary.labels,
    exposed: summary.exposed,
    ports: settings.ports,
    networks: Object.keys(settings.networks).length > 0 ? Object.keys(settings.networks) : summary.networks,
    mounts: summary.mounts,
  };
}

/** Until the first check has ended there is no record of it. */
export function healthNow({ layout }: EngineContext, id: string): "starting" | "healthy" | "unhealthy" {
  const status = readHealth(layout.container(id))?.status;
  return status === undefined || status === "none" ? "starting" : status;
}
