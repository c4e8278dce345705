/** The device policy as properties of a unit. */
import { Access, allowsEverything, type DevicePolicy, type DeviceRule } from "../device-rules.ts";
import { type Property, property } from "./properties.ts";

/**
 * systemd has a list of what is allowed and nothing else. It gets one that allows at least what the policy
 * does, because both it and our own program must agree to an access; where it has no words for that, it gets
 * none and the decision is our program's alone.
 */
export function deviceProperties(policy: DevicePolicy): Property[] {
  const entries = policy.rules.filter((rule) => rule.allow).map(entry);
  const expressible = !policy.allowByDefault && entries.every((each) => each !== undefined);
  if (allowsEverything(policy) || !expressible) {
    return [property("DevicePolicy", "s", "auto"), property("DeviceAllow", "a(ss)", [])];
  }
  return [
    property("DevicePolicy", "s", "strict"),
    // The empty list first: a list adds to what is there, unless it is empty.
    property("DeviceAllow", "a(ss)", []),
    property("DeviceAllow", "a(ss)", entries),
  ];
}

const kinds = { b: "block", c: "char" } as const;

function entry({ type, major, minor, access }: DeviceRule): [string, string] | undefined {
  const letters = (Object.keys(Access) as (keyof typeof Access)[]).filter(
    (letter) => access & Access[letter],
  );
  const kind = kinds[type];
  if (major === undefined) return minor === undefined ? [`${kind}-*`, letters.join("")] : undefined;
  if (minor === undefined) return [`${kind}-${major}`, letters.join("")];
  return [`/dev/${kind}/${major}:${minor}`, letters.join("")];
}
