/** Configurations for the tests of this folder: whole ones from files, and small changes to them. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { RuntError } from "../../../src/errors.ts";
import { parseConfig } from "../../../src/spec/runtime/config.ts";
import { parseJson, stringifyJson } from "../../../src/spec/runtime/json.ts";

export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json };

/** `docker`, `podman` and `cri` are as those engines write them; `full` has every field of the specification. */
export const configNames = ["docker", "podman", "cri", "full"] as const;

export function configText(name: (typeof configNames)[number]): string {
  return readFileSync(new URL(`configs/${name}.json`, import.meta.url), "utf8");
}

export function configValue(name: (typeof configNames)[number]): Json {
  return parseJson(configText(name), { where: `${name}.json`, operation: "test" }) as Json;
}

/** "linux.devices.0.path" as its parts; a key with a dot in it is given as an array instead. */
export type At = string | readonly (string | number)[];

/** A copy of `value` in which the member at `at` is `replacement`, or gone when that is undefined. */
export function withMember(value: Json, at: At, replacement: Json | undefined): Json {
  const [key, ...rest] = typeof at === "string" ? at.split(".") : at;
  if (key === undefined) return replacement!;
  const copy: Record<string, Json> | Json[] = Array.isArray(value)
    ? [...value]
    : { ...(value as Record<string, Json>) };
  const members = copy as Record<string | number, Json>;
  if (rest.length === 0 && replacement === undefined) delete members[key];
  else members[key] = rest.length === 0 ? replacement! : withMember(members[key] ?? {}, rest, replacement);
  return copy;
}

/** What `action` throws, which must be a RuntError. */
export function refusalOf(action: () => unknown): RuntError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(RuntError);
    return error as RuntError;
  }
  throw new Error("nothing was refused");
}

/** Expects the changed `full` config to be refused with this place and message, and nothing else. */
export function expectRefused(
  changes: readonly (readonly [At, Json | undefined])[],
  place: string,
  message: string,
): void {
  let value = configValue("full");
  for (const [at, replacement] of changes) value = withMember(value, at, replacement);
  const error = refusalOf(() => parseConfig(stringifyJson(value), "config.json"));
  const subject = place === "" ? "config.json" : `config.json: ${place}`;
  expect(error).toMatchObject({ kind: "InvalidArgument", site: { operation: "create", subject } });
  expect(error.message).toBe(`${subject}: ${message}`);
}
