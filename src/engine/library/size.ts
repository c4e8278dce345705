/** Sizes: bytes as a number, or "512m" as on the command line. */
import { RuntError } from "../../errors.ts";

export type Size = number | `${number}${"" | "b" | "k" | "m" | "g" | "t"}`;

const units = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 } as const;

/** Bytes. @throws {RuntError} InvalidArgument */
export function bytesOf(what: string, size: Size): number {
  if (typeof size === "number") return size;
  const match = /^(-?\d+(?:\.\d+)?)([bkmgt]?)$/i.exec(size);
  if (match)
    return Math.floor(Number(match[1]) * units[(match[2]!.toLowerCase() || "b") as keyof typeof units]);
  throw new RuntError(
    "InvalidArgument",
    `${what}: ${JSON.stringify(size)} is not a size, as 1048576 or "1m" is`,
    {
      operation: "create",
      subject: what,
    },
  );
}
