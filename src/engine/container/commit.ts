/** `commit`: an image of what a container has become. */
import { messageOf, RuntError } from "../../errors.ts";
import type { BaseImage } from "../../image/commit.ts";
import { findImage } from "../../image/find.ts";
import type { Stores } from "../../image/stores.ts";
import { isOrdinaryUser } from "../../runtime/library/default-root.ts";
import type { ContainerConfig } from "../../spec/image/config.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { EngineContext } from "../context.ts";
import { ociRuntime } from "../oci/oci.ts";
import type { ContainerRecord } from "../record.ts";
import { eventOf } from "./event.ts";
import { findRecord } from "./find.ts";
import { observe } from "./observe.ts";

export interface CommitOptions {
  /** The image's; undefined: none. */
  readonly name?: string | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  /** Instructions of a Dockerfile, over what the container was made with. */
  readonly changes?: readonly string[] | undefined;
  /** Whether a container that runs stands still meanwhile; so it does by default. */
  readonly pause?: boolean | undefined;
  /** Is told what could not be put into a layer. */
  readonly onWarning?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @returns the image's ID @throws {RuntError} NotFound; FailedPrecondition for a container without an image */
export async function commitContainer(
  context: EngineContext,
  text: string,
  options: CommitOptions = {},
): Promise<string> {
  const record = findRecord(context, text, "commit");
  const { id, name, definition } = record;
  if (!definition.image) {
    throw new RuntError("FailedPrecondition", "it has no image: its root file system is a directory", {
      operation: "commit",
      subject: `container ${name}`,
      hint: "export it, and import that",
    });
  }
  const images = await context.images();
  const writable = images.stores.snapshots.writable({ directory: context.layout.container(id) });
  const image = await imageOf(images.stores, writable.directory, definition.image.id);
  const { pause = true, author, message, changes, onWarning, signal } = options;
  await using _paused =
    pause && observe(context, record).status === "running" ? await paused(context, record, onWarning) : null;
  const made = await images.commit(image, writable, {
    name: options.name,
    author,
    message,
    changes: changes ?? [],
    config: configOf(record),
    createdBy: definition.args.join(" "),
    signal,
    ...(definition.owners === "stored" && { owner: await ownersOf(record) }),
    ...(onWarning && { onWarning }),
  });
  context.store.events.append(eventOf(record, "commit", { imageID: made.id, imageRef: options.name ?? "" }));
  return made.id;
}

/** Also one that was removed while the container had it. @throws {RuntError} NotFound */
async function imageOf(stores: Stores, directory: string, id: Digest): Promise<BaseImage> {
  try {
    return (await findImage(stores, id, { operation: "commit" })).image;
  } catch (error) {
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    const { keptImage } = await import("../../image/in-use.ts");
    const kept = await keptImage(stores, directory, id);
    if (kept) return kept;
    throw error;
  }
}

/** From the owners on disk. */
async function ownersOf({ definition }: ContainerRecord) {
  const ids = (await import("./id-map.ts")).IdMap.of(definition.idMaps);
  return (own: { uid: number; gid: number }) => ids.toContainer(own);
}

/** Until it is disposed of. One without a cgroup, as an ordinary user may have it, goes on. */
async function paused(
  context: EngineContext,
  record: ContainerRecord,
  onWarning: CommitOptions["onWarning"],
): Promise<AsyncDisposable | null> {
  const oci = await ociRuntime(context, record);
  try {
    await oci.pause();
  } catch (error) {
    if (!isOrdinaryUser()) throw error;
    onWarning?.(`${messageOf(error)}: what it writes meanwhile may be in the image by halves`);
    return null;
  }
  return {
    async [Symbol.asyncDispose]() {
      // It may have been killed meanwhile, which needs no thawing.
      await oci.resume().catch(() => {});
    },
  };
}

/** What the container was made with, as an image says it. */
export function configOf({
  request,
  definition,
}: Pick<ContainerRecord, "request" | "definition">): ContainerConfig {
  const image = definition.imageConfig;
  const { args, entrypointLength, labels, exposed, health, mounts } = definition;
  const env = new Map<string, string>();
  for (const entry of [...(image?.Env ?? []), ...request.env]) env.set(entry.split("=", 1)[0]!, entry);
  const anonymous = mounts.flatMap((mount) =>
    mount.type === "volume" && mount.anonymous ? [[mount.destination, {}] as const] : [],
  );
  const volumes = { ...image?.Volumes, ...Object.fromEntries(anonymous) };
  const ns = (ms: number) => Math.round(ms * 1e6);
  const set = <T extends object>(value: T, isSet: boolean): T | undefined => (isSet ? value : undefined);
  return {
    ...image,
    Env: [...env.values()],
    Cmd: args.slice(entrypointLength),
    ...set(
      { Entrypoint: args.slice(0, entrypointLength) },
      entrypointLength > 0 || image?.Entrypoint !== undefined,
    ),
    ...set({ User: definition.user }, definition.user !== ""),
    ...set(
      { WorkingDir: definition.cwd },
      request.workingDir !== undefined || image?.WorkingDir !== undefined,
    ),
    ...set({ Labels: { ...labels } }, Object.keys(labels).length > 0),
    ...set({ ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])) }, exposed.length > 0),
    ...set({ Volumes: volumes }, Object.keys(volumes).length > 0),
    ...set(
      { StopSignal: definition.stopSignal },
      request.stopSignal !== undefined || image?.StopSignal !== undefined,
    ),
    ...(health && {
      Healthcheck: {
        Test: [...health.test],
        Interval: ns(health.intervalMs),
        Timeout: ns(health.timeoutMs),
        StartPeriod: ns(health.startPeriodMs),
        StartInterval: ns(health.startIntervalMs),
        Retries: health.retries,
      },
    }),
  } as ContainerConfig;
}
