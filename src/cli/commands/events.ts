import type { EngineEvent } from "../../engine/events.ts";
import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { filterOption, filtersOf, matchesLabels, openEngine } from "../engine.ts";
import { momentOf } from "../human.ts";
import { interruptible } from "../interrupt.ts";
import { goJson } from "../output.ts";

const filters = ["container", "image", "volume", "network", "type", "event", "label", "label!"] as const;

export default command({
  name: "events",
  synopsis: "runt events [options]",
  summary: "show what happens to containers, images, volumes and networks, as it happens",
  examples: [
    [
      "runt events --filter event=die --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}'",
      "who ended how",
    ],
    ["runt events --since 1h --until 0s", "what happened in the last hour"],
  ],
  source: "docker events",
  operands: [],
  options: {
    filter: filterOption("container, image, volume, network, type, event, label, each with =<value>"),
    format: { type: "string", value: "format", default: "", summary: "json, or a Go template" },
    since: {
      type: "string",
      value: "time",
      summary: "from then on: 10m, 2026-11-21T09:48:00, seconds since 1970",
    },
    until: { type: "string", value: "time", summary: "up to then" },
  },
  async run(context, _operands, { filter, format, since, until }) {
    const matches = matcher(filtersOf(filter, filters));
    const { template } = await import("../template.ts");
    const print =
      format === ""
        ? lineOf
        : format === "json"
          ? (event: EngineEvent) => goJson(shown(event))
          : printer(template(format));
    const engine = await openEngine(context);
    return await interruptible(async (signal) => {
      const options = { matches, signal, ...when("since", since), ...when("until", until) };
      for await (const event of engine.events(options)) context.print(`${print(event)}\n`);
      signal.throwIfAborted();
      return 0;
    });
  },
});

function when<K extends string>(key: K, text: string | undefined): { [P in K]?: Date } {
  if (text === undefined) return {};
  const moment = momentOf(text);
  if (moment) return { [key]: moment } as { [P in K]?: Date };
  throw new RuntError("InvalidArgument", `--${key} ${JSON.stringify(text)}: not a time`, {
    operation: "events",
  });
}

/** As docker's API has them. */
function shown({ time, type, action, actor, attributes }: EngineEvent) {
  const nanoseconds =
    BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1_000_000n + BigInt(time.slice(20, -1).padEnd(9, "0"));
  return {
    ...(type === "container" && { status: action, id: actor, from: attributes.image ?? "" }),
    Type: type,
    Action: action,
    Actor: { ID: actor, Attributes: attributes },
    scope: "local",
    time: Number(nanoseconds / 1_000_000_000n),
    timeNano: nanoseconds,
  };
}

/** A template sees the fields by docker's names in Go too. */
function printer(print: (value: unknown) => string): (event: EngineEvent) => string {
  return (event) => {
    const { Type, Action, Actor, scope, time, timeNano } = shown(event);
    return print({
      Type,
      Action,
      Actor,
      Scope: scope,
      Time: time,
      TimeNano: timeNano,
      Status: Action,
      ID: Actor.ID,
      From: event.attributes.image ?? "",
    });
  };
}

function lineOf({ time, type, action, actor, attributes }: EngineEvent): string {
  const list = Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
  return `${time} ${type} ${action} ${actor}${list === "" ? "" : ` (${list})`}`;
}

function matcher(
  wanted: Partial<Record<(typeof filters)[number], string[]>>,
): (event: EngineEvent) => boolean {
  const any = (values: readonly string[] | undefined, test: (value: string) => boolean) =>
    values === undefined || values.some(test);
  return (event) => {
    const { type, action, actor, attributes } = event;
    const isActor = (kind: EngineEvent["type"]) =>
      any(
        wanted[kind],
        (value) =>
          type === kind &&
          (attributes.name === value || actor === value || (kind === "container" && actor.startsWith(value))),
      );
    return (
      any(wanted.type, (value) => value === type) &&
      any(wanted.event, (value) => value === action || action.startsWith(`${value}:`)) &&
      isActor("container") &&
      isActor("volume") &&
      isActor("network") &&
      any(wanted.image, (value) => isImage(event, value)) &&
      matchesLabels(attributes, wanted)
    );
  };
}

/** Whether it is that image's, or of a container of it: with its tag or without. */
function isImage({ type, actor, attributes }: EngineEvent, wanted: string): boolean {
  const texts = type === "image" ? [actor, attributes.name] : type === "container" ? [attributes.image] : [];
  return texts.some((text) => text === wanted || (text !== undefined && withoutTag(text) === wanted));
}

/** "busybox" of "busybox:1"; an ID stays as it is. */
function withoutTag(name: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(name)) return name;
  const [tagged] = name.split("@", 1) as [string];
  const colon = tagged.lastIndexOf(":");
  return colon > tagged.lastIndexOf("/") ? tagged.slice(0, colon) : tagged;
}
