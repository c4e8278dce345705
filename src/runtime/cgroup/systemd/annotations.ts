/** Annotations that are properties of the container's unit: `org.systemd.property.TimeoutStopUSec`. */
import type { Variant } from "../../../linux/dbus-wire.ts";
import { invalid, type Origin } from "../../../spec/runtime/document-error.ts";
import { parseGVariant } from "./gvariant.ts";
import type { Property } from "./properties.ts";

const prefix = "org.systemd.property.";

/**
 * The properties among `annotations`. As in unit files, a name may end in "Sec" and its value be seconds:
 * systemd is told microseconds.
 * @throws {RuntError} InvalidArgument
 */
export function annotatedProperties(
  annotations: Readonly<Record<string, string>>,
  origin: Origin,
): Property[] {
  const keys = Object.keys(annotations).filter((key) => key.startsWith(prefix));
  return keys.map((key) => {
    const refuse = (why: string): never => {
      throw invalid(origin, ["annotations", key], why);
    };
    const name = key.slice(prefix.length);
    if (!/^[A-Za-z]{3,}$/.test(name)) refuse("must end in the name of a property of three or more letters");
    let value: Variant;
    try {
      value = parseGVariant(annotations[key] ?? "");
    } catch (error) {
      return refuse((error as SyntaxError).message);
    }
    if (!/[a-z]Sec$/.test(name)) return [name, value];
    return [name.replace(/Sec$/, "USec"), microseconds(value) ?? refuse("must be a number of seconds")];
  });
}

function microseconds({ signature, value }: Variant): Variant | undefined {
  if (!/^[ynqiuxtd]$/.test(signature)) return undefined;
  if (typeof value === "bigint") return { signature: "t", value: value * 1_000_000n };
  return { signature: "t", value: BigInt(Math.round(Number(value) * 1e6)) };
}
