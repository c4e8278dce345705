/** `ps --filter`: names and values as docker has them. Values of one name are alternatives, names are not. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { findRecord } from "./find.ts";
import type { ListedContainer } from "./ps.ts";

type FilterName =
  | "id"
  | "name"
  | "label"
  | "label!"
  | "status"
  | "exited"
  | "before"
  | "since"
  | "ancestor"
  | "volume"
  | "network"
  | "publish"
  | "expose"
  | "health";

export type ContainerFilters = { readonly [K in FilterName]?: readonly string[] | undefined };

type Test = (row: ListedContainer) => boolean;

const statuses = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];

/** @throws {RuntError} InvalidArgument for a name or a value that makes no sense; NotFound for what is not there */
export async function filterOf(context: EngineContext, filters: ContainerFilters): Promise<Test> {
  const tests: Test[] = [];
  for (const [name, values = []] of Object.entries(filters)) {
    const alternatives = await Promise.all(values.map((value) => testOf(context, name as FilterName, value)));
    // A container has all the labels that are asked for.
    if (name === "label") tests.push((row) => alternatives.every((test) => test(row)));
    else if (values.length > 0) tests.push((row) => alternatives.some((test) => test(row)));
  }
  return (row) => tests.every((test) => test(row));
}

async function testOf(context: EngineContext, name: FilterName, value: string): Promise<Test> {
  const invalid = () =>
    new RuntError("InvalidArgument", `invalid filter '${name}=${value}'`, { operation: "ps" });
  switch (name) {
    case "id":
      return ({ id }) => id.startsWith(value);
    case "name": {
      const pattern = patternOf(value, invalid);
      return (row) => pattern.test(row.name) || pattern.test(`/${row.name}`);
    }
    case "label":
      return hasLabel(value);
    case "label!": {
      const has = hasLabel(value);
      return (row) => !has(row);
    }
    case "status":
      if (!statuses.includes(value)) throw invalid();
      return ({ status }) => status === value;
    case "exited":
      if (!/^\d+$/.test(value)) throw invalid();
      return ({ status, exitCode }) => status === "exited" && exitCode === Number(value);
    case "before": {
      const { created } = findRecord(context, value, "ps");
      return (row) => row.created < created;
    }
    case "since": {
      const { created } = findRecord(context, value, "ps");
      return (row) => row.created > created;
    }
    case "ancestor":
      return await ancestorTest(context, value);
    case "volume":
      return ({ mounts }) => mounts.some((mount) => mount.name === value || mount.destination === value);
    case "network":
      return ({ networks }) => networks.includes(value);
    case "publish":
    case "expose": {
      const wanted = portsOf(value, invalid);
      return ({ ports, exposed }) =>
        wanted.some((port) =>
          name === "publish" ? (ports[port]?.length ?? 0) > 0 : port in ports || exposed.includes(port),
        );
    }
    case "health":
      if (!["starting", "healthy", "unhealthy", "none"].includes(value)) throw invalid();
      return ({ health }) => (health ?? "none") === value;
    default:
      throw invalid();
  }
}

function patternOf(value: string, invalid: () => RuntError): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw invalid();
  }
}

function hasLabel(text: string): Test {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  return ({ labels }) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/** Of that image, or of one made on top of it: all of whose layers are in theirs. */
async function ancestorTest(context: EngineContext, value: string): Promise<Test> {
  const { stores } = await context.images();
  const [{ findImage, allImages }] = await Promise.all([import("../../image/find.ts")]);
  try {
    const { image } = await findImage(stores, value, { operation: "ps" });
    const top = image.chainIDs.at(-1);
    const ids = (await allImages(stores))
      .filter(({ chainIDs }) => top === undefined || chainIDs.includes(top))
      .map(({ id }) => id);
    const all = new Set<string>([image.id, ...ids]);
    return ({ imageId }) => imageId !== undefined && all.has(imageId);
  } catch (error) {
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    return ({ image }) => image === value;
  }
}

/** "80", "80/udp", "80-82/tcp". */
function portsOf(value: string, invalid: () => RuntError): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (!match) throw invalid();
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (last < first || last > 65_535) throw invalid();
  return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${match[3] ?? "tcp"}`);
}
